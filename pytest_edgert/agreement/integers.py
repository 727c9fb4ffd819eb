"""Exact distance of integers, truth values and strings: no step wraps around and none is rounded.

Differences are taken modulo 2^64 and ordered first, so that -2^31 and 2^31-1 lie 4294967295 apart and not 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.blocks import pair_blocks
from pytest_edgert.agreement.distance import TensorDistance
from pytest_edgert.tensors import Array

Unsigned = npt.NDArray[np.uint64]
_MOST = np.iinfo(np.uint64).max


def integer_distance(left: Array, right: Array) -> Unsigned:
    """Return ``|left - right|`` as uint64, exact for any two integer or bool dtypes.

    A distance of 2^64 and more (a negative int64 from a large uint64) saturates at 2^64 - 1.
    """
    one, other = _as_wide(left), _as_wide(right)
    if one.dtype == other.dtype:
        return np.where(one > other, _bits(one) - _bits(other), _bits(other) - _bits(one))
    if one.dtype == np.uint64:
        return integer_distance(right, left)
    # left is int64, right is uint64.
    negative = one < 0
    magnitude = np.where(negative, np.uint64(0) - _bits(one), _bits(one))
    apart = np.where(magnitude > other, magnitude - other, other - magnitude)
    total = magnitude + other
    return np.where(negative, np.where(total < other, _MOST, total), apart)


def _as_wide(array: Array) -> Array:
    return array.astype(np.uint64 if array.dtype.kind == "u" and array.dtype.itemsize == 8 else np.int64)


def _bits(array: Array) -> Unsigned:
    return array.view(np.uint64)


def measure_integers(left: Array, right: Array, *, atol: float = 0.0, rtol: float = 0.0) -> TensorDistance:
    """Return the figures of two integer or bool tensors of one shape.

    Args:
        left: Any integer dtype, bool included.
        right: The reference, any integer dtype.
        atol: Largest distance that is within tolerance; the comparison is exact.
        rtol: Relative tolerance, added to `atol`.
    """
    total = _IntegerTotals(atol, rtol)
    for offset, one, other in pair_blocks(left, right):
        total.add(offset, one, other)
    return total.figures()


class _IntegerTotals:
    def __init__(self, atol: float, rtol: float) -> None:
        self._atol, self._rtol = atol, rtol
        self._n = self._largest = self._beyond = 0
        self._at = self._first = self._relative_at = -1
        self._relative = self._errors = self._lefts = self._rights = self._products = self._sum = 0.0

    def add(self, offset: int, left: Array, right: Array) -> None:
        """Add one block."""
        self._n += left.size
        if left.size == 0:
            return
        distance = integer_distance(left, right)
        x, y = left.astype(np.float64), right.astype(np.float64)
        self._lefts += float(x @ x)
        self._rights += float(y @ y)
        self._products += float(x @ y)
        at = int(distance.argmax())
        if distance[at] == 0:
            return
        if int(distance[at]) > self._largest:
            self._largest, self._at = int(distance[at]), offset + at
        self._add_errors(offset, distance, x, y)

    def _add_errors(self, offset: int, distance: Unsigned, x: Array, y: Array) -> None:
        d = distance.astype(np.float64)
        self._errors += float(d @ d)
        self._sum += float((d * np.where(x < y, -1.0, 1.0)).sum())
        relative = d / np.maximum(np.absolute(y), 1.0)
        at = int(relative.argmax())
        if relative[at] > self._relative:
            self._relative, self._relative_at = float(relative[at]), offset + at
        offenders = np.flatnonzero(self._offends(distance, y))
        self._beyond += offenders.size
        if self._first < 0 and offenders.size:
            self._first = offset + int(offenders[0])

    def _offends(self, distance: Unsigned, y: Array) -> npt.NDArray[np.bool_]:
        if self._rtol == 0.0:
            whole = min(math.floor(self._atol), int(_MOST)) if math.isfinite(self._atol) else int(_MOST)
            return distance > np.uint64(whole)
        return distance.astype(np.float64) > self._atol + self._rtol * np.absolute(y)

    def figures(self) -> TensorDistance:
        """Return the figures of all blocks."""
        count = max(self._n, 1)
        rms_error, rms_reference = math.sqrt(self._errors / count), math.sqrt(self._rights / count)
        return TensorDistance(
            n=self._n,
            n_finite=self._n,
            max_abs=float(self._largest),
            max_abs_index=self._at,
            max_rel=self._relative,
            max_rel_index=self._relative_at,
            max_scaled=self._largest / max(rms_reference, 1.0),
            rms_error=rms_error,
            rms_reference=rms_reference,
            mean_error=self._sum / count,
            bias=self._sum / count / rms_error if rms_error else 0.0,
            sqnr_db=_decibels(self._rights, self._errors),
            cosine=_cosine(self._products, self._lefts, self._rights),
            norm_ratio=math.sqrt(self._lefts / self._rights)
            if self._rights
            else (1.0 if not self._lefts else math.inf),
            beyond=self._beyond,
            first_beyond=self._first,
        )


def _decibels(signal: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def _cosine(product: float, left: float, right: float) -> float:
    if not left or not right:
        return 1.0 if left == right else 0.0
    return max(-1.0, min(1.0, product / (math.sqrt(left) * math.sqrt(right))))


def measure_strings(left: Array, right: Array) -> TensorDistance:
    """Return the figures of two string tensors: elements are equal or one apart; bytes are read as UTF-8."""
    pairs: Iterator[tuple[object, object]] = zip(left.flat, right.flat, strict=True)
    unequal = [index for index, (one, other) in enumerate(pairs) if _text(one) != _text(other)]
    first = unequal[0] if unequal else -1
    return TensorDistance(
        n=left.size,
        n_finite=left.size,
        max_abs=float(bool(unequal)),
        max_abs_index=first,
        sqnr_db=-math.inf if unequal else math.inf,
        beyond=len(unequal),
        first_beyond=first,
    )


def _text(value: object) -> object:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
