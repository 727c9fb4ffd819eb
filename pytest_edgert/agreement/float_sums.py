"""Sums and extremes of two real tensors, gathered block by block: the kernel under every numerical metric.

A finite float32 block stays float32 in the elementwise work and in each block's dot products, whose sums are
added in float64; the value of an extreme is computed again in float64 at its index, and so is every element of a
block that may lie beyond the tolerance. So figures are right to about 1e-5 relative, and what is decided
element by element is exact. Blocks with NaN, infinities, overflow or underflow of squares are done in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.blocks import BLOCK, ROW

Wide = npt.NDArray[np.float64]
Floats = npt.NDArray[Any]
#: Sums of one block: left squares, right squares, error squares, product, error.
Sums = tuple[float, float, float, float, float]

#: Sum of squares of a float32 block below which terms lost to underflow (65536 × 2^-126) could be seen.
_UNDERFLOW = 1e-24
#: Slack of the float32 screen: rounding of a difference and of a quotient, each 2^-24.
_SCREEN = 1 - 1e-6
#: Smallest normal float32: floor of the denominator of a relative error.
TINY = float(np.finfo(np.float32).tiny)
_ONES = np.ones(ROW, np.float32)


@dataclass(slots=True)
class Extreme:
    """A running maximum, its flat index (-1 while there is none)."""

    value: float = 0.0
    index: int = -1

    def offer(self, value: float, index: int) -> None:
        """Take a value when it is larger than what is held."""
        if value > self.value:
            self.value, self.index = value, index


class FloatSums:
    """Accumulates one comparison; feed it blocks in order with `add`, then read its fields.

    Args:
        reference_rms: Root mean square of the reference, the floor of the scaled error.
        rtol: An element is beyond when ``|left - right| > atol + rtol * |right|``.
        atol: See `rtol`; with both None nothing is counted.
        over: Distance above which elements are counted in `over_n`; None counts nothing.
        scale: Power of two that brings float64 values near 1 so that no square overflows.
    """

    def __init__(
        self,
        reference_rms: float,
        rtol: float | None = None,
        atol: float | None = None,
        over: float | None = None,
        scale: float = 1.0,
    ) -> None:
        self.n = 0
        self.n_finite = 0
        self.left_squares = self.right_squares = self.error_squares = self.product = self.error_sum = 0.0
        self.max_abs, self.max_rel, self.max_scaled = Extreme(), Extreme(), Extreme()
        self.nan_both = self.nan_mismatch = self.inf_both = self.inf_mismatch = 0
        self.first_nonfinite = -1
        self.beyond = self.over_n = 0
        self.first_beyond = -1
        self.scale = scale
        self._rms = reference_rms
        self._gated = rtol is not None or atol is not None
        self._rtol, self._atol = rtol or 0.0, atol or 0.0
        self._over = over
        self._zeros_seen = False
        self._difference, self._quotient = np.empty((2, BLOCK), np.float32)

    def add(self, offset: int, left: Floats, right: Floats, squares: float) -> None:
        """Add one block, under ``numpy.errstate(all="ignore")``.

        Args:
            offset: Flat index of the first element.
            left: 1-D, at most `BLOCK` elements, float32 or float64.
            right: As many elements of the reference.
            squares: The sum of squares of `right` where that is float32.
        """
        self.n += left.size
        narrow = left.dtype == np.float32 and right.dtype == np.float32
        if left.size and not (narrow and self._add_narrow(offset, left, right, squares)):
            self._add_wide(offset, left.astype(np.float64), right.astype(np.float64))

    def _add_narrow(self, offset: int, left: Floats, right: Floats, squares: float) -> bool:
        difference = self._difference[: left.size]
        np.subtract(left, right, out=difference)
        sums = _narrow_sums(left, right, difference, squares)
        if sums is None:
            return False
        self._add_sums(left.size, sums)
        np.absolute(difference, out=difference)
        at = int(difference.argmax())
        largest = float(difference[at])
        if largest > 0.0:
            self._add_extremes(offset, at, left, right, difference)
        return True

    def _add_extremes(self, offset: int, at: int, left: Floats, right: Floats, distance: Floats) -> None:
        largest = float(distance[at])
        self.max_abs.offer(abs(float(left[at]) - float(right[at])), offset + at)
        relative = self._offer_relative(offset, right, distance)
        floor = max(self._rms, TINY)
        # The scaled error is bounded by both: most blocks cannot hold a new maximum.
        if min(relative, largest / floor) > self.max_scaled.value:
            self._offer_quotient(self.max_scaled, offset, distance, right, floor)
        if self._over is not None and largest > self._over:
            self.over_n += int(np.count_nonzero(distance > np.float32(self._over)))
        if self._may_lie_beyond(largest, relative):
            self._count_beyond(offset, left.astype(np.float64), right.astype(np.float64))

    def _offer_relative(self, offset: int, right: Floats, distance: Floats) -> float:
        if not self._zeros_seen:
            quotient = self._quotient[: right.size]
            np.divide(distance, right, out=quotient)
            # Both ends are found faster than magnitudes are made, and where the larger one lies is seldom of interest.
            high, low = float(quotient.max()), float(quotient.min())
            value = max(high, -low)
            if math.isfinite(high) and math.isfinite(low):
                if value > self.max_rel.value:
                    at = int(quotient.argmax() if high >= -low else quotient.argmin())
                    self.max_rel.offer(value, offset + at)
                return value
            # A reference of zero: 0/0 or x/0. The floor makes both comparable numbers, here and in later blocks.
            self._zeros_seen = True
        return self._offer_quotient(self.max_rel, offset, distance, right, TINY)

    def _offer_quotient(self, extreme: Extreme, offset: int, distance: Floats, right: Floats, floor: float) -> float:
        """Offer the largest ``distance / max(|right|, floor)`` of a float32 block and return it."""
        quotient = self._quotient[: right.size]
        np.absolute(right, out=quotient)
        np.maximum(quotient, np.float32(floor), out=quotient)
        np.divide(distance, quotient, out=quotient)
        at = int(quotient.argmax())
        value = float(quotient[at])
        if not math.isfinite(value):
            wide = distance.astype(np.float64) / np.maximum(np.absolute(right), floor, dtype=np.float64)
            at = int(wide.argmax())
            value = float(wide[at])
        extreme.offer(value, offset + at)
        return value

    def _may_lie_beyond(self, largest: float, relative: float) -> bool:
        if not self._gated or largest <= self._atol * _SCREEN:
            return False
        # Below the denominator's floor the quotient says nothing: with such an atol it is no screen.
        return self._atol < TINY or self._rtol >= 1 or relative > self._rtol * _SCREEN

    def _add_sums(self, n: int, sums: Sums) -> None:
        left, right, error, product, error_sum = sums
        self.n_finite += n
        self.left_squares += left
        self.right_squares += right
        self.error_squares += error
        self.product += product
        self.error_sum += error_sum

    def _add_wide(self, offset: int, left: Wide, right: Wide) -> None:
        finite = np.isfinite(left) & np.isfinite(right)
        if finite.all():
            self._add_finite(np.arange(offset, offset + left.size), left, right)
            return
        self._count_nonfinite(offset, left, right)
        self._add_finite(offset + np.flatnonzero(finite), left[finite], right[finite])

    def _count_nonfinite(self, offset: int, left: Wide, right: Wide) -> None:
        nan_left, nan_right = np.isnan(left), np.isnan(right)
        infinite = (np.isinf(left) | np.isinf(right)) & ~nan_left & ~nan_right
        nan_mismatch, inf_mismatch = nan_left != nan_right, infinite & (left != right)
        self.nan_both += int(np.count_nonzero(nan_left & nan_right))
        self.nan_mismatch += int(np.count_nonzero(nan_mismatch))
        self.inf_both += int(np.count_nonzero(infinite & ~inf_mismatch))
        self.inf_mismatch += int(np.count_nonzero(inf_mismatch))
        mismatches = np.flatnonzero(nan_mismatch | inf_mismatch)
        if self.first_nonfinite < 0 and mismatches.size:
            self.first_nonfinite = offset + int(mismatches[0])

    def _add_finite(self, indices: npt.NDArray[np.int64], left: Wide, right: Wide) -> None:
        if left.size == 0:
            return
        x, y = left * self.scale, right * self.scale
        d = x - y
        self._add_sums(left.size, (float(x @ x), float(y @ y), float(d @ d), float(x @ y), float(d.sum())))
        distance = np.absolute(left - right)
        at = int(distance.argmax())
        self.max_abs.offer(float(distance[at]), int(indices[at]))
        magnitude = np.maximum(np.absolute(right), TINY)
        for extreme, floor in ((self.max_rel, TINY), (self.max_scaled, max(self._rms, TINY))):
            quotient = distance / np.maximum(magnitude, floor)
            at = int(quotient.argmax())
            extreme.offer(float(quotient[at]), int(indices[at]))
        if self._over is not None:
            self.over_n += int(np.count_nonzero(distance > self._over))
        if self._gated:
            self._count_offenders(indices, distance, right)

    def _count_beyond(self, offset: int, left: Wide, right: Wide) -> None:
        self._count_offenders(np.arange(offset, offset + left.size), np.absolute(left - right), right)

    def _count_offenders(self, indices: npt.NDArray[np.int64], distance: Wide, right: Wide) -> None:
        offenders = np.flatnonzero(distance > self._atol + self._rtol * np.absolute(right))
        self.beyond += offenders.size
        if self.first_beyond < 0 and offenders.size:
            self.first_beyond = int(indices[offenders[0]])


def _narrow_sums(left: Floats, right: Floats, difference: Floats, squares_right: float) -> Sums | None:
    """Return the five sums of a float32 block, or None where float32 cannot hold them."""
    squares_left = float(left @ left)
    error = float(difference @ difference)
    if not math.isfinite(squares_left + squares_right + error):
        return None
    if min(squares_left, squares_right) < _UNDERFLOW:
        return None
    if error < _UNDERFLOW and difference.any():
        wide = difference.astype(np.float64)
        error = float(wide @ wide)
    if squares_right / 64 < squares_left < squares_right * 64:
        # Better conditioned than the product itself where both are close.
        product = (squares_left + squares_right - error) / 2
    else:
        product = float(left @ right)
    return squares_left, squares_right, error, product, _sum(difference)


def _sum(block: Floats) -> float:
    """Return the sum of a float32 block by rows, which a matrix product adds faster than `numpy.sum`."""
    whole = block.size - block.size % ROW
    rows = block[:whole].reshape(-1, ROW) @ _ONES
    return float(rows.sum(dtype=np.float64)) + float(block[whole:].sum(dtype=np.float64))
