"""Which inferences count: those that lie at least a decorrelation stride apart, at times that follow no period.

Every inference is timed and kept. Counting all of a burst would count one event many times; counting at a fixed
stride would miss, or always hit, what comes back with the same period. So the i-th gap is the stride times 1 + U_i, with
U_i uniform on [0, 1/2] from a seeded generator.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from pytest_edgert.tensors import Array

#: A gap is longer than the stride by at most this share of it.
JITTER = 0.5
#: Jitters drawn at once; the series of draws is the same whatever this is.
_DRAWS = 4096


@dataclass(slots=True)
class HeldCounted:
    """The counted samples of one growing series, so that a stopping rule looks at each inference once.

    `of` gives what `counted` gives, as long as it is asked about one growing series.
    """

    stride_s: float
    seed: int
    looked: int = 0
    _due: int | None = None
    _latest: int = -(2**63)
    _used: int = 0
    _n: int = 0
    _indices: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    _gaps: list[int] = field(default_factory=list)
    _jitter: np.random.Generator | None = None

    def of(self, starts_ns: Array) -> Array:
        """Return the indices of the counted samples among these starts, (counted,), int64, rising."""
        if self.stride_s <= 0:
            return np.arange(len(starts_ns))
        # A clock that steps back is told elsewhere; here its starts must not fall.
        fresh = np.maximum.accumulate(np.asarray(starts_ns[self.looked :], dtype=np.int64))
        np.maximum(fresh, self._latest, out=fresh)
        if len(fresh):
            self._keep(self._next_ones(fresh.tolist()))
            self.looked, self._latest = len(starts_ns), int(fresh[-1])
        return self._indices[: self._n]

    def _next_ones(self, starts: list[int]) -> list[int]:
        found: list[int] = []
        last, due, at, near = len(starts), self._due, 0, 1
        while at < last:
            if due is not None and starts[at] < due:
                # The next one lies about as far as the last one did.
                beyond = min(at + 2 * near, last)
                at = bisect_left(starts, due, at + 1, beyond if starts[beyond - 1] >= due else last)
                continue
            near = at - found[-1] if found else 1
            found.append(at)
            due = starts[at] + self._gap()
            at += 1
        self._due = due
        return found

    def _keep(self, found: list[int]) -> None:
        needed = self._n + len(found)
        if needed > len(self._indices):
            grown = np.zeros(max(needed, 2 * len(self._indices)), np.int64)
            grown[: self._n] = self._indices[: self._n]
            self._indices = grown
        self._indices[self._n : needed] = found
        self._indices[self._n : needed] += self.looked
        self._n = needed

    def _gap(self) -> int:
        if self._used == len(self._gaps):
            if self._jitter is None:
                self._jitter = np.random.Generator(np.random.PCG64(abs(self.seed)))
            shares = 1 + JITTER * self._jitter.random(_DRAWS)
            self._gaps = np.ceil(self.stride_s * 1e9 * shares).astype(np.int64).tolist()
            self._used = 0
        self._used += 1
        return self._gaps[self._used - 1]


def counted(starts_ns: Array, stride_s: float, seed: int) -> Array:
    """Return the indices of the counted samples, (counted,), int64, rising.

    The first inference counts, then each time the first whose start lies at least ``stride_s * (1 + U)`` after that of
    the one counted last.

    Args:
        starts_ns: Starts of all timed inferences, (n,), int64.
        stride_s: The decorrelation stride, >= 0; 0 counts every inference.
        seed: Seed of the jitter.
    """
    return HeldCounted(stride_s, seed).of(starts_ns)
