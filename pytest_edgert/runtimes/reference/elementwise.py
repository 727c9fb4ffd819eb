"""Elementwise operators: sums and products of whole numbers on grids stay exact, functions are float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_edgert.runtimes.reference.linear import added, negated, spread
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, of_arrays, optional
from pytest_edgert.runtimes.reference.values import Term, Value, computed, from_terms, replaced, single
from pytest_edgert.tensors import Array


def add(node: Node, arguments: Arguments) -> Value:
    """Add; whole numbers of equal types wrap, as NumPy's do."""
    return added(needed(node, arguments, 0), needed(node, arguments, 1))


def subtract(node: Node, arguments: Arguments) -> Value:
    """Sub."""
    a, b = needed(node, arguments, 0), needed(node, arguments, 1)
    return added(a, negated(b)) if a.is_float else computed(a.array - b.array, a)


def multiply(node: Node, arguments: Arguments) -> Value:
    """Mul; the product of two quantised tensors is exact."""
    return multiplied(needed(node, arguments, 0), needed(node, arguments, 1))


def multiplied(a: Value, b: Value) -> Value:
    """Return the product of two values by broadcasting."""
    ta, tb = single(a), single(b)
    if ta is None or tb is None:
        return computed(a.array * b.array, a)
    shape = np.broadcast_shapes(a.array.shape, b.array.shape)
    ta, tb = spread(ta, shape), spread(tb, shape)
    return from_terms([Term(ta.count * tb.count, np.asarray(ta.scale * tb.scale), 2)], a.dtype)


def relu(node: Node, arguments: Arguments) -> Value:
    """Relu; NaN goes through, as the maximum's definition in the standard has it."""
    x = needed(node, arguments, 0)
    return replaced(x, x.array < 0, np.zeros((), x.array.dtype))


def clip(node: Node, arguments: Arguments) -> Value:
    """Clip: bounds as attributes up to opset 6, as inputs from 11 on; the lower bound first, so that the upper wins."""
    x = needed(node, arguments, 0)
    for index, name, beyond in ((1, "min", np.less), (2, "max", np.greater)):
        given = optional(arguments, index)
        bound = given.array if given is not None else node.get(name, None)
        if bound is not None:
            bound = np.asarray(bound, x.array.dtype).reshape(())
            x = replaced(x, beyond(x.array, bound), bound)
    return x


def divide(_node: Node, a: Array, b: Array) -> Array:
    """Div: whole numbers truncate towards zero."""
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    quotient = np.abs(a) // np.abs(b) if a.dtype.kind == "i" else a // b
    return np.asarray(quotient * np.sign(a) * np.sign(b) if a.dtype.kind == "i" else quotient).astype(a.dtype)


def sigmoid(_node: Node, x: Array) -> Array:
    """Sigmoid without overflow."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)))


def hard_sigmoid(node: Node, x: Array) -> Array:
    """HardSigmoid."""
    alpha, beta = (float32_of(node.get(name, default)) for name, default in (("alpha", 0.2), ("beta", 0.5)))
    return np.clip(alpha * x + beta, 0.0, 1.0)


def hard_swish(_node: Node, x: Array) -> Array:
    """HardSwish: ``x * max(0, min(1, x/6 + 1/2))``, with the real 1/6."""
    return np.asarray(x * np.clip((x + 3.0) / 6.0, 0.0, 1.0))


def softmax(node: Node, x: Array) -> Array:
    """Softmax: along one axis from opset 13 on, over all axes from `axis` on before; stable."""
    return np.exp(log_softmax(node, x))


def log_softmax(node: Node, x: Array) -> Array:
    """LogSoftmax."""
    if node.opset >= 13:
        axes: tuple[int, ...] = (int(node.get("axis", -1)) % max(x.ndim, 1),)
    else:
        axes = tuple(range(int(node.get("axis", 1)) % max(x.ndim, 1), x.ndim))
    if x.size == 0:
        return x
    shifted = x - x.max(axis=axes, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=axes, keepdims=True)))


def batch_normalization(node: Node, x: Array, *parameters: Array) -> Array:
    """BatchNormalization as it infers: scale, bias, mean and variance per channel, or per element (`spatial` 0, up to opset 8)."""
    shape = (1, -1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (-1,)
    shape = shape if node.get("spatial", 1) else (1, *x.shape[1:])
    epsilon = float32_of(node.get("epsilon", 1e-5))
    scale, bias, mean, variance = (parameter.reshape(shape) for parameter in parameters)
    return np.asarray((x - mean) * (scale / np.sqrt(variance + epsilon)) + bias)


def gelu(node: Node, x: Array) -> Array:
    """Gelu, by the error function or by tanh."""
    if node.get("approximate", b"none") == b"tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
    return np.asarray(0.5 * x * (1 + error_function(node, x / math.sqrt(2))))


def error_function(_node: Node, x: Array) -> Array:
    """Erf of the C library, element by element."""
    return np.fromiter(map(math.erf, x.reshape(-1).tolist()), np.float64, x.size).reshape(x.shape)


def power(_node: Node, x: Array, exponent: Array) -> Array:
    """Pow in the type of the base."""
    return np.asarray(np.power(x, exponent)).astype(x.dtype)


def where(node: Node, arguments: Arguments) -> Value:
    """Where; the chosen numbers are copied."""
    condition, yes, no = (needed(node, arguments, index) for index in range(3))
    return computed(np.where(condition.array, yes.array, no.array), yes)


def variadic(function: Callable[[Array, Array], Array]) -> Operator:
    """Return the operator that folds any number of inputs."""

    def fold(_node: Node, first: Array, *others: Array) -> Array:
        for other in others:
            first = function(first, other)
        return first

    return of_arrays(fold)


def unary(function: Callable[[Array], Any], reach: Reach = Reach.LEAVES) -> Operator:
    """Return the operator of one input that NumPy has a function for."""
    return of_arrays(lambda _node, x: np.asarray(function(x)), reach)


def binary(function: Callable[[Array, Array], Any], reach: Reach = Reach.LEAVES) -> Operator:
    """Return the operator of two inputs that NumPy has a function for."""
    return of_arrays(lambda _node, a, b: np.asarray(function(a, b)), reach)


def leaky(node: Node, x: Array) -> Array:
    """LeakyRelu."""
    return np.where(x < 0, x * float32_of(node.get("alpha", 0.01)), x)


def elu(node: Node, x: Array) -> Array:
    """Elu."""
    return np.where(x < 0, float32_of(node.get("alpha", 1.0)) * np.expm1(np.minimum(x, 0)), x)


def float32_of(number: float) -> float:
    """Return an attribute as the file holds it: a float32."""
    return float(np.float32(number))


OPERATORS = {
    "Add": Operator(add, Reach.SUMS),
    "Sub": Operator(subtract, Reach.SUMS),
    "Mul": Operator(multiply, Reach.PRODUCTS),
    "Relu": Operator(relu, Reach.KEEPS),
    "Clip": Operator(clip, Reach.KEEPS),
    "Where": Operator(where, Reach.LEAVES),
    "Div": of_arrays(divide),
    "Pow": of_arrays(power),
    "Sigmoid": of_arrays(sigmoid),
    "HardSigmoid": of_arrays(hard_sigmoid),
    "HardSwish": of_arrays(hard_swish),
    "Softmax": of_arrays(softmax),
    "LogSoftmax": of_arrays(log_softmax),
    "BatchNormalization": of_arrays(batch_normalization),
    "Gelu": of_arrays(gelu),
    "Erf": of_arrays(error_function),
    "LeakyRelu": of_arrays(leaky),
    "PRelu": of_arrays(lambda _node, x, slope: np.where(x < 0, x * slope, x)),
    "Elu": of_arrays(elu),
    "Softplus": unary(lambda x: np.logaddexp(x, 0.0)),
    "Tanh": unary(np.tanh),
    "Exp": unary(np.exp),
    "Log": unary(np.log),
    "Sqrt": unary(np.sqrt),
    "Reciprocal": unary(lambda x: 1.0 / x),
    "Neg": Operator(lambda node, arguments: negated(needed(node, arguments, 0)), Reach.KEEPS),
    "Abs": unary(np.abs),
    "Floor": unary(np.floor),
    "Ceil": unary(np.ceil),
    "Not": unary(np.logical_not),
    "And": binary(np.logical_and),
    "Or": binary(np.logical_or),
    "Equal": binary(np.equal),
    "Less": binary(np.less),
    "LessOrEqual": binary(np.less_equal),
    "Greater": binary(np.greater),
    "GreaterOrEqual": binary(np.greater_equal),
    "Max": variadic(np.maximum),
    "Min": variadic(np.minimum),
    "Sum": variadic(np.add),
}
