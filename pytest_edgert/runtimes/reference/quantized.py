"""Quantised operators of ONNX and of `com.microsoft`: onto grids, off them, and whole operators between two grids.

A QLinear operator means what its parts mean: dequantise exactly, compute, round once onto the output's grid.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.casting import NARROW, narrowed, type_named
from pytest_edgert.runtimes.reference.elementwise import leaky, sigmoid
from pytest_edgert.runtimes.reference.elementwise import multiplied as elementwise_product
from pytest_edgert.runtimes.reference.linear import added, convolved, multiplied
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, optional
from pytest_edgert.runtimes.reference.pooling import average_pool, global_average_pool
from pytest_edgert.runtimes.reference.rounding import RANGES, quantize
from pytest_edgert.runtimes.reference.values import Term, Value, computed, moved
from pytest_edgert.runtimes.reference.watching import Rounding, show
from pytest_edgert.tensors import Array


def dequantize_linear(node: Node, arguments: Arguments) -> Value:
    """DequantizeLinear, per tensor, per axis or blocked: ``(x - zero_point) * scale`` as a real number."""
    x, scale, zero_point = needed(node, arguments, 0), needed(node, arguments, 1), optional(arguments, 2)
    return _dequantized(node, x, scale, zero_point)


def dequantized(node: Node, arguments: Arguments, index: int, *, axis: int | None = None) -> Value:
    """Return the triple (integers, scale, zero point) of a QLinear operator that begins at `index` as a value."""
    x, scale = needed(node, arguments, index), needed(node, arguments, index + 1)
    plan = node if axis is None else replace(node, attributes={"axis": axis})
    return _dequantized(plan, x, scale, optional(arguments, index + 2))


def _dequantized(node: Node, x: Value, scale: Value, zero_point: Value | None) -> Value:
    factor = _spread(node, scale.array, x.array.shape)
    count = x.array.astype(np.float64)
    if zero_point is not None:
        count = count - _spread(node, zero_point.array.astype(np.float64), x.array.shape)
    dtype = type_named(node.attributes["output_dtype"]) if node.get("output_dtype", 0) else scale.dtype
    array = np.asarray(count * factor)
    return Value(array, dtype) if x.is_float else Value(array, dtype, (Term(count, factor, 1),))


def quantize_linear(node: Node, arguments: Arguments) -> Value:
    """QuantizeLinear: the real quotient, rounded half to even, saturated."""
    x, scale, zero_point = needed(node, arguments, 0), needed(node, arguments, 1), optional(arguments, 2)
    return quantized(node, x, scale, zero_point)


def quantized(node: Node, x: Value, scale: Value, zero_point: Value | None) -> Value:
    """Return a value on the grid of scale and zero point, of the type that the zero point (or `output_dtype`) has."""
    dtype = "uint8" if zero_point is None else zero_point.dtype
    if zero_point is None and node.get("output_dtype", 0):
        dtype = type_named(node.attributes["output_dtype"])
    if dtype in NARROW:
        quotient = x.array / _spread(node, scale.array, x.array.shape)
        return Value(narrowed(quotient, dtype, saturates=bool(node.get("saturate", 1))), dtype)
    if dtype not in RANGES:
        raise UnsupportedModelError(f"Node {node.label} quantises to {dtype}, which the reference does not do.")
    offset = np.zeros((), np.int64) if zero_point is None else zero_point.array
    shape = x.array.shape
    if not x.is_float:
        x = Value(x.array.astype(np.float64), "float64")
    scale_there, zero_there = _spread(node, scale.array, shape), _spread(node, offset, shape)
    made = quantize(x, scale_there, zero_there, dtype)
    show(Rounding(node.outputs[0], x.array, scale_there, zero_there, dtype, made.array))
    return made


def _spread(node: Node, part: Array, shape: tuple[int, ...]) -> Array:
    """Return scales or zero points so that they broadcast to `shape`."""
    block = int(node.get("block_size", 0))
    if part.size == 1 and (not block or part.ndim == 0):
        return part.reshape(())
    axis = int(node.get("axis", 1)) % len(shape)
    if block:
        repeated = np.repeat(part, block, axis)
        return np.asarray(np.take(repeated, np.arange(shape[axis]), axis))
    return part.reshape([-1 if index == axis else 1 for index in range(len(shape))])


def dynamic_quantize_linear(node: Node, arguments: Arguments) -> tuple[Value, ...]:
    """DynamicQuantizeLinear, in float32 operation by operation, as its definition by other operators has it.

    All zeros leave the scale open (the definition divides zero by it); here it is 1, as in ONNX Runtime. NaN becomes
    the zero point, and the zero point of a tensor with NaN is 0.
    """
    x = needed(node, arguments, 0).array.astype(np.float32)
    lowest = np.minimum(x.min(initial=0), np.float32(0))
    highest = np.maximum(x.max(initial=0), np.float32(0))
    scale = (highest - lowest) / np.float32(255) or np.float32(1)
    zero_point = np.nan_to_num(np.rint(np.clip(np.float32(0) - lowest / scale, 0, 255)))
    y = np.clip(np.nan_to_num(np.rint(x / scale), nan=0.0) + zero_point, 0, 255)
    show(
        Rounding(
            node.outputs[0], x.astype(np.float64), np.asarray(scale, np.float64), np.asarray(zero_point), "uint8", y
        )
    )
    return (
        Value(y.astype(np.uint8), "uint8"),
        Value(np.asarray(scale, np.float64), "float32", given=True),
        Value(np.asarray(zero_point, np.uint8), "uint8"),
    )


def _onto(node: Node, arguments: Arguments, index: int, made: Value) -> Value:
    """Return a result on the grid whose scale and zero point are the inputs from `index` on."""
    plain = replace(node, attributes={})
    return quantized(plain, made, needed(node, arguments, index), optional(arguments, index + 1))


def qlinear_conv(node: Node, arguments: Arguments) -> Value:
    """QLinearConv: the int32 bias has the scale x_scale · w_scale."""
    x, w = dequantized(node, arguments, 0), dequantized(node, arguments, 3, axis=0)
    made = convolved(node, x, w, None)
    bias = optional(arguments, 8)
    return _onto(node, arguments, 6, made if bias is None else with_bias(made, bias))


def with_bias(made: Value, bias: Value) -> Value:
    """Return an accumulator plus an integer bias of the same scale."""
    shape = (1, -1, *(1,) * (made.array.ndim - 2))
    term = made.terms[0]
    whole = Value(
        bias.array, "float32", (Term(bias.array.astype(np.float64).reshape(shape), term.scale, term.factors),)
    )
    return added(made, replace(whole, array=whole.terms[0].count * term.scale))


def qlinear_matmul(node: Node, arguments: Arguments) -> Value:
    """QLinearMatMul: scales per tensor, per row of the left matrix, per column of the right one."""
    a, b = dequantized(node, arguments, 0, axis=-2), dequantized(node, arguments, 3, axis=-1)
    return _onto(node, arguments, 6, multiplied(node, a, b))


def qgemm(node: Node, arguments: Arguments) -> Value:
    """QGemm of com.microsoft: ``alpha·A'·B' + C``, C in int32 with the scale alpha · a_scale · b_scale."""
    columns = 0 if node.get("transB", 0) else 1
    a, b = dequantized(node, arguments, 0), dequantized(node, arguments, 3, axis=columns)
    a = moved(a, np.transpose) if node.get("transA", 0) else a
    b = moved(b, np.transpose) if node.get("transB", 0) else b
    made, bias, alpha = multiplied(node, a, b), optional(arguments, 6), float(node.get("alpha", 1.0))
    if bias is not None:
        term = made.terms[0]
        count = bias.array.astype(np.float64)
        made = added(made, Value(count * term.scale, made.dtype, (Term(count, term.scale, term.factors),)))
    if alpha != 1:
        made = Value(made.array * float(np.float32(alpha)), made.dtype)
    return _onto(node, arguments, 7, made) if optional(arguments, 7) else made


def qlinear_pair(node: Node, arguments: Arguments) -> Value:
    """QLinearAdd and QLinearMul of com.microsoft."""
    a, b = dequantized(node, arguments, 0), dequantized(node, arguments, 3)
    made = added(a, b) if node.operator == "QLinearAdd" else elementwise_product(a, b)
    return _onto(node, arguments, 6, made)


def qlinear_one(node: Node, arguments: Arguments) -> Value:
    """Operators of com.microsoft from one grid onto another: Sigmoid, LeakyRelu, AveragePool, GlobalAveragePool."""
    x = dequantized(node, arguments, 0)
    if node.get("channels_last", 0):
        raise UnsupportedModelError(f"Node {node.label} has channels last, which the reference does not do.")
    rules: dict[str, Any] = {
        "QLinearSigmoid": lambda: computed(sigmoid(node, x.array), x),
        "QLinearLeakyRelu": lambda: computed(leaky(node, x.array), x),
        "QLinearAveragePool": lambda: average_pool(node, [x]),
        "QLinearGlobalAveragePool": lambda: global_average_pool(node, [x]),
    }
    return _onto(node, arguments, 3, rules[node.operator]())


ONNX = {
    "QuantizeLinear": Operator(quantize_linear, Reach.ONTO),
    "DequantizeLinear": Operator(dequantize_linear, Reach.ENTERS),
    "DynamicQuantizeLinear": Operator(dynamic_quantize_linear, Reach.LEAVES),
    "QLinearConv": Operator(qlinear_conv, Reach.GIVES),
    "QLinearMatMul": Operator(qlinear_matmul, Reach.GIVES),
}
MICROSOFT = {
    "QuantizeLinear": ONNX["QuantizeLinear"],
    "DequantizeLinear": ONNX["DequantizeLinear"],
    "QGemm": Operator(qgemm, Reach.GIVES),
    "QLinearAdd": Operator(qlinear_pair, Reach.GIVES),
    "QLinearMul": Operator(qlinear_pair, Reach.GIVES),
    "QLinearSigmoid": Operator(qlinear_one, Reach.LEAVES),
    "QLinearLeakyRelu": Operator(qlinear_one, Reach.LEAVES),
    "QLinearAveragePool": Operator(qlinear_one, Reach.GIVES),
    "QLinearGlobalAveragePool": Operator(qlinear_one, Reach.GIVES),
}
