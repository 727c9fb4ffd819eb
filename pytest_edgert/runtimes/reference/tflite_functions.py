"""Functions, comparisons and resampling of TensorFlow Lite, in float64; what they give is rounded onto the output's grid."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference import elementwise, resampling
from pytest_edgert.runtimes.reference.tflite_model import TYPES, Operation
from pytest_edgert.runtimes.reference.tflite_operators import (
    Arguments,
    Rule,
    TfliteOperator,
    activated,
    channels_first,
    channels_last,
    first,
    function_of,
    node_of,
)
from pytest_edgert.runtimes.reference.values import Value, computed, given, is_floating, moved
from pytest_edgert.tensors import Array


def cast(operation: Operation, arguments: Arguments) -> Value:
    """CAST: towards zero to integers; out of range what NumPy does."""
    number = operation.number(1, "b")
    if operation.options is None or number not in TYPES:
        raise UnsupportedModelError(
            "The reference lacks CAST without a type that it knows.", "Convert the model again."
        )
    name = TYPES[number]
    array = first(arguments).array.astype(name)
    return Value(array.astype(np.float64) if is_floating(name) else array, name)


def leaky_relu(operation: Operation, arguments: Arguments) -> Value:
    """LEAKY_RELU."""
    x = first(arguments)
    bits = struct.pack("<I", operation.number(0, "I"))
    return computed(np.where(x.array < 0, x.array * struct.unpack("<f", bits)[0], x.array), x)


def gelu(operation: Operation, arguments: Arguments) -> Value:
    """GELU, by the error function or by tanh."""
    node = node_of("GELU", approximate=b"tanh" if operation.number(0, "?") else b"none")
    return computed(elementwise.gelu(node, first(arguments).array), first(arguments))


def l2_normalization(operation: Operation, arguments: Arguments) -> Value:
    """L2_NORMALIZATION over the last axis; the kernels take no norm below 1e-6."""
    x = first(arguments)
    norm = np.sqrt((x.array * x.array).sum(axis=-1, keepdims=True))
    return activated(computed(x.array / np.maximum(norm, 1e-6), x), operation.number(0, "b"))


def resize(operation: Operation, arguments: Arguments, *, nearest: bool) -> Value:
    """RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR of an image (batch, rows, columns, channels)."""
    # Fields of ResizeBilinearOptions begin with two that are no longer used.
    corners, halves = (operation.number(field, "?") for field in ((0, 1) if nearest else (2, 3)))
    rows = first(arguments, 1).array.astype(np.int64)
    x = moved(first(arguments), channels_first)
    sizes = given(np.concatenate([np.asarray(x.array.shape[:2], np.int64), rows]))
    where = "align_corners" if corners else "asymmetric"
    if halves:
        where = "tf_half_pixel_for_nn" if nearest else "half_pixel"
    attributes = {
        "mode": "nearest" if nearest else "linear",
        "coordinate_transformation_mode": where,
        "nearest_mode": "round_prefer_ceil" if corners else "floor",
    }
    node = node_of("Resize", **attributes)
    return moved(resampling.resize(node, [x, None, None, sizes]), channels_last)


def pair(function: Callable[[Array, Array], Any]) -> Rule:
    """Return the rule of a function of two tensors by broadcasting."""
    return lambda _operation, arguments: computed(
        np.asarray(function(first(arguments).array, first(arguments, 1).array)), first(arguments)
    )


def one(function: Callable[[Array], Any]) -> Rule:
    """Return the rule of a function of one tensor."""
    return function_of(lambda _node, x: np.asarray(function(x)))


_RULES: dict[int, tuple[str, Rule]] = {
    8: ("FLOOR", one(np.floor)),
    11: ("L2_NORMALIZATION", l2_normalization),
    20: ("RELU_N1_TO_1", lambda _o, arguments: activated(first(arguments), 2)),
    23: ("RESIZE_BILINEAR", lambda o, a: resize(o, a, nearest=False)),
    47: ("EXP", one(np.exp)),
    50: ("LOG_SOFTMAX", function_of(lambda _node, x: elementwise.log_softmax(node_of("LOG_SOFTMAX", axis=-1), x))),
    53: ("CAST", cast),
    54: ("PRELU", pair(lambda x, slope: np.where(x < 0, x * slope, x))),
    55: ("MAXIMUM", pair(np.maximum)),
    57: ("MINIMUM", pair(np.minimum)),
    58: ("LESS", pair(np.less)),
    61: ("GREATER", pair(np.greater)),
    62: ("GREATER_EQUAL", pair(np.greater_equal)),
    63: ("LESS_EQUAL", pair(np.less_equal)),
    66: ("SIN", one(np.sin)),
    72: ("NOT_EQUAL", pair(np.not_equal)),
    76: ("RSQRT", one(lambda x: 1 / np.sqrt(x))),
    78: ("POW", pair(np.power)),
    84: ("LOGICAL_OR", pair(np.logical_or)),
    86: ("LOGICAL_AND", pair(np.logical_and)),
    87: ("LOGICAL_NOT", one(np.logical_not)),
    97: ("RESIZE_NEAREST_NEIGHBOR", lambda o, a: resize(o, a, nearest=True)),
    98: ("LEAKY_RELU", leaky_relu),
    99: ("SQUARED_DIFFERENCE", pair(lambda a, b: (a - b) ** 2)),
    104: ("CEIL", one(np.ceil)),
    108: ("COS", one(np.cos)),
    111: ("ELU", one(lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x))),
    116: ("ROUND", one(np.rint)),
    150: ("GELU", gelu),
}
#: By number in BuiltinOperator.
OPERATORS = {number: TfliteOperator(name, rule, exact=False) for number, (name, rule) in _RULES.items()}
