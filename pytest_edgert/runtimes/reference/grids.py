"""The grids that a file puts its tensors on, and what is wrong or wasted in them before anything runs.

What the file says is one `Grid` per tensor, whatever its format; `grids_onnx` and `grids_tflite` read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pytest_edgert.records import TensorHealth
from pytest_edgert.runtimes.reference.rounding import RANGES
from pytest_edgert.tensors import Array

WEIGHT, BIAS, ACTIVATION, CONSTANT = "weight", "bias", "activation", "constant"
#: The smallest normal float32: below it hardware that flushes to zero reads a scale as 0.
NORMAL = 2.0**-126
#: How far the scale of a bias may lie from input scale · weight scale, relative. Rounding to float32 twice makes
#: 2**-23; the rest is for writers that keep four digits.
BIAS_SCALE_RTOL = 1e-3
#: Types of more bits than this hold accumulators, of which range and codes say nothing.
MOST_BITS = 16


@dataclass(frozen=True, slots=True)
class Grid:
    """One quantised tensor as a file has it.

    Args:
        name, role, dtype: As `records.TensorHealth` has them.
        scale: (scales,), float64; empty where it is computed or the operator has none.
        zero_point: As many whole numbers, or one.
        axis: Along which there are several scales, None per tensor.
        codes: The integers of a constant, None of what is computed.
        channels: Axis of the filters of a weight, of the output channels of an activation; None where not known.
        accumulator: Of a bias, the scale of what it is added to: input scale · weight scale, (1,) or (channels,).
        input_reach: Of a weight, the largest |x - zero point| of what it is multiplied with; 0 where not known.
    """

    name: str
    role: str
    dtype: str
    scale: Array
    zero_point: Array
    axis: int | None = None
    codes: Array | None = None
    channels: int | None = None
    accumulator: Array | None = None
    input_reach: int = 0


@dataclass(frozen=True, slots=True)
class FoundGrids:
    """The grids of a file.

    Args:
        grids: One for each quantised tensor.
        inputs: By float input of the model, the grid that it is put on.
        unread: Quantised operators that are not looked into.
    """

    grids: tuple[Grid, ...]
    inputs: Mapping[str, Grid]
    unread: tuple[str, ...] = ()


def range_of(grid: Grid) -> tuple[float, float] | None:
    """Return the smallest and the largest number of a grid; None for one with faults, several scales or none."""
    if grid.scale.size != 1 or grid.dtype not in RANGES or _faults(grid):
        return None
    low, high = RANGES[grid.dtype]
    zero, scale = int(grid.zero_point[0]), float(grid.scale[0])
    return (low - zero) * scale, (high - zero) * scale


def bits_of(dtype: str) -> int:
    """Return the bits of an integer type by its name."""
    return int(dtype.lstrip("uint"))


def health_of(grid: Grid) -> TensorHealth:
    """Return what a grid tells of its tensor without running anything."""
    faults = tuple(_faults(grid))
    low_scale, high_scale = _ends(grid.scale)
    found = TensorHealth(grid.name, grid.role, grid.dtype, grid.scale.size, low_scale, high_scale, faults=faults)
    codes = grid.codes
    if codes is None or not codes.size or not _fits(grid, codes):
        return found
    found = replace(found, n=codes.size)
    if grid.dtype not in RANGES:
        return found
    if grid.role == BIAS:
        low, high = RANGES[grid.dtype]
        return replace(found, clipped=float(np.mean((codes == low) | (codes == high))))
    return _of_weights(found, grid, codes) if grid.role == WEIGHT and bits_of(grid.dtype) <= MOST_BITS else found


def filters_of(grid: Grid, codes: Array) -> tuple[Array, Array]:
    """Return a weight's integers and zero points by filter, int32: both (filters, numbers), or (filters, 1)."""
    axis = grid.axis if grid.channels is None else grid.channels
    if axis is None:
        codes, axis = codes[None], 0
    rows = np.moveaxis(codes, axis, 0).reshape(codes.shape[axis], -1).astype(np.int32)
    zero: Array = grid.zero_point.astype(np.int32)
    if zero.size == 1:
        return rows, np.full((len(rows), 1), zero.reshape(()))
    along = zero.reshape([-1 if index == _positive(grid.axis, codes) else 1 for index in range(codes.ndim)])
    return rows, np.moveaxis(np.broadcast_to(along, codes.shape), axis, 0).reshape(rows.shape)


def _of_weights(found: TensorHealth, grid: Grid, codes: Array) -> TensorHealth:
    rows, zero = filters_of(grid, codes)
    centred = np.abs(rows - zero)
    live = centred.any(axis=1)
    by_filter = grid.scale.size == len(rows) and grid.scale.size > 1 and grid.axis is not None
    scales = grid.scale[live] if by_filter and live.any() else grid.scale
    low, high = RANGES[grid.dtype]
    mirrored = bool((zero == (low + high + 1) // 2).all())
    used = 2 * centred.max(axis=1) + 1 if mirrored else np.ptp(rows, axis=1) + 1
    used = used[live] if by_filter else np.asarray([used.max()])
    unused = 1 - np.minimum(used, high - low + 1) / (high - low + 1)
    low_scale, high_scale = _ends(scales)
    return replace(
        found,
        scale_min=low_scale,
        scale_max=high_scale,
        unused=float(unused.max()) if live.any() else 1.0,
        codes=int(np.unique(codes).size),
        channels=len(rows),
        dead=int((~live).sum()),
        reach=float(centred.sum(axis=1).max()) * grid.input_reach if grid.input_reach else None,
    )


def _ends(scale: Array) -> tuple[float | None, float | None]:
    return (float(scale.min()), float(scale.max())) if scale.size else (None, None)


def _fits(grid: Grid, codes: Array) -> bool:
    """Return whether axes exist, and there is one scale and zero point, or one of each for each slice along the axis."""
    axes = [axis for axis in (grid.axis, grid.channels) if axis is not None]
    if any(not -codes.ndim <= axis < codes.ndim for axis in axes) or _zero_faults(grid):
        return False
    lengths = {1} if grid.axis is None else {1, codes.shape[_positive(grid.axis, codes)]}
    return grid.zero_point.size in lengths and (not grid.scale.size or grid.scale.size in lengths)


def _positive(axis: int | None, codes: Array) -> int:
    return (axis or 0) % max(codes.ndim, 1)


def _faults(grid: Grid) -> list[str]:
    found = [
        f"the scale {words}{_where(bad, grid.scale)}"
        for words, bad in (
            ("is 0", grid.scale == 0),
            ("is not a number", np.isnan(grid.scale)),
            ("is infinite", np.isinf(grid.scale)),
            ("is negative", grid.scale < 0),
            ("is subnormal", (grid.scale > 0) & (grid.scale < NORMAL)),
        )
        if bad.any()
    ]
    return [*found, *_zero_faults(grid), *_bias_faults(grid)]


def _where(bad: Array, values: Array) -> str:
    """Return the value that is wrong and, of several channels, which: `` (1e-40 in 2 of 8 channels, the first is 3)``."""
    first = int(np.flatnonzero(bad)[0])
    value = f"{values[first]:g}"
    if bad.size == 1:
        return f" ({value})"
    return f" ({value} in {int(bad.sum())} of {bad.size} channels, the first is {first})"


def _zero_faults(grid: Grid) -> list[str]:
    if grid.dtype not in RANGES:
        return []
    low, high = RANGES[grid.dtype]
    bad = (grid.zero_point < low) | (grid.zero_point > high)
    if bad.any():
        return [f"the zero point lies outside {grid.dtype}, {low} to {high}{_where(bad, grid.zero_point)}"]
    if grid.role == BIAS and grid.zero_point.any():
        return [f"the zero point of a bias is not 0{_where(grid.zero_point != 0, grid.zero_point)}"]
    return []


def _bias_faults(grid: Grid) -> list[str]:
    """Return whether a bias counts in other steps than the accumulator it is added to, where it adds anything."""
    wanted = grid.accumulator
    if wanted is None or not grid.scale.size or not np.isfinite(wanted).all() or (wanted < NORMAL).any():
        return []
    if {wanted.size, grid.scale.size} - {1, max(wanted.size, grid.scale.size)}:
        return [f"it has {grid.scale.size} scales, and its accumulator {wanted.size}"]
    scale, wanted = np.broadcast_arrays(grid.scale, wanted)
    bad = ~(np.abs(scale - wanted) <= BIAS_SCALE_RTOL * wanted)
    if grid.codes is not None and grid.codes.size == bad.size:
        bad = bad & (grid.codes.reshape(-1) != 0)
    elif grid.codes is not None:
        bad = bad & bool(grid.codes.any())
    if not bad.any():
        return []
    first = int(np.flatnonzero(bad)[0])
    return [f"the scale is not input scale · weight scale, {wanted[first]:g}{_where(bad, scale)}"]
