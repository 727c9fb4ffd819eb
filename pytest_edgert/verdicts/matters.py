"""Whether a change of latency over the measurement matters to a verdict, and what to say of it.

A change voids a verdict only where the verdict hangs on it. A PASS stands when even the slowest level keeps the budget:
then it would stand whichever level is the true one. A FAIL stands when even the fastest level breaks it, bursts left out.
Where neither could be said, the measurement is void when one level keeps the budget and another breaks it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pytest_edgert.records import Doubt, Verdict
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.sentences import duration_text
from pytest_edgert.verdicts.shapes import FLAT, NO_STEADY_STATE, SLOWDOWN, WARM_UP, Level, Shape

#: Levels that a sentence names.
_NAMED = 4
_LOOK_FOR = "Look for heat, memory growth or state kept between inferences"


def stands(verdict: Verdict, limit: float, p: float, durations: Array, shape: Shape) -> bool:
    """Return whether the verdict on one budget stands in spite of what the measurement looks like over its time.

    Args:
        verdict: PASS, FAIL or INCONCLUSIVE.
        limit: The budget, in the unit of `durations`.
        p: Its quantile, above 0 and below 1.
        durations: All timed inferences, (n,), the cut head included.
        shape: Their shape.
    """
    levels = [one for one in shape.levels if one.begin >= shape.cut_n]
    if len(levels) < 2 and (verdict is not Verdict.FAIL or not shape.bursts):
        return True
    bursts = shape.bursts if verdict is Verdict.FAIL else ()
    kept = [_within(limit, p, _without(bursts, one, durations)) for one in levels]
    if verdict is Verdict.PASS:
        return all(kept)
    return not any(kept) if verdict is Verdict.FAIL else len(set(kept)) == 1


def doubts_of(shape: Shape, durations_ns: Array, starts_ns: Array, *, voids: bool) -> tuple[Doubt, ...]:
    """Return what is to be said of a shape: nothing where it is flat and without bursts.

    Args:
        shape: The shape of all timed inferences.
        durations_ns: Their durations, (n,), int64.
        starts_ns: Their starts, (n,), int64.
        voids: Whether the verdict hangs on it.
    """
    return tuple(_told(shape, starts_ns, len(durations_ns), voids=voids))


def _told(shape: Shape, starts_ns: Array, n: int, *, voids: bool) -> Iterator[Doubt]:
    ending = ": the verdict hangs on it" if voids else ""
    if shape.kind == WARM_UP:
        first, last = shape.levels[0], shape.levels[-1]
        sentence = (
            f"latency fell from {_level(first)} to {_level(last)}: the first {shape.cut_n} of {n} inferences "
            f"({_after(shape.cut_n, starts_ns)}) were cut off as warm-up"
        )
        yield Doubt("warm-up", sentence, "Warm up for longer: [measure] warmup in the profile.")
    if shape.kind == SLOWDOWN:
        sentence = f"slowdown: latency rose, {_levels(shape, starts_ns)}{ending}"
        remedy = f"{_LOOK_FOR}; cool the device, or judge it after minutes under load."
        yield Doubt("slowdown", sentence, remedy, voids=voids, passing=True)
    if shape.kind == NO_STEADY_STATE:
        sentence = f"no steady state: latency was {_levels(shape, starts_ns)}{ending}"
        remedy = f"{_LOOK_FOR}; keep other work off the device, or measure longer."
        yield Doubt("no-steady-state", sentence, remedy, voids=voids, passing=True)
    if shape.bursts:
        longest = max(shape.bursts, key=lambda one: one.end - one.begin)
        hangs = voids and shape.kind in {FLAT, WARM_UP}
        length = _after(longest.end - 1, starts_ns, longest.begin)
        sentence = (
            f"{len(shape.bursts)} stretches of another level, the longest of {_level(longest)} for "
            f"{length} after {_after(longest.begin, starts_ns)}{ending if hangs else ''}"
        )
        yield Doubt("burst", sentence, "Keep other work off the device, or measure longer.", voids=hangs, passing=True)


def _within(limit: float, p: float, durations: Array) -> bool:
    """Whether the sample quantile (see `quantile.sample_quantile`) is at most the limit."""
    return int(np.count_nonzero(durations > limit)) <= len(durations) * (1 - p) + 1e-9


def _without(bursts: tuple[Level, ...], level: Level, durations: Array) -> Array:
    kept = np.ones(level.end - level.begin, np.bool_)
    for burst in bursts:
        kept[max(0, burst.begin - level.begin) : max(0, burst.end - level.begin)] = False
    return np.asarray(durations[level.begin : level.end][kept])


def _levels(shape: Shape, starts_ns: Array) -> str:
    told = [f"{_level(shape.levels[0])} at first"]
    told += [f"{_level(one)} after {_after(one.begin, starts_ns)}" for one in shape.levels[1:_NAMED]]
    more = len(shape.levels) - _NAMED
    return ", ".join(told) + (f" and {more} more changes" if more > 0 else "")


def _level(level: Level) -> str:
    return duration_text(level.level / 1e9)


def _after(index: int, starts_ns: Array, since: int = 0) -> str:
    return duration_text((int(starts_ns[index]) - int(starts_ns[since])) / 1e9)
