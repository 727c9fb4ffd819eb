"""Operators of TensorFlow Lite that shape, cut, compare and reduce arrays: what float models are glued together with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference import elementwise, moves
from pytest_edgert.runtimes.reference.linear import negated
from pytest_edgert.runtimes.reference.tflite_model import Operation
from pytest_edgert.runtimes.reference.tflite_operators import Arguments, Rule, TfliteOperator, activated, first, node_of
from pytest_edgert.runtimes.reference.values import Value, computed, moved
from pytest_edgert.tensors import Array


def strided_slice(operation: Operation, arguments: Arguments) -> Value:
    """STRIDED_SLICE with masks of begins, ends and dropped axes, one bit per axis."""
    if operation.number(2) or operation.number(3):
        raise UnsupportedModelError("The reference lacks STRIDED_SLICE with an ellipsis or a new axis.")
    begins, ends, steps = ([int(n) for n in first(arguments, index).array] for index in (1, 2, 3))
    parts: list[slice | int] = []
    for axis, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << axis
        if operation.number(4) & bit:
            parts.append(begin)
        else:
            start = None if operation.number(0) & bit else begin
            parts.append(slice(start, None if operation.number(1) & bit else end, step))
    return moved(first(arguments), lambda part: np.asarray(part[tuple(parts)]))


def expand_dims(_operation: Operation, arguments: Arguments) -> Value:
    """EXPAND_DIMS."""
    axis = int(first(arguments, 1).array.reshape(-1)[0])
    return moved(first(arguments), lambda part: np.expand_dims(part, axis))


def pack(operation: Operation, arguments: Arguments) -> Value:
    """PACK: stack along a new axis."""
    axis = operation.number(1)
    parts: Sequence[Value] = [
        moved(first(arguments, index), lambda part: np.expand_dims(part, axis)) for index in range(len(arguments))
    ]
    return moves.concat(node_of("PACK", axis=axis), parts)


def gather(operation: Operation, arguments: Arguments) -> Value:
    """GATHER along an axis, without shared batch axes."""
    if operation.number(1):
        raise UnsupportedModelError("The reference lacks GATHER with shared batch axes.")
    indices, axis = first(arguments, 1).array, operation.number(0)
    return moved(first(arguments), lambda part: np.asarray(np.take(part, indices, axis)))


def squeeze(operation: Operation, arguments: Arguments) -> Value:
    """SQUEEZE given axes, or all of length 1."""
    axes = operation.options.integers(0) if operation.options else ()
    return moved(first(arguments), lambda part: np.squeeze(part, axes or None))


def cut(_operation: Operation, arguments: Arguments) -> Value:
    """SLICE: a size of -1 goes to the end."""
    begins, sizes = ([int(n) for n in first(arguments, index).array] for index in (1, 2))
    parts = tuple(slice(begin, None if size < 0 else begin + size) for begin, size in zip(begins, sizes, strict=True))
    return moved(first(arguments), lambda part: part[parts])


def tile(_operation: Operation, arguments: Arguments) -> Value:
    """TILE."""
    repeats = [int(n) for n in first(arguments, 1).array]
    return moved(first(arguments), lambda part: np.tile(part, repeats))


def unpack(operation: Operation, arguments: Arguments) -> tuple[Value, ...]:
    """UNPACK along an axis."""
    axis = operation.number(1)
    return tuple(
        moved(first(arguments), lambda part, at=at: np.take(part, at, axis))  # type: ignore[misc]
        for at in range(len(operation.outputs))
    )


def mirror_pad(operation: Operation, arguments: Arguments) -> Value:
    """MIRROR_PAD: reflect, or symmetric with the edge repeated."""
    widths = first(arguments, 1).array.tolist()
    mode: Any = "symmetric" if operation.number(0, "b") else "reflect"
    return moved(first(arguments), lambda part: np.pad(part, widths, mode=mode))


def shape_of(_operation: Operation, arguments: Arguments) -> Value:
    """SHAPE."""
    return Value(np.asarray(first(arguments).array.shape, np.int32), "int32")


def divide(operation: Operation, arguments: Arguments) -> Value:
    """DIV with a fused activation."""
    quotient = elementwise.divide(node_of("DIV"), first(arguments).array, first(arguments, 1).array)
    return activated(computed(quotient, first(arguments)), operation.number(0, "b"))


def select(_operation: Operation, arguments: Arguments) -> Value:
    """SELECT_V2."""
    return elementwise.where(node_of("SELECT_V2"), arguments)


def reduced(function: Callable[..., Any]) -> Rule:
    """Return the rule of a reduction over the axes of the second input."""

    def rule(operation: Operation, arguments: Arguments) -> Value:
        x = first(arguments)
        axes = tuple(int(axis) for axis in first(arguments, 1).array.reshape(-1))
        found = function(x.array, axis=axes, keepdims=bool(operation.number(0, "?")))
        return computed(np.asarray(found).astype(x.array.dtype), x)

    return rule


def unary(function: Callable[[Array], Any]) -> Rule:
    """Return the rule of a function of one tensor."""
    return lambda _operation, arguments: computed(np.asarray(function(first(arguments).array)), first(arguments))


def binary(function: Callable[[Array, Array], Any]) -> Rule:
    """Return the rule of a function of two tensors."""
    return lambda _o, arguments: computed(
        np.asarray(function(first(arguments).array, first(arguments, 1).array)), first(arguments)
    )


#: By number in BuiltinOperator.
OPERATORS = {
    36: TfliteOperator("GATHER", gather),
    43: TfliteOperator("SQUEEZE", squeeze),
    65: TfliteOperator("SLICE", cut),
    69: TfliteOperator("TILE", tile),
    88: TfliteOperator("UNPACK", unpack),
    42: TfliteOperator("DIV", divide, exact=False),
    45: TfliteOperator("STRIDED_SLICE", strided_slice),
    59: TfliteOperator("NEG", lambda _o, arguments: negated(first(arguments))),
    70: TfliteOperator("EXPAND_DIMS", expand_dims),
    71: TfliteOperator("EQUAL", binary(np.equal), exact=False),
    73: TfliteOperator("LOG", unary(np.log), exact=False),
    74: TfliteOperator("SUM", reduced(np.sum), exact=False),
    75: TfliteOperator("SQRT", unary(np.sqrt), exact=False),
    77: TfliteOperator("SHAPE", shape_of),
    82: TfliteOperator("REDUCE_MAX", reduced(np.max), exact=False),
    83: TfliteOperator("PACK", pack),
    89: TfliteOperator("REDUCE_MIN", reduced(np.min), exact=False),
    92: TfliteOperator("SQUARE", unary(np.square), exact=False),
    100: TfliteOperator("MIRROR_PAD", mirror_pad),
    101: TfliteOperator("ABS", unary(np.abs), exact=False),
    123: TfliteOperator("SELECT_V2", select, exact=False),
}
