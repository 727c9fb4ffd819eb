"""The arithmetic of faulty implementations, and of the right ones, in NumPy: one function for each way to go wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
INT16, INT32, INT64 = np.iinfo(np.int16), np.iinfo(np.int32), np.iinfo(np.int64)


# Integers.


def exact_product(left: Array, right: Array) -> Array:
    """Return (rows, K) × (K, columns) in int64: exact for 8-bit values and any K met here."""
    product: Array = left.astype(np.int64) @ right.astype(np.int64)
    return product


def pair_saturated_product(left: Array, right: Array) -> Array:
    """Return (rows, K) uint8 × (K, columns) int8 as VPMADDUBSW sums it: pairs of products saturate at int16.

    Source: oneDNN, "Nuances of int8 computations".
    """
    a, b = left.astype(np.int64), right.astype(np.int64)
    if a.shape[1] % 2:
        a = np.pad(a, ((0, 0), (0, 1)))
        b = np.pad(b, ((0, 1), (0, 0)))
    pairs = a[:, ::2, None] * b[None, ::2] + a[:, 1::2, None] * b[None, 1::2]
    summed: Array = np.clip(pairs, INT16.min, INT16.max).sum(axis=1)
    return summed


def shifted_saturated_product(left: Array, right: Array) -> Array:
    """Return int8 × int8 by the same instruction: shifted by 128 to uint8, then compensated (oneDNN issue 476)."""
    shifted = pair_saturated_product(left.astype(np.int64) + 128, right)
    compensated: Array = shifted - 128 * right.astype(np.int64).sum(axis=0)
    return compensated


def wrapped(values: Array, dtype: Any) -> Array:
    """Return integers reduced modulo 2^bits, as a type too narrow keeps them."""
    info = np.iinfo(dtype)
    span = int(info.max) - int(info.min) + 1
    low: Array = ((values.astype(np.int64) - int(info.min)) % span + int(info.min)).astype(dtype)
    return low


def saturated(values: Array, dtype: Any) -> Array:
    info = np.iinfo(dtype)
    kept: Array = np.clip(values, info.min, info.max).astype(dtype)
    return kept


# Rounding and requantising.


def half_even(values: Array) -> Array:
    rounded: Array = np.rint(values)
    return rounded


def half_away(values: Array) -> Array:
    rounded: Array = np.copysign(np.floor(np.abs(values) + 0.5), values)
    return rounded


def half_up(values: Array) -> Array:
    rounded: Array = np.floor(np.asarray(values) + 0.5)
    return rounded


def quantized(real: Array, scale: float, zero_point: int, dtype: Any = np.int8, rounding: Any = half_even) -> Array:
    """Return ``saturate(round(real / scale) + zero_point)``."""
    return saturated(rounding(np.asarray(real, np.float64) / scale) + zero_point, dtype)


def fixed_point(multiplier: float) -> tuple[int, int]:
    """Return (m, shift) with ``multiplier ≈ m · 2^(shift - 31)`` and m in [2^30, 2^31), as TensorFlow Lite makes them."""
    mantissa, shift = np.frexp(multiplier)
    fixed = round(float(mantissa) * 2**31)
    return (fixed // 2, int(shift) + 1) if fixed == 2**31 else (fixed, int(shift))


def double_rounded(accumulators: Array, multiplier: float) -> Array:
    """Return accumulators times a multiplier below 1 as gemmlowp does: rounded at the high half, and at the shift again.

    Source: SaturatingRoundingDoublingHighMul and RoundingDivideByPOT of gemmlowp's fixedpoint.h.
    """
    fixed, shift = fixed_point(multiplier)
    products = accumulators.astype(np.int64) * fixed
    nudged = products + np.where(products >= 0, 1 << 30, 1 - (1 << 30))
    high = np.sign(nudged) * (np.abs(nudged) >> 31)
    if shift >= 0:
        return high << shift
    mask = (1 << -shift) - 1
    threshold = (mask >> 1) + (high < 0)
    shifted: Array = (high >> -shift) + ((high & mask) > threshold)
    return shifted


# Floats.


def mantissa_rounded(values: Array, bits: int) -> Array:
    """Return float32 values with a mantissa of that many stored bits, ties to even: 10 is TF32, 7 is bfloat16."""
    dropped = np.uint32(23 - bits)
    raw = np.ascontiguousarray(values, np.float32).view(np.uint32)
    odd = (raw >> dropped) & np.uint32(1)
    rounded = raw + (np.uint32(1) << (dropped - np.uint32(1))) - np.uint32(1) + odd
    kept: Array = (rounded >> dropped << dropped).view(np.float32)
    return kept


def tf32(values: Array) -> Array:
    return mantissa_rounded(values, 10)


def bfloat16(values: Array) -> Array:
    return mantissa_rounded(values, 7)


def float16(values: Array) -> Array:
    with np.errstate(over="ignore"):
        narrow: Array = np.asarray(values, np.float32).astype(np.float16).astype(np.float32)
    return narrow


def flushed(values: Array) -> Array:
    """Return float32 values without subnormals, as FTZ and DAZ leave them."""
    x = np.asarray(values, np.float32)
    kept: Array = np.where(np.abs(x) < np.finfo(np.float32).tiny, np.float32(0), x)
    return kept


def blocked_product(left: Array, right: Array, block: int) -> Array:
    """Return a float32 matrix product summed in blocks along K, one after the other: another right order."""
    total = np.zeros((left.shape[0], right.shape[1]), np.float32)
    for start in range(0, left.shape[1], block):
        total += left[:, start : start + block].astype(np.float32) @ right[start : start + block].astype(np.float32)
    return total


# Images.


def resize(image: Array, size: tuple[int, int], convention: str, kind: str = "linear") -> Array:
    """Return (…, height, width) resized in float64 by one of the coordinate conventions of ONNX Resize.

    Args:
        image: The image, at least two axes.
        size: Height and width of the result.
        convention: half_pixel, asymmetric, align_corners or half_pixel_symmetric (scale 1/x rounded down in the size).
        kind: "linear", or "nearest" with the half rounded down.
    """
    for axis, length in zip((-2, -1), size, strict=True):
        image = _resized_axis(np.asarray(image, np.float64), axis, length, convention, kind)
    return image


def source_coordinates(length: int, result: int, convention: str) -> Array:
    """Return where each of `result` pixels lies in a line of `length` pixels."""
    at = np.arange(result, dtype=np.float64)
    ratio = length / result
    if convention == "asymmetric":
        return at * ratio
    if convention == "align_corners":
        return at * (length - 1) / max(result - 1, 1)
    return (at + 0.5) * ratio - 0.5


def _resized_axis(image: Array, axis: int, result: int, convention: str, kind: str) -> Array:
    length = image.shape[axis]
    place = np.clip(source_coordinates(length, result, convention), 0, length - 1)
    if kind == "nearest":
        picked: Array = np.take(image, np.ceil(place - 0.5).astype(int), axis=axis)
        return picked
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, length - 1)
    shape = [1] * image.ndim
    shape[axis] = result
    part = (place - low).reshape(shape)
    mixed: Array = np.take(image, low, axis=axis) * (1 - part) + np.take(image, high, axis=axis) * part
    return mixed
