"""Warm-up: inferences that are run, timed for what they tell, and thrown away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_edgert.measure.paced import Pacer
from pytest_edgert.records import LatencyPlan

#: Share of the whole time allowed that a warm-up may take; the rest is for evidence.
_LARGEST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What was thrown away: `n` inferences in `elapsed_ns`; the first took `first_ns`, the last `last_ns`."""

    n: int
    elapsed_ns: int
    first_ns: int
    last_ns: int


def warm_up(
    run: Callable[[], object],
    plan: LatencyPlan,
    now_ns: Callable[[], int],
    watch: Callable[[int, float], None],
    pacer: Pacer | None = None,
) -> WarmUp:
    """Run at least `plan.warm_up_n` inferences and `plan.warm_up_s`, but no longer than a quarter of `plan.max_s`.

    There is always one inference, the session's first, whatever the plan.

    Args:
        run: Runs one inference.
        plan: How much to throw away.
        now_ns: The clock.
        watch: Called after each inference with the number so far and the seconds elapsed.
        pacer: Lets requests come as in the measurement, without a queue; None runs them back to back.
    """
    began = now_ns()
    if pacer is not None:
        pacer.wait()
    start = now_ns()
    run()
    ended = now_ns()
    first_ns = last_ns = ended - start
    n = 1
    watch(n, (ended - began) / 1e9)
    while not _warm(n, (max(ended, pacer.follow() if pacer else ended) - began) / 1e9, plan):
        if pacer is not None:
            pacer.wait()
        start = now_ns()
        run()
        ended = now_ns()
        last_ns = ended - start
        n += 1
        watch(n, (ended - began) / 1e9)
    return WarmUp(n, ended - began, first_ns, last_ns)


def _warm(n: int, elapsed_s: float, plan: LatencyPlan) -> bool:
    if elapsed_s >= _LARGEST_SHARE * plan.max_s:
        return True
    return n >= plan.warm_up_n and elapsed_s >= plan.warm_up_s
