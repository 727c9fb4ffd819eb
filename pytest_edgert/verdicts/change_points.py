"""Where the level of a series changes: the segmentation of least squares with a penalty for each change.

The search is PELT (Killick, Fearnhead & Eckley, JASA 107, 2012): exact, for it leaves out only what cannot be best any
more. Written in NumPy, since SciPy is not shipped to devices; checked against `ruptures` in the tests.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_edgert.tensors import Array

#: Median absolute deviation of a normal variable, as a share of its standard deviation.
_MAD_OF_NORMAL = 0.6745
#: Pairs of neighbours that a scale of noise is estimated from, at least.
_FEWEST_PAIRS = 8


def change_points(series: Array, penalty: float, least: int = 2) -> list[int]:
    """Return where new segments begin, rising; empty when the series has one level.

    The segments are those that make the sum of squared distances from their means, plus `penalty` for each change, the
    least of all segmentations.

    Args:
        series: Values in order, (n,).
        penalty: What a change must save, in the square of the series' unit, > 0.
        least: Values that a segment has at least, >= 1.
    """
    n = len(series)
    if n < 2 * least:
        return []
    values = np.asarray(series, dtype=np.float64) - np.mean(series)
    sums, squares = (np.concatenate(([0.0], np.cumsum(x))) for x in (values, values * values))
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    previous = np.zeros(n + 1, np.int64)
    #: Until which end a beginning is worth trying; segments shorter than `least` make a pruning take effect later.
    tried_until = np.full(n + 1, n + 1)
    for end in range(least, n + 1):
        begins = np.arange(0, end - least + 1)
        begins = begins[(tried_until[begins] > end) & np.isfinite(best[begins])]
        costs = best[begins] + _cost(sums, squares, begins, end)
        at = int(np.argmin(costs))
        best[end], previous[end] = costs[at] + penalty, begins[at]
        hopeless = begins[costs > best[end]]
        tried_until[hopeless] = np.minimum(tried_until[hopeless], end + least)
    return _path(previous, n)


def noise_scale(series: Array) -> float:
    """Return the standard deviation of the noise of a series with few changes of level, such that means of it add up.

    Neighbours differ by noise. Their squared difference gives the variance of independent noise, and the spread of the
    differences between the means of neighbouring groups of 2, 4, … gives, times the size of a group, that of noise
    which resembles its neighbours; the largest counts. Groups are measured by their median absolute deviation, which a
    few changes of level do not move.

    Args:
        series: Values in order, (n,).
    """
    values = np.asarray(series, dtype=np.float64)
    if len(values) < 2:
        return 0.0
    variances = [float(np.mean(np.diff(values) ** 2)) / 2]
    size = 1
    while len(values) // size > _FEWEST_PAIRS:
        means = values[: len(values) // size * size].reshape(-1, size).mean(axis=1)
        steps = np.diff(means)
        spread = float(np.median(np.abs(steps - np.median(steps)))) / _MAD_OF_NORMAL
        variances.append(size * spread**2 / 2)
        size *= 2
    return float(np.sqrt(max(variances)))


def _cost(
    sums: npt.NDArray[np.float64], squares: npt.NDArray[np.float64], begins: npt.NDArray[np.int64], end: int
) -> npt.NDArray[np.float64]:
    """Sum of squared distances from the mean of each segment from `begins` up to `end`."""
    total = sums[end] - sums[begins]
    return np.asarray(squares[end] - squares[begins] - total * total / (end - begins), dtype=np.float64)


def _path(previous: npt.NDArray[np.int64], end: int) -> list[int]:
    found = []
    while (end := int(previous[end])) > 0:
        found.append(end)
    return found[::-1]
