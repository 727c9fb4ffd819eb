"""Data movement: elements in other places and shapes, kept to the bit; and what tells shapes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.linear import spread
from pytest_edgert.runtimes.reference.nodes import (
    Arguments,
    Node,
    Operator,
    Reach,
    needed,
    of_arrays,
    of_moves,
    optional,
    whole_numbers,
)
from pytest_edgert.runtimes.reference.values import Term, Value, computed, from_terms, given, moved
from pytest_edgert.tensors import Array

Move = Callable[[Array], Array]


def reshape(node: Node, arguments: Arguments) -> Move:
    """Reshape: 0 copies a length unless `allowzero`, -1 is what is left."""
    x = needed(node, arguments, 0).array
    wanted = whole_numbers(node, arguments, 1, "shape") or []
    if not node.get("allowzero", 0):
        wanted = [x.shape[index] if length == 0 else length for index, length in enumerate(wanted)]
    if -1 in wanted and x.size == 0:
        known = math.prod(length for length in wanted if length != -1)
        wanted = [0 if known == 0 else x.size // known if length == -1 else length for length in wanted]
    return lambda part: part.reshape(wanted)


def flatten(node: Node, arguments: Arguments) -> Move:
    """Flatten into two dimensions."""
    shape = needed(node, arguments, 0).array.shape
    axis = int(node.get("axis", 1))
    axis = axis + len(shape) if axis < 0 else axis
    return lambda part: part.reshape(math.prod(shape[:axis]), math.prod(shape[axis:]))


def transpose(node: Node, _arguments: Arguments) -> Move:
    """Transpose: reversed unless `perm` is given."""
    order = node.attributes.get("perm")
    return lambda part: part.transpose(order)


def squeeze(node: Node, arguments: Arguments) -> Move:
    """Squeeze given axes, or all of length 1."""
    axes = whole_numbers(node, arguments, 1, "axes")
    return lambda part: np.squeeze(part, None if axes is None else tuple(axes))


def unsqueeze(node: Node, arguments: Arguments) -> Move:
    """Unsqueeze."""
    axes = whole_numbers(node, arguments, 1, "axes") or []
    return lambda part: np.expand_dims(part, tuple(axes))


def cut(node: Node, arguments: Arguments) -> Move:
    """Slice with steps of either sign; ends out of range are clamped."""
    shape = needed(node, arguments, 0).array.shape
    starts, ends = (whole_numbers(node, arguments, i, name) or [] for i, name in ((1, "starts"), (2, "ends")))
    axes = whole_numbers(node, arguments, 3, "axes") or list(range(len(starts)))
    steps = whole_numbers(node, arguments, 4, "steps") or [1] * len(starts)
    parts = [slice(None)] * len(shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        length = shape[axis]
        stop: int | None = end
        if step < 0:
            start = length - 1 if start >= length else start  # noqa: PLW2901 - clamped
            stop = None if end < -length else end
        parts[axis] = slice(start, stop, step)
    return lambda part: part[tuple(parts)]


def gather(node: Node, arguments: Arguments) -> Move:
    """Gather along an axis; negative indices count from the end."""
    indices, axis = needed(node, arguments, 1).array, int(node.get("axis", 0))
    return lambda part: np.asarray(np.take(part, indices, axis))


def expand(node: Node, arguments: Arguments) -> Move:
    """Expand by broadcasting both ways."""
    shape = needed(node, arguments, 0).array.shape
    wanted = np.broadcast_shapes(shape, tuple(whole_numbers(node, arguments, 1, "shape") or ()))
    return lambda part: np.broadcast_to(part, wanted)


def tile(node: Node, arguments: Arguments) -> Move:
    """Tile."""
    repeats = whole_numbers(node, arguments, 1, "repeats") or []
    return lambda part: np.tile(part, repeats)


def dropout(node: Node, arguments: Arguments) -> Move:
    """Dropout as it infers: nothing is dropped."""
    training = optional(arguments, 2)
    if training is not None and bool(training.array.reshape(-1)[0]):
        raise UnsupportedModelError(f"Node {node.label} drops elements by chance: the model is set to train.")
    return lambda part: part


def concat(node: Node, arguments: Arguments) -> Value:
    """Concat; parts on grids keep them."""
    values = [needed(node, arguments, index) for index in range(len(arguments))]
    axis = int(node.attributes["axis"])
    whole = computed(np.concatenate([value.array for value in values], axis), values[0])
    if not all(len(value.terms) == 1 and value.divisor is None for value in values):
        return whole
    counts = [np.broadcast_to(value.terms[0].count, value.array.shape) for value in values]
    scales = [value.terms[0].scale for value in values]
    if any(scale.size > 1 or scale.reshape(()) != scales[0].reshape(()) for scale in scales):
        wide = [spread(value.terms[0], value.array.shape) for value in values]
        scale = np.concatenate(
            [np.broadcast_to(t.scale, v.array.shape) for t, v in zip(wide, values, strict=True)], axis
        )
    else:
        scale = scales[0].reshape(())
    factors = max(value.terms[0].factors for value in values)
    return from_terms([Term(np.concatenate(counts, axis), scale, factors)], values[0].dtype)


def split(node: Node, arguments: Arguments) -> tuple[Value, ...]:
    """Split into given lengths, or into equal parts with the last one smaller."""
    x, axis = needed(node, arguments, 0), int(node.get("axis", 0))
    lengths = whole_numbers(node, arguments, 1, "split")
    if lengths is None:
        n, total = len(node.outputs), x.array.shape[axis]
        size = -(-total // n)
        lengths = [min(size, total - size * index) for index in range(n)]
    ends = np.cumsum([0, *lengths])
    return tuple(
        moved(x, lambda part, b=begin, e=end: np.take(part, np.arange(b, e), axis))  # type: ignore[misc]
        for begin, end in itertools.pairwise(ends)
    )


def pad(node: Node, arguments: Arguments) -> Value:
    """Pad: constant, reflect, edge or wrap; negative numbers cut off."""
    x = needed(node, arguments, 0)
    pads = whole_numbers(node, arguments, 1, "pads") or []
    axes = whole_numbers(node, arguments, 3, "axes") or list(range(x.array.ndim))
    widths, cuts = [(0, 0)] * x.array.ndim, [slice(None)] * x.array.ndim
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        widths[axis] = (max(begin, 0), max(end, 0))
        cuts[axis] = slice(max(-begin, 0), x.array.shape[axis] + min(end, 0))
    x = moved(x, lambda part: part[tuple(cuts)])
    mode = node.get("mode", b"constant").decode()
    if mode in {"reflect", "edge", "wrap"}:
        return moved(x, lambda part: np.pad(part, widths, mode=mode))
    if mode != "constant":
        raise UnsupportedModelError(f"Node {node.label} pads by {mode!r}, which ONNX does not know.")
    fill = optional(arguments, 2)
    number = node.get("value", 0.0) if fill is None else fill.array.reshape(())
    array = np.pad(x.array, widths, constant_values=np.asarray(number, x.array.dtype))
    if number == 0 and x.divisor is None and x.terms and all(term.scale.size == 1 for term in x.terms):
        counts = [np.pad(np.broadcast_to(term.count, x.array.shape), widths) for term in x.terms]
        return from_terms([Term(c, t.scale, t.factors) for c, t in zip(counts, x.terms, strict=True)], x.dtype)
    return computed(array, x)


def constant(node: Node, _arguments: Arguments) -> Value:
    """Constant: a tensor, a number or numbers."""
    from onnx import numpy_helper

    for name, value in node.attributes.items():
        if name == "value":
            return given(numpy_helper.to_array(value))
        if name in {"value_float", "value_floats"}:
            return given(np.asarray(value, np.float32))
        if name in {"value_int", "value_ints"}:
            return given(np.asarray(value, np.int64))
    raise UnsupportedModelError(f"Node {node.label} is a constant without numbers, or of text or sparse.")


def constant_of_shape(node: Node, arguments: Arguments) -> Value:
    """ConstantOfShape: float32 zeros unless a value is given."""
    from onnx import numpy_helper

    value = node.attributes.get("value")
    one = given(np.zeros(1, np.float32) if value is None else numpy_helper.to_array(value))
    shape = tuple(whole_numbers(node, arguments, 0, "shape") or ())
    return Value(np.full(shape, one.array.reshape(-1)[0]), one.dtype, given=True)


def shape_of(node: Node, x: Array) -> Array:
    """Shape, or a part of it."""
    return np.asarray(x.shape[node.get("start", 0) : node.get("end", None)], np.int64)


def one_hot(node: Node, arguments: Arguments) -> Value:
    """OneHot; an index out of range marks nothing, negative ones count from the end."""
    indices, values = needed(node, arguments, 0).array, needed(node, arguments, 2)
    depth, axis = int(needed(node, arguments, 1).array.reshape(-1)[0]), int(node.get("axis", -1))
    place = np.where(indices < 0, indices + depth, indices)
    axis = axis + indices.ndim + 1 if axis < 0 else axis
    levels = np.arange(depth).reshape([-1 if index == axis else 1 for index in range(indices.ndim + 1)])
    off, on = values.array.reshape(-1)
    return Value(np.where(np.expand_dims(place, axis) == levels, on, off).astype(values.array.dtype), values.dtype)


OPERATORS = {
    "Reshape": of_moves(reshape),
    "Flatten": of_moves(flatten),
    "Transpose": of_moves(transpose),
    "Squeeze": of_moves(squeeze),
    "Unsqueeze": of_moves(unsqueeze),
    "Slice": of_moves(cut),
    "Gather": of_moves(gather),
    "Expand": of_moves(expand),
    "Tile": of_moves(tile),
    "Identity": of_moves(lambda _node, _arguments: lambda part: part),
    "Dropout": of_moves(dropout),
    "Concat": Operator(concat, Reach.JOINS),
    "OneHot": Operator(one_hot, Reach.GIVES),
    "Split": Operator(split, Reach.MOVES),
    "Pad": Operator(pad, Reach.JOINS),
    "Constant": Operator(constant, Reach.GIVES),
    "ConstantOfShape": Operator(constant_of_shape, Reach.GIVES),
    "Shape": of_arrays(shape_of, Reach.GIVES),
    "Size": of_arrays(lambda _node, x: np.asarray(x.size, np.int64), Reach.GIVES),
}
