"""Operators of TensorFlow Lite as real arithmetic between grids; the graph rounds each result once onto its grid.

What the kernels approximate in fixed point (HARD_SWISH, SOFTMAX, LOGISTIC, the requantising multiplier) is real here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference import elementwise, moves
from pytest_edgert.runtimes.reference.linear import added, convolved, multiplied, negated
from pytest_edgert.runtimes.reference.nodes import Node
from pytest_edgert.runtimes.reference.pooling import average, maximum, mean
from pytest_edgert.runtimes.reference.quantized import with_bias
from pytest_edgert.runtimes.reference.tflite_model import Operation
from pytest_edgert.runtimes.reference.values import Value, computed, given, moved, replaced
from pytest_edgert.runtimes.reference.windows import window_of
from pytest_edgert.tensors import Array

#: Padding of the schema as ONNX's auto_pad has it.
_PADDING = {0: "SAME_UPPER", 1: "VALID"}
#: ActivationFunctionType: bounds.
_BOUNDS: dict[int, tuple[float | None, float | None]] = {
    0: (None, None),
    1: (0.0, None),
    2: (-1.0, 1.0),
    3: (0.0, 6.0),
}
Arguments = Sequence[Value | None]
Rule = Callable[[Operation, Arguments], "Value | tuple[Value, ...]"]


@dataclass(frozen=True, slots=True)
class TfliteOperator:
    """An operator: name in BuiltinOperator, rule, and whether it is exact between grids.

    One that keeps state has the rule `stateful` instead, which is told how to round what it keeps.
    """

    name: str
    rule: Rule
    exact: bool = True
    stateful: Callable[[Operation, Arguments, Callable[[int, Array], Array]], Value] | None = None


def first(arguments: Arguments, index: int = 0) -> Value:
    """Return an input, the first unless told otherwise. Raises UnsupportedModelError when it is left out."""
    found = arguments[index] if index < len(arguments) else None
    if found is None:
        raise UnsupportedModelError(f"An operator lacks its input {index}.", "Convert the model again.")
    return found


def activated(value: Value, function: int) -> Value:
    """Return a value under a fused activation function."""
    if function not in _BOUNDS:
        raise UnsupportedModelError(f"The reference lacks the fused activation function {function}.")
    low, high = _BOUNDS[function]
    if low is not None:
        value = replaced(value, value.array < low, np.asarray(low))
    return value if high is None else replaced(value, value.array > high, np.asarray(high))


def channels_first(array: Array) -> Array:
    """Return (batch, rows, columns, channels) as (batch, channels, rows, columns)."""
    return array.transpose(0, 3, 1, 2)


def channels_last(array: Array) -> Array:
    """Return (batch, channels, rows, columns) as (batch, rows, columns, channels)."""
    return array.transpose(0, 2, 3, 1)


def node_of(name: str, **attributes: Any) -> Node:
    """Return a node of ONNX with attributes, to share the rules of that side."""
    return Node(name, name, (), (name,), attributes, 22)


def conv(operation: Operation, arguments: Arguments) -> Value:
    """CONV_2D: filters (outputs, rows, columns, channels)."""
    return _convolved(operation, arguments, (0, 3, 1, 2), activation=3, dilation=4)


def depthwise_conv(operation: Operation, arguments: Arguments) -> Value:
    """DEPTHWISE_CONV_2D: filters (1, rows, columns, outputs)."""
    return _convolved(operation, arguments, (3, 0, 1, 2), activation=4, dilation=5)


def _convolved(
    operation: Operation, arguments: Arguments, order: tuple[int, ...], *, activation: int, dilation: int
) -> Value:
    x, w = moved(first(arguments), channels_first), moved(first(arguments, 1), lambda part: part.transpose(order))
    node = node_of(
        "CONV_2D",
        auto_pad=_PADDING[operation.number(0, "b")],
        strides=(operation.number(2), operation.number(1)),
        dilations=(operation.number(dilation + 1, default=1), operation.number(dilation, default=1)),
        group=x.array.shape[1] // w.array.shape[1],
    )
    made = convolved(node, x, w, None)
    bias = arguments[2] if len(arguments) > 2 else None
    if bias is not None:
        made = _biased(made, bias, lambda part: part.reshape(1, -1, 1, 1))
    return moved(activated(made, operation.number(activation, "b")), channels_last)


def _biased(made: Value, bias: Value, shape: Callable[[Array], Array]) -> Value:
    """Return an accumulator plus a bias: integers count in the accumulator's own scale, whatever their tensor says."""
    if bias.is_float:
        return added(made, moved(bias, shape))
    if not made.terms:
        raise UnsupportedModelError("An integer bias stands beside a product that is not one of integers.")
    return with_bias(made, bias)


def fully_connected(operation: Operation, arguments: Arguments) -> Value:
    """FULLY_CONNECTED: weights (outputs, inputs)."""
    if operation.number(1, "b"):
        raise UnsupportedModelError("The reference lacks FULLY_CONNECTED with shuffled weights.")
    x, w = first(arguments), first(arguments, 1)
    rows = moved(x, lambda part: part.reshape(-1, w.array.shape[1]))
    made = multiplied(node_of("FULLY_CONNECTED"), rows, moved(w, np.transpose))
    bias = arguments[2] if len(arguments) > 2 else None
    if bias is not None:
        made = _biased(made, bias, lambda part: part.reshape(1, -1))
    made = activated(made, operation.number(0, "b"))
    if operation.number(2, "?"):
        made = moved(made, lambda part: part.reshape(*x.array.shape[:-1], w.array.shape[0]))
    return made


def pool(operation: Operation, arguments: Arguments, *, largest: bool) -> Value:
    """MAX_POOL_2D and AVERAGE_POOL_2D; a mean counts the elements in the image only."""
    x = moved(first(arguments), channels_first)
    node = node_of(
        "POOL_2D",
        auto_pad=_PADDING[operation.number(0, "b")],
        strides=(operation.number(2), operation.number(1)),
        kernel_shape=(operation.number(4), operation.number(3)),
    )
    windows = window_of(node, x.array.shape)
    made = maximum(x, windows) if largest else average(x, windows)
    return moved(activated(made, operation.number(5, "b")), channels_last)


def pair(operation: Operation, arguments: Arguments, function: Callable[[Value, Value], Value]) -> Value:
    """ADD, SUB, MUL with broadcasting and a fused activation."""
    return activated(function(first(arguments), first(arguments, 1)), operation.number(0, "b"))


def softmax(operation: Operation, arguments: Arguments) -> Value:
    """SOFTMAX over the last axis."""
    x = first(arguments)
    beta = 1.0 if operation.options is None else struct.unpack("<f", struct.pack("<I", operation.number(0, "I")))[0]
    return computed(elementwise.softmax(node_of("SOFTMAX", axis=-1), x.array * beta), x)


def reshape(operation: Operation, arguments: Arguments) -> Value:
    """RESHAPE to the shape of its second input, or of its options."""
    shape = arguments[1] if len(arguments) > 1 else None
    if shape is not None:
        wanted = [int(length) for length in shape.array.reshape(-1)]
    else:
        wanted = list(operation.options.integers(0)) if operation.options else []
    return moved(first(arguments), lambda part: part.reshape(wanted))


def concatenation(operation: Operation, arguments: Arguments) -> Value:
    """CONCATENATION; inputs on other grids than the output's are brought onto it."""
    made = moves.concat(node_of("CONCATENATION", axis=operation.number(0)), arguments)
    return activated(made, operation.number(1, "b"))


def split(operation: Operation, arguments: Arguments) -> tuple[Value, ...]:
    """SPLIT into equal parts; the axis comes first."""
    axis = int(first(arguments).array.reshape(-1)[0])
    names = tuple(str(index) for index in operation.outputs)
    return moves.split(Node("SPLIT", "SPLIT", (), names, {"axis": axis}, 22), [first(arguments, 1)])


def pad(_operation: Operation, arguments: Arguments) -> Value:
    """PAD with the real zero."""
    widths = first(arguments, 1).array
    pads = given(np.concatenate([widths[:, 0], widths[:, 1]]).astype(np.int64))
    return moves.pad(node_of("PAD"), [first(arguments), pads])


def transpose(_operation: Operation, arguments: Arguments) -> Value:
    """TRANSPOSE."""
    order = [int(axis) for axis in first(arguments, 1).array]
    return moved(first(arguments), lambda part: part.transpose(order))


def mean_of(operation: Operation, arguments: Arguments) -> Value:
    """MEAN over axes."""
    x = first(arguments)
    axes = tuple(int(axis) % x.array.ndim for axis in first(arguments, 1).array.reshape(-1))
    return mean(x, axes, keeps=bool(operation.number(0, "?")))


def function_of(function: Callable[[Node, Array], Array]) -> Rule:
    """Return the rule of a function of one tensor."""
    return lambda _operation, arguments: computed(
        function(node_of("FUNCTION"), first(arguments).array), first(arguments)
    )


def same(_operation: Operation, arguments: Arguments) -> Value:
    """Return the first input; what happens to it is a matter of grids."""
    return first(arguments)


#: By number in BuiltinOperator.
OPERATORS = {
    0: TfliteOperator("ADD", lambda o, a: pair(o, a, added)),
    1: TfliteOperator("AVERAGE_POOL_2D", lambda o, a: pool(o, a, largest=False)),
    2: TfliteOperator("CONCATENATION", concatenation),
    3: TfliteOperator("CONV_2D", conv),
    4: TfliteOperator("DEPTHWISE_CONV_2D", depthwise_conv),
    6: TfliteOperator("DEQUANTIZE", same),
    9: TfliteOperator("FULLY_CONNECTED", fully_connected),
    14: TfliteOperator("LOGISTIC", function_of(elementwise.sigmoid), exact=False),
    17: TfliteOperator("MAX_POOL_2D", lambda o, a: pool(o, a, largest=True)),
    18: TfliteOperator("MUL", lambda o, a: pair(o, a, elementwise.multiplied)),
    19: TfliteOperator("RELU", lambda _o, a: activated(first(a), 1)),
    21: TfliteOperator("RELU6", lambda _o, a: activated(first(a), 3)),
    22: TfliteOperator("RESHAPE", reshape),
    25: TfliteOperator("SOFTMAX", softmax, exact=False),
    28: TfliteOperator("TANH", function_of(lambda _node, x: np.tanh(x)), exact=False),
    34: TfliteOperator("PAD", pad),
    39: TfliteOperator("TRANSPOSE", transpose),
    40: TfliteOperator("MEAN", mean_of),
    41: TfliteOperator("SUB", lambda o, a: pair(o, a, lambda x, y: added(x, negated(y)))),
    49: TfliteOperator("SPLIT", split),
    114: TfliteOperator("QUANTIZE", same),
    117: TfliteOperator("HARD_SWISH", function_of(elementwise.hard_swish), exact=False),
}
