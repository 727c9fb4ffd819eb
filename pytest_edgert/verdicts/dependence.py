"""How many samples one sample is worth: the autocorrelation time of latencies.

Measured on mid-ranks, so that outliers do not drown the rest and ties get no order; never on the exceedances, which
are too rare to show a dependence. The windowed sum is Sokal, "Monte Carlo Methods in Statistical Mechanics", 1997,
section 3; the second estimate guards it where runs are short, see `docs/latency.md`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_edgert.tensors import Array

#: The first checkpoint and the factor from each to the next.
FIRST_CHECKPOINT = 50
_CHECKPOINT_STEP = 1.3
#: Whole numbers below this are exact; such series are ranked by counting where they span few values for their length.
_WHOLE, _COUNTED = 2**31, 4
#: Sokal's window: the first m with m >= 5 tau(m).
_WINDOW = 5
#: The standard error of the windowed sum is its share sqrt(2 (2 m + 1) / n) (Sokal), at m = 5 tau about sqrt(20 tau / n).
#: A series whose time is found too short is decided too soon, so this share of the error is added to what exceeds 1.
#: Without it AR(1) 0.9 at its median had 6.9 % of false verdicts of each kind in 10,000 samples.
_ROOM = 0.25
#: Lags summed one by one; beyond, all at once by a Fourier transform.
_DIRECT_LAGS = 200
#: Lags summed before the first look whether the window closes; then twice as many: independent samples close it at 5.
_FIRST_LAGS = 10
#: Differences below these shares of the way from the median to the nearest budget count as none.
_SMALL_SHARE, SHARE_OF_GAP = 1 / 20, 1 / 4


@dataclass(slots=True)
class HeldTau:
    """The autocorrelation time at the last checkpoint, so that a stopping rule computes each checkpoint once.

    `of` gives what `tau_at_checkpoint` gives, as long as it is asked about one growing series.
    """

    checkpoint: int = -1
    tau: float = 1.0

    def of(self, series: Array, limits: Sequence[float] = ()) -> float:
        """Return the autocorrelation time that holds for this series, (n,), beside these limits, in samples."""
        checkpoint = last_checkpoint(len(series))
        if checkpoint != self.checkpoint:
            self.checkpoint, self.tau = checkpoint, _tau_beside(series[:checkpoint], limits)
        return self.tau


def tau_at_checkpoint(series: Array, limits: Sequence[float] = ()) -> float:
    """Return the autocorrelation time of the series up to its last checkpoint: it is held between checkpoints."""
    return _tau_beside(series[: last_checkpoint(len(series))], limits)


def _tau_beside(series: Array, limits: Sequence[float]) -> float:
    """Return the smaller of two times: small steps see slow wandering, large ones little but rare excursions."""
    shares = (_SMALL_SHARE, SHARE_OF_GAP) if limits else (SHARE_OF_GAP,)
    return min(autocorrelation_time(coarsen(series, limits, share)) for share in shares)


def coarsen(series: Array, limits: Sequence[float], share: float = SHARE_OF_GAP) -> Array:
    """Return the series with differences tied that are small against the way to the nearest limit.

    Ranks know no scale: a clock frequency that wanders by 1 % orders all samples in time and makes thousands of them
    worth one, though the limit may be a hundred times as far. Steps of a share of the way from the median to the
    nearest limit keep every dependence that could carry samples across it; beside the limit the steps vanish.

    Args:
        series: Latencies in the order they were measured, (n,).
        limits: The budgets in the same unit; none leaves the series as it is.
        share: Length of a step as a share of that way.
    """
    if not len(series) or not limits:
        return series
    median = float(np.median(series))
    step = share * min(abs(limit - median) for limit in limits)
    if step == 0.0:
        return series
    steps = np.rint((series - median) / step)
    return steps.astype(np.int64) if float(np.absolute(steps).max()) < _WHOLE else steps


def last_checkpoint(n: int) -> int:
    """Return the last of 50, 65, 85, … (each 1.3 times the one before, rounded up) that is <= n; n itself below 50."""
    if n < FIRST_CHECKPOINT:
        return n
    checkpoint, following = FIRST_CHECKPOINT, FIRST_CHECKPOINT
    while following <= n:
        checkpoint, following = following, math.ceil(following * _CHECKPOINT_STEP)
    return checkpoint


def autocorrelation_time(series: Array) -> float:
    """Return the autocorrelation time in samples with room for its error, >= 1 and finite.

    With t = max(1, s, a) it is 1 + (t - 1) (1 + sqrt(20 t / n) / 4). s is Sokal's windowed sum 1 + 2 (r_1 + … + r_m) of the
    autocorrelations of the mid-ranks; a = (1 + r_1) / (1 - r_1), the time of a first-order process, counts when
    r_1 > 2 / sqrt(n), since s is biased low on short runs. The last factor is `_ROOM`.

    Args:
        series: Latencies in the order they were measured, (n,), any number type.
    """
    n = len(series)
    ranks = mid_ranks(series)
    ranks -= ranks.mean() if n else 0.0
    power = _product(ranks, ranks)
    if n < 3 or power == 0.0:
        return 1.0
    first = _product(ranks[1:], ranks[:-1]) / power
    first_order = (1 + first) / (1 - first) if first > 2 / math.sqrt(n) else 1.0
    found = max(1.0, _windowed_sum(ranks, power), first_order)
    return 1 + (found - 1) * (1 + _ROOM * math.sqrt(4 * _WINDOW * found / n))


def mid_ranks(series: Array) -> npt.NDArray[np.float64]:
    """Return the rank of each sample from 1, equal samples sharing the middle of theirs: (n,), float64."""
    if series.dtype.kind == "i" and len(series) and int(np.ptp(series)) < _COUNTED * len(series):
        inverse = series - series.min()
        counts = np.bincount(inverse)
    else:
        _, inverse, counts = np.unique(series, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(middles[inverse.reshape(-1)], dtype=np.float64)


def _windowed_sum(centred: npt.NDArray[np.float64], power: float) -> float:
    lags = len(centred) // 2
    direct = min(lags, _DIRECT_LAGS)
    total, closed, upto = 1.0, False, _FIRST_LAGS
    known: list[float] = []
    while not closed and len(known) < direct:
        lacking = range(len(known) + 1, min(direct, upto) + 1)
        known += [_product(centred[lag:], centred[:-lag]) for lag in lacking]
        total, closed = _close_window(np.array(known) / power)
        upto *= 2
    if closed or direct == lags:
        return total
    return _close_window(_all_sums(centred)[1 : lags + 1] / power)[0]


def _product(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Inner product without BLAS, whose idle threads would spin beside the next inferences."""
    return float(np.einsum("i,i->", one, other))


def _close_window(correlations: npt.NDArray[np.float64]) -> tuple[float, bool]:
    """Return tau at the first window m >= 5 tau(m), and whether there was one; else tau at the last lag."""
    taus = 1 + 2 * np.cumsum(correlations)
    if not len(taus):
        return 1.0, False
    enough = np.flatnonzero(np.arange(1, len(taus) + 1) >= _WINDOW * taus)
    return (float(taus[enough[0]]), True) if len(enough) else (float(taus[-1]), False)


def _all_sums(centred: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sum of lagged products for every lag, by the Wiener-Khinchin theorem on a zero-padded series."""
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    return np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)[: len(centred)]
