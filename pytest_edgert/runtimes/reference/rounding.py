"""Rounding real numbers onto a quantised grid: exactly, ties included.

``q = saturate(round(x / scale) + zero_point)``, https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html, with the real
quotient. Where its float64 approximation lies within its own error of a tie `t`, the sign of ``Σ n·s - t·scale·d``
decides, summed without error: products by the splitting of Dekker (Numerische Mathematik 18, 1971), sums by `math.fsum`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.values import Value
from pytest_edgert.tensors import Array

#: The integer types that a tensor may be quantised to, with their range.
RANGES = {
    "int2": (-2, 1),
    "uint2": (0, 3),
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-32768, 32767),
    "uint16": (0, 65535),
    "int32": (-(2**31), 2**31 - 1),
}
#: Rounds each quotient given its floor and the sign of (quotient - floor - 1/2).
Decision = Callable[[Array, Array], Array]
#: Relative error that the approximation of a sum of few products and its quotient may have, with a margin of 2**3.
_ERROR = 2.0**-47
_SPLITTER = 2.0**27 + 1


def half_even(floor: Array, side: Array) -> Array:
    """Round ties to the even neighbour, as ONNX and XNNPACK do."""
    tie = np.where(np.mod(floor, 2) == 0, floor, floor + 1)
    return np.where(side == 0, tie, np.where(side > 0, floor + 1, floor))


def half_away(floor: Array, side: Array) -> Array:
    """Round ties away from zero, as C's `round` and TensorFlow Lite's reference kernels do."""
    tie = np.where(floor >= 0, floor + 1, floor)
    return np.where(side == 0, tie, np.where(side > 0, floor + 1, floor))


def quantize(value: Value, scale: Array, zero_point: Array, dtype: str, decision: Decision = half_even) -> Value:
    """Return a value on a grid, saturated at the rails.

    Infinities go to the rails. NaN, of which ONNX says nothing, becomes the zero point.

    Args:
        value: Real numbers.
        scale: float64, broadcast to the value's shape.
        zero_point: Whole numbers, broadcast likewise.
        dtype: The integer type: one of `RANGES`.
        decision: How ties are rounded.

    Raises:
        UnsupportedModelError: The type is none of `RANGES`.
    """
    if dtype not in RANGES:
        raise UnsupportedModelError(f"The reference does not quantise to {dtype}.", f"It knows {', '.join(RANGES)}.")
    low, high = RANGES[dtype]
    whole = round_quotient(value, scale, decision) + zero_point.astype(np.float64)
    clipped = np.clip(np.where(np.isnan(whole), zero_point, whole), low, high)
    return Value(clipped.astype(dtype if int(dtype.lstrip("uint")) >= 8 else dtype.rstrip("24") + "8"), dtype)


def round_quotient(value: Value, scale: Array, decision: Decision = half_even) -> Array:
    """Return ``round(value / scale)`` as whole float64 numbers; NaN and infinities stay."""
    quotient = value.array / scale
    floor = np.floor(quotient)
    side = np.sign(quotient - floor - 0.5)
    if value.terms:
        side = _decided(value, scale, quotient, floor, side)
    return np.where(np.isfinite(quotient), decision(floor, side), quotient)


def _decided(value: Value, scale: Array, quotient: Array, floor: Array, side: Array) -> Array:
    """Return the side of the tie, exact where the approximation cannot tell."""
    size = sum((np.abs(term.count * term.scale) for term in value.terms), np.zeros(()))
    divisor = np.asarray(1.0) if value.divisor is None else value.divisor
    reach = _ERROR * (size / np.abs(scale * divisor) + np.abs(quotient))
    near = np.isfinite(quotient) & (np.abs(quotient - floor - 0.5) <= reach)
    if not near.any():
        return side
    shape = quotient.shape

    def at(part: Array) -> Array:
        return np.asarray(np.broadcast_to(part, shape)[near], np.float64)

    parts = [part for term in value.terms for part in two_product(at(term.count), at(term.scale))]
    parts += two_product(-(floor[near] + 0.5), at(scale) * at(divisor))
    exact = side.copy()
    exact[near] = sign_of_sum(parts) * np.sign(at(scale))
    return exact


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return ``a * b`` and the error of that product: their sum is the exact product (no overflow assumed)."""
    product = a * b
    a_high, b_high = _high(a), _high(b)
    a_low, b_low = a - a_high, b - b_high
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error


def _high(a: Array) -> Array:
    big = _SPLITTER * a
    return np.asarray(big - (big - a))


def sign_of_sum(parts: list[Array]) -> Array:
    """Return the sign of the exact sum of arrays of one dimension."""
    total = np.zeros(parts[0].shape)
    sure = np.ones(parts[0].shape, bool)
    for part in parts:
        added = total + part
        other = added - total
        sure &= ((total - (added - other)) + (part - other)) == 0  # Knuth's TwoSum: the addition made no error
        total = added
    sign = np.sign(total)
    for index in np.flatnonzero(~sure):
        sign[index] = np.sign(math.fsum(part[index] for part in parts))
    return sign
