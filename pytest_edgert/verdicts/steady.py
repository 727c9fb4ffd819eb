"""A first look at whether counted samples can be trusted at all; what it names makes a measurement INVALID.

It sees a clock that went backwards or is too coarse, and a latency that rises from start to end. It does not see a
rise that pauses, a slowdown in steps, a latency that falls (a warm-up cut too short), modes that alternate, or the
device's temperature, clocks and load; change-point analysis is a separate question. It is kept conservative: eight
independent block medians stand in rising order in 1 of 8! = 40,320 series, before the second condition.
"""

from __future__ import annotations

import numpy as np

from pytest_edgert import clock
from pytest_edgert.tensors import Array

#: Blocks whose medians must rise, samples each must have, and the rise from first to last that counts.
_BLOCKS = 8
_FEWEST_PER_BLOCK = 8
_RISE = 1.5
#: A duration below this many ticks of the clock is mostly rounding.
_TICKS = 20


def distrust(
    durations_ns: Array, starts_ns: Array, resolution_ns: float | None = None, *, may_overlap: bool = False
) -> list[tuple[str, str]]:
    """Return why these samples cannot be trusted, as (reason, remedy); empty when nothing was seen.

    Args:
        durations_ns: Durations in the order they were measured, (n,), int64.
        starts_ns: Start of each on the same clock, (n,), int64.
        resolution_ns: Resolution of that clock; by default what this machine states of `clock.monotonic_ns`.
        may_overlap: Whether durations are response times from an intended start, so that the next request may start
            before `starts_ns + durations_ns`.
    """
    if not len(durations_ns):
        return []
    resolution_ns = clock.resolution_ns() if resolution_ns is None else resolution_ns
    found = [
        _clock_ran_backwards(durations_ns, starts_ns, may_overlap=may_overlap),
        _timer_too_coarse(durations_ns, resolution_ns),
        _steady_rise(durations_ns),
    ]
    return [reason for reason in found if reason is not None]


def _clock_ran_backwards(durations_ns: Array, starts_ns: Array, *, may_overlap: bool) -> tuple[str, str] | None:
    ends_ns = starts_ns if may_overlap else starts_ns + durations_ns
    overlaps = int(np.count_nonzero(starts_ns[1:] < ends_ns[:-1]))
    not_positive = int(np.count_nonzero(durations_ns <= 0))
    if not overlaps and not not_positive:
        return None
    before = "starts" if may_overlap else "ends"
    what = (
        f"{not_positive} of {len(durations_ns)} durations are not above zero"
        if not_positive
        else f"{overlaps} of {len(durations_ns)} inferences start before the one before them {before}"
    )
    return f"{what}: the clock stood still or went backwards", "Measure on a device with a monotonic clock."


def _timer_too_coarse(durations_ns: Array, resolution_ns: float) -> tuple[str, str] | None:
    longest = int(durations_ns.max())
    if longest >= _TICKS * resolution_ns:
        return None
    return (
        f"the longest of {len(durations_ns)} durations is {longest} ns, below {_TICKS} ticks of a clock of "
        f"{resolution_ns:g} ns: the timer is too coarse",
        "Measure a larger batch, or several inferences in one model.",
    )


def _steady_rise(durations_ns: Array) -> tuple[str, str] | None:
    if len(durations_ns) < _BLOCKS * _FEWEST_PER_BLOCK:
        return None
    medians = np.array([np.median(block) for block in np.array_split(durations_ns, _BLOCKS)])
    if not (np.all(np.diff(medians) > 0) and medians[-1] >= _RISE * medians[0]):
        return None
    return (
        f"latency rose all the time, to {medians[-1] / medians[0]:.1f} times what it was at the start: no steady state",
        "Look for heat, memory growth or state kept between inferences; cool the device, or measure longer.",
    )
