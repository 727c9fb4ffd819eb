"""The exact binomial test of a quantile, for a number of samples that was fixed before looking.

Looking again and again with this bound turns a nominal 1 % of false passes into several times that: the sequential
test of `verdicts.quantile` is for looking. The form is Clopper & Pearson, Biometrika 26, 1934; MLPerf LoadGen's
early-stopping rule uses the same tail.
"""

from __future__ import annotations

import math

import numpy as np


def lower_tail(n: int, k: int, q: float) -> float:
    """Return P(K <= k) of a binomial K with `n` trials of probability `q`, exact to rounding.

    Args:
        n: Trials, >= 0.
        k: Count; below 0 the tail is 0, from `n` on it is 1.
        q: Probability of one trial, above 0 and below 1.
    """
    return _tail(n, 0, k, q)


def upper_tail(n: int, k: int, q: float) -> float:
    """Return P(K >= k) of a binomial K with `n` trials of probability `q`, exact to rounding."""
    return _tail(n, k, n, q)


def k_pass_exact(n: int, p: float, alpha: float, tau: float = 1.0) -> int | None:
    """Return the most exceedances among `n` samples that PASS at `alpha`; None when not even 0 do.

    Dependent samples count as floor(n / tau), and their exceedances as ceil(k / tau): both against a PASS.
    """
    trials = math.floor(n / tau)
    low, high = -1, trials
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if lower_tail(trials, middle, 1 - p) <= alpha else (low, middle)
    return None if low < 0 else math.floor(low * tau)


def k_fail_exact(n: int, p: float, beta: float, tau: float = 1.0) -> int | None:
    """Return the fewest exceedances among `n` samples that FAIL at `beta`; None when not even `n` do.

    Dependent samples count as ceil(n / tau), and their exceedances as floor(k / tau): both against a FAIL.
    """
    trials = math.ceil(n / tau)
    low, high = 0, trials + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if upper_tail(trials, middle, 1 - p) <= beta else (middle, high)
    fewest = math.ceil(high * tau)
    return None if high > trials or fewest > n else fewest


def _tail(n: int, first: int, last: int, q: float) -> float:
    """Return P(first <= K <= last), summed from log-gamma terms."""
    first, last = max(first, 0), min(last, n)
    if first > last:
        return 0.0
    if first == 0 and last == n:
        return 1.0
    k = np.arange(first, last + 1, dtype=np.float64)
    log_terms = _log_choose(n, first, last) + k * math.log(q) + (n - k) * math.log1p(-q)
    return float(min(1.0, math.fsum(np.exp(log_terms).tolist())))


def _log_choose(n: int, first: int, last: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return log C(n, k) for k = first … last: C(n, k + 1) / C(n, k) = (n - k) / (k + 1)."""
    start = math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
    k = np.arange(first, last, dtype=np.float64)
    return np.concatenate(([start], start + np.cumsum(np.log((n - k) / (k + 1)))))
