"""The anytime-valid test of a quantile: evidence from (n, k) alone, and the interval that agrees with it.

With X_i = 1 when sample i lies above the budget B, "the p-quantile is at most B" is "P(X = 1) <= q", q = 1 - p: no
assumption on the shape of latencies. The evidence is a mixture of likelihood ratios (an e-process), which by Ville's
inequality exceeds 1/alpha with probability at most alpha however often one looks. Howard & Ramdas, "Sequential
estimation of quantiles", Bernoulli 28(3), 2022 (arXiv:1906.09712).

Everything is decided on ``log E / tau``: samples with an autocorrelation time `tau` count as n / tau.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_edgert.tensors import Array

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
_LogE: TypeAlias = "Callable[[int, int, float], float]"

#: Weight of the hypothesis "nothing ever lies above the budget" in the mixture that speaks for PASS.
_CLEAN_WEIGHT = 0.3
#: Points of the grids. 25 makes the fewest clean samples of a PASS 6, 36, 74, 379 and 3800 at p50 … p99.9.
_GRID = 25


def log_e_pass(n: int, k: int, p: float) -> float:
    """Return the log of the evidence for "the p-quantile is within the budget" (against P(X = 1) >= 1 - p).

    Args:
        n: Samples, >= 0.
        k: Samples above the budget, 0 … n.
        p: The quantile, above 0 and below 1.
    """
    return float(log_e_pass_each(np.array([n]), np.array([k]), p)[0])


def log_e_fail(n: int, k: int, p: float) -> float:
    """Return the log of the evidence for "the p-quantile is beyond the budget" (against P(X = 1) <= 1 - p)."""
    return float(log_e_fail_each(np.array([n]), np.array([k]), p)[0])


def log_e_pass_each(n: Ints, k: Ints, p: float) -> Floats:
    """Return `log_e_pass` of each pair of the equally long `n` and `k`, (pairs,), float64."""
    above, below = _pass_grid(p)
    exceeded = np.outer(k, above)
    exceeded[:, 0] = np.where(k == 0, 0.0, -np.inf)  # theta = 0 allows no exceedance; 0 * log(0) is 0
    weights = np.log(np.concatenate(([_CLEAN_WEIGHT], np.full(_GRID, (1 - _CLEAN_WEIGHT) / _GRID))))
    return _log_sum(exceeded + np.outer(n - k, below) + weights)


def log_e_fail_each(n: Ints, k: Ints, p: float) -> Floats:
    """Return `log_e_fail` of each pair of the equally long `n` and `k`, (pairs,), float64."""
    above, below = _fail_grid(p)
    return _log_sum(np.outer(k, above) + np.outer(n - k, below) - math.log(_GRID))


def k_pass(n: int, p: float, alpha: float, tau: float = 1.0) -> int | None:
    """Return the most exceedances among `n` samples that still PASS at `alpha`; None when not even 0 do."""
    return _last(lambda k: log_e_pass(n, k, p) >= tau * -math.log(alpha), n)


def k_fail(n: int, p: float, beta: float, tau: float = 1.0) -> int | None:
    """Return the fewest exceedances among `n` samples that FAIL at `beta`; None when not even `n` do."""
    spared = _last(lambda below: log_e_fail(n, n - below, p) >= tau * -math.log(beta), n)
    return None if spared is None else n - spared


@lru_cache(maxsize=256)
def fewest_clean(p: float, alpha: float) -> int:
    """Return how many samples, all within the budget and independent, a PASS needs at least."""
    high = 1
    while log_e_pass(high, 0, p) < -math.log(alpha):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_e_pass(middle, 0, p) >= -math.log(alpha) else (middle, high)
    return high


def quantile_interval(
    ordered: Array, p: float, alpha: float, beta: float, tau: float = 1.0
) -> tuple[float | None, float | None]:
    """Return (low, high) that hold the p-quantile at all looks together with probability >= 1 - alpha - beta.

    The interval agrees with the test: PASS of a budget B if and only if high <= B, FAIL if and only if low > B.

    Args:
        ordered: Samples sorted ascending, (n,).
        p: The quantile, above 0 and below 1.
        alpha: Highest probability of a false PASS, which bounds the high end.
        beta: Highest probability of a false FAIL, which bounds the low end.
        tau: Autocorrelation time in samples, >= 1.

    Returns:
        The ends in the unit of `ordered`; None where the samples cannot bound the quantile.
    """
    n = len(ordered)
    return ends(ordered, k_pass(n, p, alpha, tau), k_fail(n, p, beta, tau))


def ends(ordered: Array, most_to_pass: int | None, fewest_to_fail: int | None) -> tuple[float | None, float | None]:
    """Return the interval's ends x_(n-k_fail+1) and x_(n-k_pass) of samples sorted ascending."""
    n = len(ordered)
    high = None if most_to_pass is None or most_to_pass >= n else float(ordered[n - most_to_pass - 1])
    low = None if fewest_to_fail is None or fewest_to_fail <= 0 else float(ordered[n - fewest_to_fail])
    return low, high


def sample_quantile(ordered: Array, p: float) -> float:
    """Return x_(ceil(n p)) of samples sorted ascending, (n,), n >= 1: a value that was seen, never a mean of two."""
    n = len(ordered)
    rank = math.ceil(round(n * p, 9))
    return float(ordered[min(max(rank, 1), n) - 1])


@lru_cache(maxsize=64)
def _pass_grid(p: float) -> tuple[Floats, Floats]:
    """Log likelihood ratios (above, below the budget) of theta = 0 and 0.1 q … 0.95 q against q."""
    q = 1 - p
    theta = np.concatenate(([0.0], np.linspace(0.1 * q, 0.95 * q, _GRID)))
    above = np.concatenate(([0.0], np.log(theta[1:] / q)))
    return above, np.log1p(-theta) - math.log(p)


@lru_cache(maxsize=64)
def _fail_grid(p: float) -> tuple[Floats, Floats]:
    """Log likelihood ratios of theta geometric from 1.05 q to 50 q, kept below 1, against q."""
    q = 1 - p
    theta = np.geomspace(min(1.05 * q, q + p / 2), min(50 * q, 1 - p / 100), _GRID)
    return np.log(theta / q), np.log1p(-theta) - math.log(p)


def _log_sum(terms: Floats) -> Floats:
    """Log of the sum of exponentials along the last axis; no row is all -inf."""
    top = terms.max(axis=1, keepdims=True)
    return np.asarray(top[:, 0] + np.log(np.exp(terms - top).sum(axis=1)), dtype=np.float64)


def _last(holds: Callable[[int], bool], n: int) -> int | None:
    """Return the largest i in 0 … n for which `holds`, which holds up to there and not beyond."""
    if not holds(0):
        return None
    low, high = 0, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
