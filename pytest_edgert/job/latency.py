"""The latency job: what a worker does beside the runtime, from the first inference to the last sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from pytest_edgert import clock
from pytest_edgert.contracts import Session
from pytest_edgert.measure.loop import runner, sample_into
from pytest_edgert.measure.samples import SUFFICED, LatencySamples
from pytest_edgert.measure.warm_up import WarmUp, warm_up
from pytest_edgert.records import LatencyPlan, Plain, Verdict
from pytest_edgert.tensors import Array, Feeds
from pytest_edgert.verdicts.dependence import HeldTau
from pytest_edgert.verdicts.latency import PERCENTILES, decide
from pytest_edgert.verdicts.quantile import sample_quantile

Report: TypeAlias = Callable[[Mapping[str, Plain]], None]

#: Time of one block of inferences between two looks at the evidence.
_BLOCK_S = 0.03
#: Progress is reported no more often than this.
_REPORT_S = 0.25
#: Samples a progress estimate is made of, the latest ones.
_ESTIMATE_N = 10_000
#: Samples by which the evidence must have grown for another look, as a share: a look costs time in proportion to n.
_LOOK_STEP = 0.01
#: Samples kept at most, 64 MB of memory; and how many there is room for at first.
MAX_SAMPLES = 4_000_000
_FIRST_CAPACITY = 4_096


@dataclass(slots=True)
class _Taken:
    """Samples so far, in arrays that double when they are full."""

    n: int = 0
    durations: Array = field(default_factory=lambda: np.zeros(_FIRST_CAPACITY, np.int64))
    starts: Array = field(default_factory=lambda: np.zeros(_FIRST_CAPACITY, np.int64))

    def take(self, run: Callable[[], object], count: int, now_ns: Callable[[], int]) -> None:
        """Time `count` more inferences."""
        while self.n + count > len(self.durations):
            self.durations = np.concatenate((self.durations, np.zeros_like(self.durations)))
            self.starts = np.concatenate((self.starts, np.zeros_like(self.starts)))
        sample_into(run, self.durations, self.starts, self.n, count, now_ns)
        self.n += count

    @property
    def durations_ns(self) -> Array:
        return self.durations[: self.n]

    @property
    def starts_ns(self) -> Array:
        return self.starts[: self.n]


@dataclass(slots=True)
class _Progress:
    """Reports where a measurement stands, at most every `_REPORT_S`."""

    report: Report
    now_ns: Callable[[], int]
    began: int
    percentile: float
    last: int

    def warming(self, n: int, elapsed_s: float) -> None:
        if self._due():
            self.report({"phase": "warm-up", "n": n, "elapsed_s": elapsed_s})

    def sampling(self, taken: _Taken) -> None:
        if self._due():
            recent = np.sort(taken.durations_ns[-_ESTIMATE_N:])
            self.report(
                {
                    "phase": "sampling",
                    "n": taken.n,
                    "elapsed_s": (self.last - self.began) / 1e9,
                    "percentile": self.percentile,
                    "estimate_s": sample_quantile(recent, self.percentile / 100) / 1e9,
                }
            )

    def _due(self) -> bool:
        now = self.now_ns()
        due = now - self.last >= _REPORT_S * 1e9
        self.last = now if due else self.last
        return due


def measure_latency(
    session: Session,
    feeds: Feeds,
    plan: LatencyPlan,
    report: Report,
    *,
    now_ns: Callable[[], int] = clock.monotonic_ns,
) -> LatencySamples:
    """Warm up, then sample in blocks until the evidence suffices or the plan says stop.

    The verdict is not part of the result: whoever gets the samples computes it by `verdicts.latency.judge_latency`,
    which on these samples says what stopped the sampling.

    Args:
        session: A session that nothing else uses meanwhile.
        feeds: Feeds that fit its signature.
        plan: What to decide, and for how long at most; warm-up counts towards `plan.max_s`.
        report: Called at most four times a second with ``phase`` ("warm-up" or "sampling"), ``n``, ``elapsed_s``, and
            when sampling ``percentile`` with its running ``estimate_s``. What it raises ends the measurement.
        now_ns: The clock.

    Raises:
        EdgertError: Whatever the session raises.
    """
    began = now_ns()
    percentile = plan.budgets[0].percentile if plan.budgets else PERCENTILES[0]
    progress = _Progress(report, now_ns, began, percentile, began)
    run = runner(session, feeds)
    warmed = warm_up(run, plan, now_ns, progress.warming)
    taken = _Taken()
    reason = _sample(run, plan, warmed, taken, progress)
    return LatencySamples(taken.durations_ns, taken.starts_ns, warmed.first_ns, warmed.n, warmed.elapsed_ns, reason)


def _sample(run: Callable[[], object], plan: LatencyPlan, warmed: WarmUp, taken: _Taken, progress: _Progress) -> str:
    """Sample until there is a reason to stop, and return it."""
    held = HeldTau()
    typical_ns, next_look = warmed.last_ns, 1
    sampling_began = progress.now_ns()
    while True:
        block = _block(typical_ns, taken.n, plan)
        taken.take(run, block, progress.now_ns)
        typical_ns = int(np.median(taken.durations_ns[-block:]))
        now = progress.now_ns()
        reason = _time_or_count(plan, taken.n, (now - progress.began) / 1e9, (now - sampling_began) / 1e9)
        if taken.n >= next_look:
            next_look = taken.n + math.ceil(_LOOK_STEP * taken.n)
            if _decided(taken, plan, held):
                return SUFFICED if plan.fixed_n is None else f"all {taken.n} samples were taken"
        if reason:
            return reason
        progress.sampling(taken)


def _block(typical_ns: int, n: int, plan: LatencyPlan) -> int:
    """Return how many inferences to run before the next look: about `_BLOCK_S` of them, at least 1."""
    fits = round(_BLOCK_S * 1e9 / max(1, typical_ns))
    most = min(MAX_SAMPLES, plan.fixed_n or MAX_SAMPLES) - n
    return max(1, min(fits, most, max(_FIRST_CAPACITY, n)))


def _decided(taken: _Taken, plan: LatencyPlan, held: HeldTau) -> bool:
    if not plan.budgets:
        return False
    decision = decide(taken.durations_ns, taken.starts_ns, plan, held)
    return decision.verdict in {Verdict.PASS, Verdict.FAIL, Verdict.INVALID}


def _time_or_count(plan: LatencyPlan, n: int, elapsed_s: float, sampled_s: float) -> str:
    """Return why sampling must end whatever the evidence; empty when it need not."""
    if plan.fixed_n is not None and n >= plan.fixed_n:
        return f"all {n} samples were taken"
    if elapsed_s >= plan.max_s:
        return f"the cap of {plan.max_s:g} s was reached"
    if n >= MAX_SAMPLES:
        return f"the cap of {MAX_SAMPLES} samples was reached"
    if not plan.budgets and plan.fixed_n is None and sampled_s >= plan.measure_s:
        return f"{plan.measure_s:g} s were watched"
    return ""
