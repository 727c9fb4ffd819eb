"""Resize and Upsample: each axis on its own, as sums of neighbours with weights; https://onnx.ai/onnx/operators/onnx__Resize.html.

Coordinates are real numbers of the float32 scales; the output's lengths are those of shape inference, a float32 product.
`length_resized` is the output's own length (the evaluator of the package onnx takes ``length * scale``, unrounded:
onnxruntime issue 17564).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.elementwise import float32_of
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, optional
from pytest_edgert.runtimes.reference.values import Value, computed, moved
from pytest_edgert.tensors import Array


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis to resize: its place, both lengths, the scale between them, and the region of `tf_crop_and_resize`."""

    place: int
    length: int
    out: int
    scale: float
    region: tuple[float, float] = (0.0, 1.0)


def resize(node: Node, arguments: Arguments) -> Value:
    """Resize from opset 10 on, and Upsample: before 11 without an offset, downwards to the nearest."""
    x = needed(node, arguments, 0)
    mode = _text(node, "mode", "nearest")
    axes = [axis for axis in _axes(node, arguments, x.array.shape) if _changes(node, axis)]
    if mode == "nearest":
        for axis in axes:
            x = _nearest(node, x, axis)
        return x
    if mode not in {"linear", "bilinear", "cubic"}:
        raise UnsupportedModelError(f"Node {node.label} resizes by {mode!r}, which ONNX does not know.")
    array = x.array.astype(np.float64)
    for axis in axes:
        array = _weighted(node, array, axis, cubic=mode == "cubic")
    return Value(array, x.dtype) if x.is_float else computed(_whole(array, x.array.dtype), x)


def _whole(array: Array, kind: np.dtype[Any]) -> Array:
    """Return results of an integer type: towards zero, saturated; ONNX does not say."""
    limits = np.iinfo(kind)
    return np.clip(np.trunc(array), limits.min, limits.max).astype(kind)


def _text(node: Node, name: str, default: str) -> str:
    value = node.get(name, default)
    return value.decode() if isinstance(value, bytes) else str(value)


def _changes(node: Node, axis: Axis) -> bool:
    return axis.length != axis.out or axis.scale != 1 or _coordinates(node) == "tf_crop_and_resize"


def _coordinates(node: Node) -> str:
    modern = node.operator == "Resize" and node.opset >= 11
    return _text(node, "coordinate_transformation_mode", "half_pixel" if modern else "asymmetric")


def _axes(node: Node, arguments: Arguments, shape: tuple[int, ...]) -> list[Axis]:
    modern = node.operator == "Resize" and node.opset >= 11
    places = [int(axis) % len(shape) for axis in node.get("axes", range(len(shape)))]
    scales = optional(arguments, 2 if modern else 1)
    sizes = optional(arguments, 3) if modern else None
    given = scales.array if scales is not None else np.asarray(node.get("scales", ()), np.float64)
    lengths = [shape[place] for place in places]
    if sizes is not None and sizes.array.size:
        outs, factors = _of_sizes(node, lengths, [int(size) for size in sizes.array])
    else:
        factors = [float(np.float32(factor)) for factor in given]
        outs = [int(np.floor(np.float32(n) * np.float32(f))) for n, f in zip(lengths, factors, strict=True)]
    region = optional(arguments, 1) if modern and _coordinates(node) == "tf_crop_and_resize" else None
    roi = np.asarray([0.0] * len(places) + [1.0] * len(places)) if region is None else region.array.astype(np.float64)
    starts, ends = roi[: len(places)], roi[len(places) :]
    parts = zip(places, lengths, outs, factors, starts, ends, strict=True)
    return [Axis(place, n, out, factor, (float(a), float(b))) for place, n, out, factor, a, b in parts]


def _of_sizes(node: Node, lengths: Sequence[int], sizes: Sequence[int]) -> tuple[list[int], list[float]]:
    """Return output lengths and scales; a policy on the aspect ratio takes one scale for all axes."""
    policy = _text(node, "keep_aspect_ratio_policy", "stretch")
    factors = [size / length for size, length in zip(sizes, lengths, strict=True)]
    if policy == "stretch":
        return list(sizes), factors
    one = min(factors) if policy == "not_larger" else max(factors)
    return [int(np.floor(length * one + 0.5)) for length in lengths], [one] * len(lengths)


def coordinates(node: Node, axis: Axis) -> Array:
    """Return where each element of the output lies on the input, float64."""
    at = np.arange(axis.out, dtype=np.float64)
    mode, last = _coordinates(node), axis.length - 1
    begin, end = axis.region
    half_pixel = (at + 0.5) / axis.scale - 0.5
    stretched = axis.out / (axis.scale * axis.length)
    single = axis.out == 1
    rules: dict[str, Callable[[], Array]] = {
        "half_pixel": lambda: half_pixel,
        "pytorch_half_pixel": lambda: half_pixel if not single else np.zeros(axis.out),
        "half_pixel_symmetric": lambda: axis.length / 2 * (1 - stretched) + half_pixel,
        "align_corners": lambda: at * last / (axis.out - 1) if not single else np.zeros(axis.out),
        "asymmetric": lambda: at / axis.scale,
        "tf_half_pixel_for_nn": lambda: (at + 0.5) / axis.scale,
        "tf_crop_and_resize": lambda: (
            begin * last + at * (end - begin) * last / (axis.out - 1)
            if not single
            else np.full(axis.out, 0.5 * (begin + end) * last)
        ),
    }
    if mode not in rules:
        raise UnsupportedModelError(f"Node {node.label} has coordinates {mode!r}, which ONNX does not know.")
    return rules[mode]()


def _nearest(node: Node, x: Value, axis: Axis) -> Value:
    where = coordinates(node, axis)
    default = "round_prefer_floor" if node.operator == "Resize" and node.opset >= 11 else "floor"
    rounding = _text(node, "nearest_mode", default)
    rules = {
        "round_prefer_floor": np.ceil(where - 0.5),
        "round_prefer_ceil": np.floor(where + 0.5),
        "floor": np.floor(where),
        "ceil": np.ceil(where),
    }
    if rounding not in rules:
        raise UnsupportedModelError(f"Node {node.label} rounds by {rounding!r}, which ONNX does not know.")
    indices = np.clip(rules[rounding], 0, axis.length - 1).astype(np.int64)
    found = moved(x, lambda part: np.take(part, indices, axis.place))
    return computed(_extrapolated(node, found.array, axis, where), x) if _beyond(node, axis, where).any() else found


def _beyond(node: Node, axis: Axis, where: Array) -> Array:
    """Return which coordinates lie outside the image, for the one mode that extrapolates."""
    crops = _coordinates(node) == "tf_crop_and_resize"
    return (where < 0) | (where > axis.length - 1) if crops else np.zeros(where.shape, bool)


def _extrapolated(node: Node, array: Array, axis: Axis, where: Array) -> Array:
    outside = _along(_beyond(node, axis, where), array.ndim, axis.place)
    return np.where(outside, float32_of(node.get("extrapolation_value", 0.0)), array).astype(array.dtype)


def _along(row: Array, rank: int, place: int) -> Array:
    return row.reshape([-1 if index == place else 1 for index in range(rank)])


def _weighted(node: Node, array: Array, axis: Axis, *, cubic: bool) -> Array:
    """Return one axis resized by weights; a weight of 0 takes nothing, not even NaN."""
    where = coordinates(node, axis)
    first, weights = _weights(node, axis, where, cubic=cubic)
    total = np.zeros((*array.shape[: axis.place], axis.out, *array.shape[axis.place + 1 :]))
    for tap in range(weights.shape[1]):
        indices = np.clip(first + tap, 0, axis.length - 1)
        weight = _along(weights[:, tap], array.ndim, axis.place)
        total += np.where(weight == 0, 0.0, np.take(array, indices, axis.place) * weight)
    return _extrapolated(node, total, axis, where) if _beyond(node, axis, where).any() else total


def _weights(node: Node, axis: Axis, where: Array, *, cubic: bool) -> tuple[Array, Array]:
    """Return the first neighbour of each output and the weights of all, (outputs, taps); stretched to antialias."""
    stretch = min(axis.scale, 1.0) if node.get("antialias", 0) else 1.0
    reach = int(np.floor(-(2 if cubic else 1) / stretch)) + 1
    base = np.floor(where)
    offsets = np.arange(reach, 2 - reach)
    distance = np.abs(base[:, None] + offsets - where[:, None]) * stretch
    weights = _cubic(distance, float32_of(node.get("cubic_coeff_a", -0.75))) if cubic else np.clip(1 - distance, 0, 1)
    first = (base + reach).astype(np.int64)
    if node.get("exclude_outside", 0):
        places = first[:, None] + np.arange(len(offsets))
        weights = np.where((places < 0) | (places >= axis.length), 0.0, weights)
    return first, weights / weights.sum(axis=1, keepdims=True)


def _cubic(distance: Array, a: float) -> Array:
    """Return weights of cubic convolution, Keys (IEEE Trans. ASSP 29, 1981)."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


OPERATORS = {"Resize": Operator(resize, Reach.LEAVES), "Upsample": Operator(resize, Reach.LEAVES)}
