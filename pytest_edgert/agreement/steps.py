"""Distances in steps: LSB of quantised tensors, ULP of float formats.

An LSB is one step of the larger of both scales. Two tensors of equal scale and zero point are compared as exact
integers; others are dequantised: ``real = scale * (q - zero_point)``. A ULP is one step on the line of all
numbers of the format, so that neighbouring floats lie 1 apart, and +0 and -0 lie 0 apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.blocks import BFLOAT16, is_float, logical_dtype, pair_blocks, raw_bfloat16, widen
from pytest_edgert.agreement.distance import StepDistance, TensorDistance
from pytest_edgert.agreement.float_sums import Floats
from pytest_edgert.agreement.metrics import NO_LIMITS, Limits, in_unit, measure, measure_blocks
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Array, Quantization

#: Slack of a limit in steps where values were dequantised: one step must not become 1.0000000001.
_SLACK = 1e-9
Steps = npt.NDArray[np.uint64]
_BITS = {"float16": np.uint16, BFLOAT16: np.uint16, "float32": np.uint32, "float64": np.uint64}


@dataclass(frozen=True, slots=True)
class QuantizedPair:
    """Two tensors of one shape, at least one of them quantised; None is the quantisation of a float side."""

    left: Array
    right: Array
    left_quantization: Quantization | None
    right_quantization: Quantization | None

    @property
    def scales(self) -> list[tuple[float, ...]]:
        """The scales of the quantised sides."""
        return [q.scale for q in (self.left_quantization, self.right_quantization) if q is not None]


def measure_quantized(
    pair: QuantizedPair, limits: Limits = NO_LIMITS, *, lsb: float | None = None
) -> tuple[TensorDistance, StepDistance]:
    """Return the distance of two tensors, at least one of them quantised, as real numbers and in LSB.

    Args:
        pair: The tensors and their parameters.
        limits: What to count in real units.
        lsb: Distance in LSB above which elements are counted as beyond; None counts nothing.

    Raises:
        UsageError: Neither side is quantised, an integer side has no parameters, or parameters do not fit.
    """
    if not pair.scales:
        raise UsageError("Neither tensor is quantised: there is no LSB.", "Compare them with measure().")
    _check(pair.left, pair.left_quantization)
    _check(pair.right, pair.right_quantization)
    per_tensor = all(len(scale) == 1 for scale in pair.scales)
    return (_per_tensor if per_tensor else _per_channel)(pair, limits, lsb)


def _check(array: Array, quantization: Quantization | None) -> None:
    floats = is_float(logical_dtype(array))
    if quantization is None and not floats:
        raise UsageError(f"A {array.dtype} tensor without quantisation parameters has no real value.")
    if quantization is None:
        return
    if floats:
        raise UsageError(f"A {array.dtype} tensor cannot be quantised: its parameters belong to another tensor.")
    if not all(math.isfinite(scale) and scale > 0 for scale in quantization.scale):
        raise UsageError(f"Quantisation scales must be finite and above zero, found {min(quantization.scale)!r}.")


def _per_tensor(pair: QuantizedPair, limits: Limits, lsb: float | None) -> tuple[TensorDistance, StepDistance]:
    unit = max(scale[0] for scale in pair.scales)
    # Differences of 16-bit steps are whole numbers below 2^24: exact in float32 while the steps are of one size.
    exact = pair.left_quantization == pair.right_quantization and pair.left.dtype.itemsize <= 2
    kind: type[np.floating[Any]] = np.float32 if exact else np.float64
    slack = 0.0 if exact else _SLACK

    def blocks() -> Iterator[tuple[int, Floats, Floats]]:
        for offset, x, y in pair_blocks(pair.left, pair.right):
            left, right = _in_steps(x, pair.left_quantization, unit), _in_steps(y, pair.right_quantization, unit)
            yield offset, left.astype(kind, copy=False), right.astype(kind, copy=False)

    steps = measure_blocks(blocks, Limits(atol=None if lsb is None else lsb * (1 + slack), over=1 + slack))
    real = replace(steps, beyond=0, first_beyond=-1)
    if limits != NO_LIMITS:
        real = measure_blocks(blocks, replace(limits, atol=None if limits.atol is None else limits.atol / unit))
    return replace(in_unit(real, unit), over_n=0), _step_distance(steps)


def _in_steps(block: Array, quantization: Quantization | None, unit: float) -> Floats:
    if quantization is None:
        real: Floats = np.divide(widen(block, logical_dtype(block)), unit, dtype=np.float64)
        return real
    narrow = block.dtype.itemsize <= 2 and quantization.scale[0] == unit
    kind: type[np.floating[Any]] = np.float32 if narrow else np.float64
    steps: Floats = np.subtract(block, quantization.zero_point[0], dtype=kind)
    return steps if quantization.scale[0] == unit else steps * (quantization.scale[0] / unit)


def _per_channel(pair: QuantizedPair, limits: Limits, lsb: float | None) -> tuple[TensorDistance, StepDistance]:
    one, left_scale = dequantize(pair.left, pair.left_quantization)
    other, right_scale = dequantize(pair.right, pair.right_quantization)
    unit = np.maximum(left_scale, right_scale)
    step_limits = Limits(atol=None if lsb is None else lsb * (1 + _SLACK), over=1 + _SLACK)
    return measure(one, other, limits), _step_distance(measure(one / unit, other / unit, step_limits))


def dequantize(
    array: Array, quantization: Quantization | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the real values of a tensor, and its scales in a shape that broadcasts with it (0 for a float side).

    Args:
        array: Integer steps with parameters, or floats without.
        quantization: Per tensor or per channel; None for a float tensor.

    Raises:
        UsageError: The number of scales is not the length of the quantised axis.
    """
    if quantization is None:
        return widen(array, logical_dtype(array)).astype(np.float64), np.zeros(())
    shape: tuple[int, ...] = ()
    if len(quantization.scale) > 1:
        shape = _channel_shape(array, quantization)
    scale = np.asarray(quantization.scale, np.float64).reshape(shape)
    zero_point = np.asarray(quantization.zero_point, np.float64).reshape(shape)
    return (array.astype(np.float64) - zero_point) * scale, scale


def _channel_shape(array: Array, quantization: Quantization) -> tuple[int, ...]:
    axis, count = quantization.axis, len(quantization.scale)
    if axis is None or not -array.ndim <= axis < array.ndim or array.shape[axis] != count:
        raise UsageError(f"{count} scales along axis {axis} do not fit a tensor of shape {array.shape}.")
    return tuple(count if position == axis % array.ndim else 1 for position in range(array.ndim))


def _step_distance(steps: TensorDistance) -> StepDistance:
    return StepDistance(
        maximum=steps.max_abs,
        index=steps.max_abs_index,
        over_one=steps.over_n,
        beyond=steps.beyond,
        first_beyond=steps.first_beyond,
        mean=steps.mean_error,
        n=steps.n,
        rms=steps.rms_error,
    )


def ulp_distance(
    left: Array, right: Array, *, dtype: str = "", ulp: float | None = None, atol: float = 0.0
) -> StepDistance:
    """Return the distance of two float tensors of one format in units of the last place.

    Elements that are NaN or infinite on either side are not counted: see the masks of `measure`.

    Args:
        left: float16, float32, float64 or bfloat16 (raw uint16 with `dtype`).
        right: The reference, of the same format and shape.
        dtype: The declared dtype; needed for bfloat16 given as raw uint16.
        ulp: Distance above which an element is beyond; None counts nothing.
        atol: Elements no further apart than this are never beyond.

    Raises:
        UsageError: The formats differ or are not float.
    """
    name = logical_dtype(left, dtype)
    if name != logical_dtype(right, dtype) or name not in _BITS:
        raise UsageError(f"ULP need one float format, got {left.dtype} and {right.dtype}.")
    found = StepDistance(0.0, -1, 0, 0, -1, 0.0, left.size)
    with np.errstate(all="ignore"):
        for offset, x, y in pair_blocks(left, right):
            if x.size:
                found = _add_ulps(found, offset, *_ulps(x, y, name), limit=math.inf if ulp is None else ulp, atol=atol)
    return found


def _add_ulps(
    found: StepDistance, offset: int, distance: Steps, real: Floats, *, limit: float, atol: float
) -> StepDistance:
    at = int(distance.argmax())
    largest = float(distance[at])
    if largest == 0.0:
        return found
    offenders = np.flatnonzero((distance > limit) & (real > atol))
    return replace(
        found,
        maximum=max(found.maximum, largest),
        index=offset + at if largest > found.maximum else found.index,
        over_one=found.over_one + int(np.count_nonzero(distance > np.uint64(1))),
        beyond=found.beyond + offenders.size,
        first_beyond=offset + int(offenders[0]) if found.first_beyond < 0 and offenders.size else found.first_beyond,
    )


def _ulps(left: Array, right: Array, name: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]]:
    x, y = widen(left, name).astype(np.float64), widen(right, name).astype(np.float64)
    one, other = _ordered(left, name), _ordered(right, name)
    a, b = one.view(np.uint64), other.view(np.uint64)
    distance = np.where(one > other, a - b, b - a)
    distance[~(np.isfinite(x) & np.isfinite(y))] = 0
    return distance, np.absolute(x - y)


def _ordered(block: Array, name: str) -> npt.NDArray[np.int64]:
    """Return the place of each number on the line of all numbers of its format, zero for both zeros."""
    native = raw_bfloat16(block) if name == BFLOAT16 else _native(block)
    bits = np.ascontiguousarray(native).view(_BITS[name]).astype(np.uint64)
    sign = np.uint64(1 << (np.dtype(_BITS[name]).itemsize * 8 - 1))
    magnitude = (bits & (sign - np.uint64(1))).astype(np.int64)
    return np.where(bits & sign, -magnitude, magnitude)


def _native(block: Array) -> Array:
    """Return a block in native byte order and its own width."""
    return block.astype(block.dtype.newbyteorder("="), copy=False)
