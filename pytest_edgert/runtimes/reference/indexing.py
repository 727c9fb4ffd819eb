"""Operators that pick, place and order elements by indices: the Gather and Scatter families, TopK, sums along an axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.casting import converted, type_named
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, of_arrays, of_moves
from pytest_edgert.runtimes.reference.values import Value, computed
from pytest_edgert.tensors import Array

Move = Callable[[Array], Array]
_COMBINED = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def gather_elements(node: Node, arguments: Arguments) -> Move:
    """GatherElements along an axis."""
    indices, axis = needed(node, arguments, 1).array, int(node.get("axis", 0))
    shape = needed(node, arguments, 0).array.shape
    grid: list[Array] = list(np.indices(indices.shape))
    grid[axis] = _counted(node, indices, shape[axis])
    return lambda part: part[tuple(grid)]


def gather_nd(node: Node, arguments: Arguments) -> Move:
    """GatherND: the last axis of the indices is one place each, after `batch_dims` shared axes."""
    x, indices, shared = (
        needed(node, arguments, 0).array,
        needed(node, arguments, 1).array,
        int(node.get("batch_dims", 0)),
    )
    depth = indices.shape[-1]
    batch = np.indices((*indices.shape[:shared], *(1,) * (indices.ndim - 1 - shared)))[:shared]
    places = [_counted(node, indices[..., one], x.shape[shared + one]) for one in range(depth)]
    return lambda part: part[(*batch, *places)]


def scatter_elements(node: Node, arguments: Arguments) -> Value:
    """ScatterElements and the older Scatter along an axis; equal places combine in order."""
    x, indices, updates = (needed(node, arguments, index) for index in range(3))
    axis = int(node.get("axis", 0))
    grid: list[Array] = list(np.indices(indices.array.shape))
    grid[axis] = _counted(node, indices.array, x.array.shape[axis])
    return _scattered(node, x, tuple(grid), updates.array)


def scatter_nd(node: Node, arguments: Arguments) -> Value:
    """ScatterND: the last axis of the indices is one place each."""
    x, indices, updates = (needed(node, arguments, index) for index in range(3))
    places = [_counted(node, indices.array[..., one], x.array.shape[one]) for one in range(indices.array.shape[-1])]
    return _scattered(node, x, tuple(places), updates.array)


def _scattered(node: Node, x: Value, places: tuple[Array, ...], updates: Array) -> Value:
    made = x.array.copy()
    how = node.get("reduction", b"none").decode()
    if how == "none":
        made[places] = updates
    elif how in _COMBINED:
        _COMBINED[how].at(made, places, updates)
    else:
        raise UnsupportedModelError(f"Node {node.label} combines by {how!r}, which ONNX does not know.")
    return computed(made, x)


def _counted(node: Node, indices: Array, length: int) -> Array:
    """Return indices with negative ones counted from the end; raises UnsupportedModelError out of range."""
    if indices.size and (int(indices.min()) < -length or int(indices.max()) >= length):
        raise UnsupportedModelError(f"Node {node.label} has indices beyond a length of {length}; ONNX allows none.")
    return np.where(indices < 0, indices + length, indices).astype(np.int64)


def top_k(node: Node, arguments: Arguments) -> tuple[Value, ...]:
    """TopK: sorted, equals by the lower index first, NaN as the largest."""
    x = needed(node, arguments, 0)
    count = int(needed(node, arguments, 1).array.reshape(-1)[0]) if len(arguments) > 1 else int(node.attributes["k"])
    axis = int(node.get("axis", -1)) % x.array.ndim
    if count > x.array.shape[axis]:
        raise UnsupportedModelError(f"Node {node.label} asks for {count} of {x.array.shape[axis]} elements.")
    if node.get("largest", 1):  # of the mirrored order, so that the stable sort keeps the lower index first
        order = x.array.shape[axis] - 1 - np.flip(np.argsort(np.flip(x.array, axis), axis=axis, kind="stable"), axis)
    else:
        order = np.argsort(x.array, axis=axis, kind="stable")
    first = np.take(order, np.arange(count), axis=axis)
    return computed(np.take_along_axis(x.array, first, axis), x), Value(first.astype(np.int64), "int64")


def cumulative(function: Callable[..., Array], start: int) -> Operator:
    """Return CumSum or CumProd: from either end, with or without the element itself."""

    def rule(node: Node, x: Array, axis: Array) -> Array:
        at = int(axis.reshape(-1)[0])
        forward = np.flip(x, at) if node.get("reverse", 0) else x
        made = function(forward, axis=at, dtype=x.dtype)
        if node.get("exclusive", 0):
            made = np.roll(made, 1, at)
            made[(slice(None),) * (at % x.ndim) + (0,)] = start
        return np.flip(made, at) if node.get("reverse", 0) else made

    return of_arrays(rule)


def trilu(node: Node, x: Array, k: Array | None = None) -> Array:
    """Trilu: the upper or the lower triangle of the last two axes."""
    diagonal = 0 if k is None else int(k.reshape(-1)[0])
    return np.asarray((np.triu if node.get("upper", 1) else np.tril)(x, diagonal))


def nonzero(_node: Node, x: Array) -> Array:
    """NonZero: the places, (rank, number), in row-major order."""
    return np.asarray(np.argwhere(x).T, np.int64) if x.ndim else np.zeros((0, int(bool(x))), np.int64)


def compress(node: Node, arguments: Arguments) -> Move:
    """Compress: along an axis, or of all elements in a row."""
    chosen, axis = needed(node, arguments, 1).array.reshape(-1), node.get("axis", None)
    return lambda part: np.compress(chosen, part, axis=axis)


def range_of(node: Node, arguments: Arguments) -> Value:
    """Range: ``max(ceil((limit - start) / delta), 0)`` elements ``start + i · delta``."""
    first, limit, step = (needed(node, arguments, index).array.reshape(()) for index in range(3))
    if step == 0:
        raise UnsupportedModelError(f"Node {node.label} counts in steps of 0.")
    exact = (
        float(limit - first) / float(step) if first.dtype.kind == "f" else -(-(int(limit) - int(first)) // int(step))
    )
    count = max(int(np.ceil(exact)), 0)
    return computed(first + np.arange(count, dtype=first.dtype) * step, needed(node, arguments, 0))


def space_to_depth(node: Node, arguments: Arguments) -> Move:
    """SpaceToDepth, depth first (DCR) or columns and rows first (CRD)."""
    batch, channels, rows, columns = needed(node, arguments, 0).array.shape
    size = int(node.attributes["blocksize"])
    order = (0, 3, 5, 1, 2, 4) if node.get("mode", b"DCR").decode() == "DCR" else (0, 1, 3, 5, 2, 4)

    def move(part: Array) -> Array:
        cut = part.reshape(batch, channels, rows // size, size, columns // size, size)
        return cut.transpose(order).reshape(batch, channels * size**2, rows // size, columns // size)

    return move


def depth_to_space(node: Node, arguments: Arguments) -> Move:
    """DepthToSpace, depth first (DCR) or columns and rows first (CRD)."""
    batch, channels, rows, columns = needed(node, arguments, 0).array.shape
    size = int(node.attributes["blocksize"])
    depth_first = node.get("mode", b"DCR").decode() == "DCR"

    def move(part: Array) -> Array:
        if depth_first:
            cut = part.reshape(batch, size, size, channels // size**2, rows, columns).transpose(0, 3, 4, 1, 5, 2)
        else:
            cut = part.reshape(batch, channels // size**2, size, size, rows, columns).transpose(0, 1, 4, 2, 5, 3)
        return cut.reshape(batch, channels // size**2, rows * size, columns * size)

    return move


def identity_like(node: Node, arguments: Arguments) -> Value:
    """EyeLike: ones on a diagonal, of the type asked for or of the input."""
    x = needed(node, arguments, 0)
    rows, columns = x.array.shape
    made = np.eye(rows, columns, k=int(node.get("k", 0)))
    name = type_named(node.attributes["dtype"]) if "dtype" in node.attributes else x.dtype
    return converted(node, Value(made, "float64", given=True), name)


def reverse_sequence(node: Node, arguments: Arguments) -> Move:
    """ReverseSequence: the first elements of each example in reverse, as many as its length says."""
    lengths = needed(node, arguments, 1).array
    batch, time = int(node.get("batch_axis", 1)), int(node.get("time_axis", 0))

    def move(part: Array) -> Array:
        made = np.moveaxis(part, (batch, time), (0, 1)).copy()
        for example, length in enumerate(lengths):
            made[example, : int(length)] = made[example, : int(length)][::-1]
        return np.moveaxis(made, (0, 1), (batch, time))

    return move


OPERATORS = {
    "EyeLike": Operator(identity_like, Reach.LEAVES),
    "ReverseSequence": of_moves(reverse_sequence),
    "GatherElements": of_moves(gather_elements),
    "GatherND": of_moves(gather_nd),
    "Compress": of_moves(compress),
    "SpaceToDepth": of_moves(space_to_depth),
    "DepthToSpace": of_moves(depth_to_space),
    "Scatter": Operator(scatter_elements, Reach.LEAVES),
    "ScatterElements": Operator(scatter_elements, Reach.LEAVES),
    "ScatterND": Operator(scatter_nd, Reach.LEAVES),
    "TopK": Operator(top_k, Reach.LEAVES),
    "Range": Operator(range_of, Reach.LEAVES),
    "CumSum": cumulative(np.cumsum, 0),
    "CumProd": cumulative(np.cumprod, 1),
    "Trilu": of_arrays(trilu),
    "NonZero": of_arrays(nonzero, Reach.GIVES),
}
