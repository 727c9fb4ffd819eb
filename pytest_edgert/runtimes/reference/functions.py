"""Elementwise functions of one or two tensors that need no exactness: trigonometry, bits, less common activations."""

from __future__ import annotations

import math

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.elementwise import binary, float32_of, sigmoid, unary
from pytest_edgert.runtimes.reference.nodes import Node, of_arrays
from pytest_edgert.tensors import Array

#: Defaults of Selu, https://onnx.ai/onnx/operators/onnx__Selu.html.
_SELU = (1.67326319217681884765625, 1.05070102214813232421875)


def remainder(node: Node, a: Array, b: Array) -> Array:
    """Mod: with the sign of the divisor, or of the dividend where `fmod` is set."""
    return np.asarray((np.fmod if node.get("fmod", 0) else np.mod)(a, b))


def shifted(node: Node, a: Array, b: Array) -> Array:
    """BitShift: by the width of the type or more, only copies of the sign are left; a negative shift counts as such."""
    direction = node.attributes["direction"]
    width = a.dtype.itemsize * 8
    beyond = (b < 0) | (b >= width)
    by = np.where(beyond, width - 1, b).astype(a.dtype)
    if (direction.decode() if isinstance(direction, bytes) else direction) == "LEFT":
        return np.where(beyond, np.zeros((), a.dtype), np.left_shift(a, by))
    return np.where(beyond & (a >= 0), np.zeros((), a.dtype), np.right_shift(a, by))


def is_infinite(node: Node, x: Array) -> Array:
    """IsInf, of both signs unless told otherwise."""
    positive, negative = bool(node.get("detect_positive", 1)), bool(node.get("detect_negative", 1))
    return np.asarray((np.isposinf(x) & positive) | (np.isneginf(x) & negative))


def selu(node: Node, x: Array) -> Array:
    """Selu."""
    alpha, gamma = (float32_of(node.get(name, value)) for name, value in zip(("alpha", "gamma"), _SELU, strict=True))
    return np.where(x > 0, gamma * x, gamma * alpha * np.expm1(np.minimum(x, 0)))


def celu(node: Node, x: Array) -> Array:
    """Celu: ``max(0, x) + min(0, alpha · (exp(x / alpha) - 1))``."""
    alpha = float32_of(node.get("alpha", 1.0))
    return np.asarray(np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)))


def thresholded(node: Node, x: Array) -> Array:
    """ThresholdedRelu."""
    return np.where(x > float32_of(node.get("alpha", 1.0)), x, 0.0)


def shrunk(node: Node, x: Array) -> Array:
    """Shrink: nothing within `lambd` of zero, `bias` nearer to zero outside."""
    limit, bias = float32_of(node.get("lambd", 0.5)), float32_of(node.get("bias", 0.0))
    return np.where(x < -limit, x + bias, np.where(x > limit, x - bias, 0)).astype(x.dtype)


def swish(node: Node, x: Array) -> Array:
    """Swish: ``x · sigmoid(alpha · x)``."""
    return np.asarray(x * sigmoid(node, float32_of(node.get("alpha", 1.0)) * x))


def mish(_node: Node, x: Array) -> Array:
    """Mish: ``x · tanh(softplus(x))``."""
    return np.asarray(x * np.tanh(np.logaddexp(x, 0.0)))


def hardmax(node: Node, x: Array) -> Array:
    """Hardmax: 1 at the first largest number along an axis, over all axes from `axis` on before opset 13."""
    axis = int(node.get("axis", -1 if node.opset >= 13 else 1)) % max(x.ndim, 1)
    flat = x if node.opset >= 13 else x.reshape(math.prod(x.shape[:axis]), -1)
    at = axis if node.opset >= 13 else 1
    found = np.zeros_like(flat)
    np.put_along_axis(found, flat.argmax(axis=at, keepdims=True), 1, axis=at)
    return found.reshape(x.shape)


def mean_of(_node: Node, *arrays: Array) -> Array:
    """Mean of several tensors."""
    return np.asarray(sum(arrays[1:], arrays[0]) / len(arrays))


def einsum(node: Node, *arrays: Array) -> Array:
    """Einsum, by NumPy."""
    equation = node.attributes["equation"]
    text = equation.decode() if isinstance(equation, bytes) else equation
    try:
        return np.asarray(np.einsum(text.replace(" ", ""), *arrays, optimize=True))
    except ValueError as error:
        raise UnsupportedModelError(f"Node {node.label} has the equation {text!r}: {error}.") from error


def determinant(_node: Node, x: Array) -> Array:
    """Det of square matrices."""
    return np.asarray(np.linalg.det(x))


OPERATORS = {
    **{
        name: unary(function)
        for name, function in {
            "Sin": np.sin, "Cos": np.cos, "Tan": np.tan, "Asin": np.arcsin, "Acos": np.arccos, "Atan": np.arctan,
            "Sinh": np.sinh, "Cosh": np.cosh, "Asinh": np.arcsinh, "Acosh": np.arccosh, "Atanh": np.arctanh,
            "Round": np.rint, "Sign": np.sign, "BitwiseNot": np.bitwise_not,
        }.items()
    },
    **{
        name: binary(function)
        for name, function in {
            "Xor": np.logical_xor, "BitwiseAnd": np.bitwise_and, "BitwiseOr": np.bitwise_or,
            "BitwiseXor": np.bitwise_xor,
        }.items()
    },
    "IsNaN": unary(np.isnan),
    "Softsign": unary(lambda x: x / (1 + np.abs(x))),
    "IsInf": of_arrays(is_infinite),
    "Mod": of_arrays(remainder),
    "BitShift": of_arrays(shifted),
    "Selu": of_arrays(selu),
    "Celu": of_arrays(celu),
    "ThresholdedRelu": of_arrays(thresholded),
    "Shrink": of_arrays(shrunk),
    "Swish": of_arrays(swish),
    "Mish": of_arrays(mish),
    "Hardmax": of_arrays(hardmax),
    "Mean": of_arrays(mean_of),
    "Einsum": of_arrays(einsum),
    "Det": of_arrays(determinant),
}  # fmt: skip
