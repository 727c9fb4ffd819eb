"""Every figure of how far one tensor lies from its reference, in one pass over both and without a third tensor.

The left tensor is the one under test, the right one the reference. NaN and infinities are counted apart and are in
no other figure. A relative error divides by the reference, the scaled error by at least the reference's root mean
square: ``max |left - right| / max(|right|, rms(right))``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pytest_edgert.agreement.blocks import is_float, logical_dtype, pair_blocks, widen
from pytest_edgert.agreement.distance import TensorDistance
from pytest_edgert.agreement.float_sums import Floats, FloatSums
from pytest_edgert.agreement.integers import measure_integers, measure_strings
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Array

#: Values between these need no scaling: no square overflows and none that matters underflows.
_SAFE = (1e-140, 1e140)


@dataclass(frozen=True, slots=True)
class Limits:
    """What to count while measuring; an element is beyond when ``|left - right| > atol + rtol * |right|``.

    Args:
        rtol: Relative tolerance; None is none.
        atol: Absolute tolerance; None is none. With both None nothing is counted.
        atol_rms: Absolute tolerance as a multiple of rms(right); the larger of it and `atol` holds.
        over: Distance above which elements are counted in `over_n`; None counts nothing.
    """

    rtol: float | None = None
    atol: float | None = None
    atol_rms: float | None = None
    over: float | None = None

    def absolute(self, reference_rms: float) -> float | None:
        """Return the absolute tolerance for a reference of that root mean square."""
        if self.atol_rms is None:
            return self.atol
        return max(self.atol or 0.0, self.atol_rms * reference_rms)


NO_LIMITS = Limits()
Blocks = Callable[[], Iterator[tuple[int, Floats, Floats]]]


def measure(
    left: Array, right: Array, limits: Limits = NO_LIMITS, *, left_dtype: str = "", right_dtype: str = ""
) -> TensorDistance:
    """Return every figure of the distance between two tensors of one shape.

    Args:
        left: The tensor under test; float, integer, bool or string, any strides, any byte order.
        right: The reference, of the same kind: two floats, two integers (bool is one), or two of strings.
        limits: What to count.
        left_dtype: The declared dtype; needed only for bfloat16 given as raw uint16.
        right_dtype: The same of the reference.

    Raises:
        UsageError: The shapes differ, one side is float and the other is not, or a type is not compared here.
    """
    if left.shape != right.shape:
        raise UsageError(f"Figures need one shape, got {left.shape} and {right.shape}.")
    one, other = logical_dtype(left, left_dtype), logical_dtype(right, right_dtype)
    if "string" in (one, other):
        return measure_strings(left, right)
    if is_float(one) != is_float(other):
        raise UsageError(
            f"A {one} tensor and a {other} tensor have no common unit.",
            "Give the quantisation parameters of the integer one (measure_quantized).",
        )
    if not is_float(one):
        return measure_integers(left, right, atol=limits.atol or 0.0, rtol=limits.rtol or 0.0)

    def blocks() -> Iterator[tuple[int, Floats, Floats]]:
        for offset, x, y in pair_blocks(left, right):
            yield offset, widen(x, one), widen(y, other)

    return measure_blocks(blocks, limits, extreme_values="float64" in (one, other))


def measure_blocks(blocks: Blocks, limits: Limits, *, extreme_values: bool = False) -> TensorDistance:
    """Return the figures of tensors that come as float blocks.

    Args:
        blocks: Gives a new walk over both tensors at each call: offset, left block, right block.
        limits: What to count.
        extreme_values: Whether squares may overflow float64, so that a scale must be found first.
    """
    with np.errstate(all="ignore"):
        scale = _scale(blocks) if extreme_values else 1.0
        rms, squares = _reference_rms(blocks, scale)
        sums = FloatSums(rms, limits.rtol, limits.absolute(rms), limits.over, scale)
        for (offset, left, right), block_squares in zip(blocks(), squares, strict=True):
            sums.add(offset, left, right, block_squares)
    return _figures(sums, rms)


def _scale(blocks: Blocks) -> float:
    """Return the power of two that brings the largest finite magnitude near 1 when it is far from it."""
    largest = 0.0
    for _, left, right in blocks():
        for block in (left, right):
            magnitude = np.absolute(block)
            largest = max(largest, float(magnitude.max(initial=0.0, where=np.isfinite(magnitude))))
    if largest == 0.0 or _SAFE[0] < largest < _SAFE[1]:
        return 1.0
    return math.ldexp(1.0, -max(math.frexp(largest)[1], -1000))


def _reference_rms(blocks: Blocks, scale: float) -> tuple[float, list[float]]:
    """Return the root mean square of the reference, and the sum of squares of each block in float32 (else infinite)."""
    squares, count = 0.0, 0
    narrow = []
    for _, _, right in blocks():
        block_squares = float(right @ right) if right.dtype == np.float32 else math.inf
        narrow.append(block_squares)
        count += right.size
        if not 1e-24 < block_squares < math.inf:
            wide = right.astype(np.float64) * scale
            finite = np.isfinite(wide)
            count -= int(wide.size - np.count_nonzero(finite))
            wide[~finite] = 0.0
            block_squares = float(wide @ wide)
        squares += block_squares
    return (math.sqrt(squares / count) / scale if count else 0.0), narrow


def _figures(sums: FloatSums, reference_rms: float) -> TensorDistance:
    count = max(sums.n_finite, 1)
    rms_error = math.sqrt(sums.error_squares / count) / sums.scale
    if rms_error == 0.0:
        rms_error = sums.max_abs.value / math.sqrt(count)
    mean_error = sums.error_sum / count / sums.scale
    return TensorDistance(
        n=sums.n,
        n_finite=sums.n_finite,
        max_abs=sums.max_abs.value,
        max_abs_index=sums.max_abs.index,
        max_rel=sums.max_rel.value,
        max_rel_index=sums.max_rel.index,
        max_scaled=sums.max_scaled.value,
        rms_error=rms_error,
        rms_reference=reference_rms,
        mean_error=mean_error,
        bias=mean_error / rms_error if rms_error else 0.0,
        sqnr_db=_sqnr_db(sums, rms_error),
        cosine=_cosine(sums),
        norm_ratio=_ratio(math.sqrt(sums.left_squares), math.sqrt(sums.right_squares)),
        nan_both=sums.nan_both,
        nan_mismatch=sums.nan_mismatch,
        inf_both=sums.inf_both,
        inf_mismatch=sums.inf_mismatch,
        first_nonfinite=sums.first_nonfinite,
        beyond=sums.beyond,
        first_beyond=sums.first_beyond,
        over_n=sums.over_n,
    )


def _sqnr_db(sums: FloatSums, rms_error: float) -> float:
    """Return the signal to noise ratio in decibels: +inf without noise, -inf with noise and no signal."""
    if rms_error == 0.0:
        return math.inf
    if sums.right_squares == 0.0:
        return -math.inf
    if sums.error_squares:
        return 10 * (math.log10(sums.right_squares) - math.log10(sums.error_squares))
    # Noise whose squares are lost beside the signal: its root mean square was bounded from its largest element.
    signal = math.sqrt(sums.right_squares / max(sums.n_finite, 1)) / sums.scale
    return 20 * (math.log10(signal) - math.log10(rms_error))


def _cosine(sums: FloatSums) -> float:
    """Return the cosine between both tensors: 1 for two zero tensors, 0 when one of them is zero."""
    norms = math.sqrt(sums.left_squares) * math.sqrt(sums.right_squares)
    if norms == 0.0:
        return 1.0 if sums.left_squares == sums.right_squares else 0.0
    return max(-1.0, min(1.0, sums.product / norms))


def _ratio(left: float, right: float) -> float:
    if right == 0.0:
        return 1.0 if left == 0.0 else math.inf
    return left / right


def in_unit(distance: TensorDistance, unit: float) -> TensorDistance:
    """Return the figures of tensors that were measured in multiples of `unit` (> 0), in the real unit."""
    return replace(
        distance,
        max_abs=distance.max_abs * unit,
        rms_error=distance.rms_error * unit,
        rms_reference=distance.rms_reference * unit,
        mean_error=distance.mean_error * unit,
    )
