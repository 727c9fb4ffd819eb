"""Whether the clock can be believed: it must move on, never back, and in steps that are small against a latency.

A clock that stood still, went back or is coarser than what it measures makes a measurement INVALID. A latency that is a
few steps of the clock is told, and makes INVALID only a verdict that a step more or less could turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_edgert import clock
from pytest_edgert.records import Doubt
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.sentences import duration_text

#: A duration below this many ticks of the clock is mostly rounding.
_TICKS = 20
#: Samples are quantised when each value comes this often on average and a step is this share of the median at least.
_REPEATS = 4
_COARSE_STEP = 0.01
#: How far from a multiple of the step a duration may lie, in steps: clocks tick in fractions of a nanosecond.
_OFF_THE_GRID = 0.1


@dataclass(frozen=True, slots=True)
class Timing:
    """What the clock said: `durations_ns`, `starts_ns` of all timed inferences, (n,), int64.

    Args:
        durations_ns: What is judged; response times where requests have intended starts.
        starts_ns: Real starts on the same clock.
        service_ns: Time from real start to end; None where that is the duration.
        may_overlap: Whether the next request may start before ``start + duration``, as response times let it.
    """

    durations_ns: Array
    starts_ns: Array
    service_ns: Array | None = None
    may_overlap: bool = False


def clock_faults(timing: Timing, resolution_ns: float | None = None) -> tuple[Doubt, ...]:
    """Return why the clock cannot be believed; empty when nothing was seen. Every one voids.

    Args:
        timing: What the clock said.
        resolution_ns: Its resolution; by default what this machine states of `clock.monotonic_ns`.
    """
    if not len(timing.durations_ns):
        return ()
    resolution_ns = clock.resolution_ns() if resolution_ns is None else resolution_ns
    found = (_ran_backwards(timing), _too_coarse(timing, resolution_ns))
    return tuple(doubt for doubt in found if doubt is not None)


def step_ns(durations_ns: Array) -> float:
    """Return the step of a clock that quantises these durations; 0 when they look continuous.

    Few distinct values, each met again and again, all multiples of the step between the nearest two, and that a
    hundredth of the median or more. One value alone does not tell its step.

    Args:
        durations_ns: Durations, (n,), int64.
    """
    values = np.unique(durations_ns)
    if not 2 <= len(values) <= len(durations_ns) / _REPEATS:
        return 0.0
    median = float(np.median(durations_ns))
    step = float(np.diff(values).min())
    if not _COARSE_STEP * median <= step <= median:
        return 0.0
    steps = values[values <= 2 * median] * (round(median / step) / median)
    return step if float(np.abs(steps - np.rint(steps)).max()) < _OFF_THE_GRID else 0.0


def quantised(n: int, step: float, *, turns: bool) -> Doubt:
    """Return the sign that `n` samples are quantised by the clock; it voids where a step `turns` the verdict."""
    what = f"the clock moves in steps of {duration_text(step / 1e9)}, coarse against the latency of {n} samples"
    told = f"{what}; a step more or less could turn the verdict" if turns else f"{what}, not against the budget"
    return Doubt("quantised", told, "Measure a larger batch, or several inferences in one model.", voids=turns)


def _ran_backwards(timing: Timing) -> Doubt | None:
    n = len(timing.durations_ns)
    busy_ns = timing.durations_ns if timing.service_ns is None else timing.service_ns
    told_by_starts = timing.service_ns is None and timing.may_overlap
    ends_ns = timing.starts_ns if told_by_starts else timing.starts_ns + busy_ns
    overlaps = int(np.count_nonzero(timing.starts_ns[1:] < ends_ns[:-1]))
    not_positive = int(np.count_nonzero((timing.durations_ns <= 0) | (busy_ns <= 0)))
    if not overlaps and not not_positive:
        return None
    before = "starts" if told_by_starts else "ends"
    what = (
        f"{not_positive} of {n} durations are not above zero"
        if not_positive
        else f"{overlaps} of {n} inferences start before the one before them {before}"
    )
    return Doubt(
        "clock",
        f"{what}: the clock stood still or went backwards",
        "Measure on a device with a monotonic clock.",
        voids=True,
    )


def _too_coarse(timing: Timing, resolution_ns: float) -> Doubt | None:
    longest = int(timing.durations_ns.max())
    if longest >= _TICKS * resolution_ns:
        return None
    return Doubt(
        "timer",
        f"the longest of {len(timing.durations_ns)} durations is {longest} ns, below {_TICKS} ticks of a clock of "
        f"{resolution_ns:g} ns: the timer is too coarse",
        "Measure a larger batch, or several inferences in one model.",
        voids=True,
    )
