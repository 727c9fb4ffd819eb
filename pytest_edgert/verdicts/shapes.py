"""The shape of a measurement over its time: flat, warm-up, slowdown or no steady state.

The classes are those of Barrett, Bolz-Tereick, Killick, Mount & Tratt, "Virtual Machine Warmup Blows Hot and Cold",
OOPSLA 2017. All timed inferences are put into windows, and levels are sought among the windows' medians; so outliers,
bursts and modes shorter than a window are no change of level, they are part of what latency is here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.change_points import change_points, noise_scale
from pytest_edgert.verdicts.dependence import last_checkpoint

FLAT = "flat"
WARM_UP = "warm-up"
SLOWDOWN = "slowdown"
NO_STEADY_STATE = "no steady state"

#: Inferences in a window at least, windows at least for a shape to be told, and at most.
_FEWEST_PER_WINDOW, _FEWEST_WINDOWS, _MOST_WINDOWS = 10, 16, 80
#: The penalty of a change, in variances of the noise and logarithms of the number of windows (Barrett et al.).
_PENALTY = 15.0
#: A change below this share of the median is none that matters.
_MATERIAL = 0.05
#: A level met once for so short a share of the watch is a burst, unless the measurement begins with it: modes are
#: covered by a watch of 20 times their length.
_SHORT = 1 / 20
#: Share of the watch that the last level must hold for what came before to be cut as warm-up.
_STEADY = 1 / 2


@dataclass(frozen=True, slots=True)
class Level:
    """A stretch of inferences ``begin … end - 1`` on one level, the median of its windows' medians."""

    begin: int
    end: int
    level: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What a measurement looks like over its time.

    Args:
        kind: One of the four, or "" where there were too few inferences to tell.
        levels: The stretches in order, one or more; what is too short for a level is in `bursts`, and inside of these.
        bursts: Stretches that were too short to be a level of the measurement.
        cut_n: Inferences that a warm-up lasted: the head to be cut.
    """

    kind: str = ""
    levels: tuple[Level, ...] = ()
    bursts: tuple[Level, ...] = ()
    cut_n: int = 0


@dataclass(slots=True)
class HeldShape:
    """The shape at the last checkpoint of one growing series; `of` gives what `shape_at_checkpoint` gives."""

    checkpoint: int = -1
    shape: Shape = Shape()

    def of(self, durations: Array) -> Shape:
        """Return the shape that holds for these durations of all timed inferences, (n,)."""
        checkpoint = last_checkpoint(len(durations))
        if checkpoint != self.checkpoint:
            self.checkpoint, self.shape = checkpoint, classify(durations[:checkpoint])
        return self.shape


def shape_at_checkpoint(durations: Array) -> Shape:
    """Return the shape of the durations up to their last checkpoint: it is held between checkpoints."""
    return HeldShape().of(durations)


def classify(durations: Array) -> Shape:
    """Return the shape of a measurement.

    Args:
        durations: Of all timed inferences in order, (n,), any number type.
    """
    size = max(_FEWEST_PER_WINDOW, math.ceil(len(durations) / _MOST_WINDOWS))
    windows = len(durations) // size
    if windows < _FEWEST_WINDOWS:
        return Shape()
    medians = np.median(durations[: windows * size].reshape(windows, size), axis=1)
    stretches = _stretches(medians)
    if len(stretches) == 1:
        return Shape(FLAT, _in_inferences(stretches, size))
    main = [one for one in stretches if one.begin == 0 or one.end - one.begin > _SHORT * windows]
    levels = _merged(main, medians)
    bursts = [one for one in stretches if one not in main]
    kind = _kind(levels, windows)
    cut = levels[-1].begin * size if kind == WARM_UP else 0
    return Shape(kind, _in_inferences(levels, size), _in_inferences(bursts, size), cut)


def _stretches(medians: npt.NDArray[np.float64]) -> list[Level]:
    """Return the stretches of windows between changes of level that matter."""
    n = len(medians)
    material = _MATERIAL * float(np.median(medians))
    whole = [Level(0, n, float(np.median(medians)))]
    if float(np.ptp(medians)) < material:
        return whole
    # With less noise than this no change is missed that matters, and a series without noise has a scale.
    penalty = _PENALTY * math.log(n) * max(noise_scale(medians), material / 10) ** 2
    if n * float(np.var(medians)) <= penalty:
        return whole
    edges = [0, *change_points(medians, penalty), n]
    found = [Level(begin, end, float(np.median(medians[begin:end]))) for begin, end in pairwise(edges)]
    return _merged(found, medians)


def _merged(levels: list[Level], medians: npt.NDArray[np.float64]) -> list[Level]:
    """Join neighbours whose levels differ by less than matters, the nearest first."""
    material = _MATERIAL * float(np.median(medians))
    levels = list(levels)
    while len(levels) > 1:
        steps = [abs(after.level - before.level) for before, after in pairwise(levels)]
        at = int(np.argmin(steps))
        if steps[at] >= material:
            break
        before, after = levels[at], levels[at + 1]
        kept = np.concatenate((medians[before.begin : before.end], medians[after.begin : after.end]))
        levels[at : at + 2] = [Level(before.begin, after.end, float(np.median(kept)))]
    return levels


def _kind(levels: list[Level], windows: int) -> str:
    steps = np.diff([one.level for one in levels])
    if not len(steps):
        return FLAT
    if np.all(steps < 0) and levels[-1].end - levels[-1].begin >= _STEADY * windows:
        return WARM_UP
    return SLOWDOWN if np.all(steps > 0) else NO_STEADY_STATE


def _in_inferences(levels: list[Level], size: int) -> tuple[Level, ...]:
    return tuple(Level(one.begin * size, one.end * size, one.level) for one in levels)
