"""Streams of latencies whose true percentile is known, for the simulations of `error_rates.py`.

Each source draws inferences of about a millisecond, one started every 4 ms, so that a stride is told in inferences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MS = 1e6
#: Time from one start to the next: longer than any duration, so that they never overlap.
PERIOD_NS = 4_000_000
_SPREAD = 0.1


@dataclass(frozen=True)
class Source:
    """A kind of stream: `draw(generator, n)` gives latencies in ms, and `limit(p)` their true p-quantile.

    `stride` is in inferences; a source whose quantile depends on what is asked, as a burst's does, takes p.
    """

    name: str
    draw: Callable[[np.random.Generator, int, float], Floats]
    limit: Callable[[float], float]
    stride: float = 0.0
    percentiles: tuple[float, ...] = (0.5, 0.95, 0.99)


def starts(n: int) -> Ints:
    """Return n starts, one every `PERIOD_NS`."""
    return np.arange(n, dtype=np.int64) * PERIOD_NS


def nanoseconds(latencies_ms: Floats) -> Ints:
    """Return latencies in whole nanoseconds."""
    return np.rint(latencies_ms * MS).astype(np.int64)


def _quantile(p: float) -> float:
    return math.exp(_SPREAD * NormalDist().inv_cdf(p))


def _noise(stream: np.random.Generator, n: int) -> Floats:
    return np.exp(_SPREAD * stream.standard_normal(n))


def lognormal() -> Source:
    """Independent samples."""
    return Source("i.i.d. lognormal", lambda stream, n, _p: _noise(stream, n), _quantile)


def bimodal(slow: float = 0.2) -> Source:
    """Independent samples of which a share takes twice as long."""

    def limit(p: float) -> float:
        return _quantile(p / (1 - slow)) if p < 1 - slow else 2 * _quantile((p - 1 + slow) / slow)

    return Source(
        "i.i.d. bimodal", lambda stream, n, _p: np.where(stream.random(n) < slow, 2, 1) * _noise(stream, n), limit
    )


def first_order(rho: float, white: float = 0.0) -> Source:
    """A first-order autoregressive process, under as many times its variance of white noise as `white` says."""
    scale = math.sqrt(1 + white)

    def draw(stream: np.random.Generator, n: int, _p: float) -> Floats:
        noise = (stream.standard_normal(n) * math.sqrt(1 - rho**2)).tolist()
        value, series = stream.standard_normal(), []
        for step in noise:
            value = rho * value + step
            series.append(value)
        mixed = np.array(series) + math.sqrt(white) * stream.standard_normal(n)
        return np.exp(_SPREAD * mixed / scale)

    name = f"AR(1) {rho:g}" + (" under as much white noise" if white else "")
    return Source(name, draw, _quantile)


def bursts(length: float, stride: float, name: str = "") -> Source:
    """Bursts of a mean length in which latency is three times as long; their share of inferences is just 1 - p."""

    def draw(stream: np.random.Generator, n: int, p: float) -> Floats:
        return np.where(_alternating(stream, n, length, 1 - p), 3, 1) * _noise(stream, n)

    told = name or f"bursts of mean length {length:g}, stride {stride:g}"
    return Source(told, draw, lambda _p: 2.0, stride, (0.95, 0.99))


def slow_mode(dwell: float, share: float = 0.2) -> Source:
    """A mode of twice the latency that a share of inferences lies in, for a mean dwell each time; 1 - p below the share.

    p95 and p99 lie inside the mode: how often it was met decides, not how often the limit was passed in it.
    """

    def draw(stream: np.random.Generator, n: int, _p: float) -> Floats:
        inside = _alternating(stream, n, dwell, share)
        return np.where(inside, 2, 1) * _noise(stream, n)

    return Source(f"a slow mode of dwell {dwell:g}, stride 1", draw, bimodal(share).limit, 0.0, (0.95, 0.99))


def _alternating(stream: np.random.Generator, n: int, length: float, share: float) -> npt.NDArray[np.bool_]:
    """Return n flags, true for stretches of a mean length that take up a share of all; geometric, begun at random."""
    between = length * (1 - share) / share
    count = int(2 * n / (length + between)) + 20
    lengths = np.stack((stream.geometric(1 / between, count), stream.geometric(1 / length, count)), axis=1).ravel()
    inside = np.repeat(np.tile([False, True], count), lengths)
    begin = int(stream.integers(0, len(inside) - n)) if len(inside) > n else 0
    return inside[begin : begin + n]


def drift(share: float) -> Source:
    """A level that moves from 1 - share to 1 + share; its quantile over the whole run is found from many runs."""

    def draw(stream: np.random.Generator, n: int, _p: float) -> Floats:
        return np.linspace(1 - share, 1 + share, n) * _noise(stream, n)

    def limit(p: float) -> float:
        return float(np.quantile(draw(np.random.default_rng(0), 400_000, p), p))

    return Source(f"a drift of ±{share:.0%} over the run", draw, limit)


def spikes(period: int) -> Source:
    """One inference in `period` takes three times as long: more than one in twenty, so p95 lies beyond."""

    def draw(stream: np.random.Generator, n: int, _p: float) -> Floats:
        spiked = (np.arange(n) + int(stream.integers(0, period))) % period == 0
        return np.where(spiked, 3, 1) * _noise(stream, n)

    return Source(f"a spike every {period} inferences", draw, lambda _p: 2.0, float(period), (0.95,))
