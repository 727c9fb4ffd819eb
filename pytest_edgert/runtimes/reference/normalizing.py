"""Normalisation over the axes of one example, by the definitions on the operators' pages, in float64."""

from __future__ import annotations

import math

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.elementwise import float32_of
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, of_arrays, optional
from pytest_edgert.runtimes.reference.values import Value
from pytest_edgert.tensors import Array


def layer_normalization(node: Node, arguments: Arguments) -> tuple[Value, ...]:
    """LayerNormalization over all axes from `axis` on; mean and reciprocal deviation where they are asked for."""
    x, scale, bias = needed(node, arguments, 0), needed(node, arguments, 1), optional(arguments, 2)
    axes = tuple(range(int(node.get("axis", -1)) % x.array.ndim, x.array.ndim))
    mean = x.array.mean(axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(((x.array - mean) ** 2).mean(axis=axes, keepdims=True) + _epsilon(node))
    made = (x.array - mean) * inverse * scale.array
    whole = Value(made if bias is None else made + bias.array, x.dtype)
    return (whole, Value(mean, "float32"), Value(inverse, "float32"))[: len(node.outputs)]


def rms_normalization(node: Node, x: Array, scale: Array) -> Array:
    """RMSNormalization over all axes from `axis` on."""
    axes = tuple(range(int(node.get("axis", -1)) % x.ndim, x.ndim))
    return np.asarray(x / np.sqrt((x * x).mean(axis=axes, keepdims=True) + _epsilon(node)) * scale)


def instance_normalization(node: Node, x: Array, scale: Array, bias: Array) -> Array:
    """InstanceNormalization: each channel of each example."""
    shape = (1, -1, *(1,) * (x.ndim - 2))
    return _standard(node, x, tuple(range(2, x.ndim))) * scale.reshape(shape) + bias.reshape(shape)


def group_normalization(node: Node, x: Array, scale: Array, bias: Array) -> Array:
    """GroupNormalization: groups of channels; scale and bias per group in opset 18, per channel from 21 on."""
    groups = int(node.attributes["num_groups"])
    batch, channels = x.shape[:2]
    if channels % groups:
        raise UnsupportedModelError(f"Node {node.label} cuts {channels} channels into {groups} groups.")
    grouped = x.reshape(batch, groups, -1)
    made = _standard(node, grouped, (2,)).reshape(batch, channels, -1)
    factors = [part if part.size == channels else np.repeat(part, channels // groups) for part in (scale, bias)]
    made = made * factors[0].reshape(1, -1, 1) + factors[1].reshape(1, -1, 1)
    return np.asarray(made.reshape(x.shape))


def mean_variance_normalization(node: Node, x: Array) -> Array:
    """MeanVarianceNormalization: ``(x - mean) / (deviation + 1e-9)``, the function's own constant."""
    axes = tuple(int(axis) for axis in node.get("axes", (0, 2, 3)))
    mean = x.mean(axis=axes, keepdims=True)
    deviation = np.sqrt((x * x).mean(axis=axes, keepdims=True) - mean * mean)
    return np.asarray((x - mean) / (deviation + float32_of(1e-9)))


def local_response(node: Node, x: Array) -> Array:
    """LRN: ``x / (bias + alpha / size · Σ x²)^beta`` over neighbouring channels."""
    size = int(node.attributes["size"])
    alpha, beta, bias = (
        float32_of(node.get(name, value)) for name, value in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    squares = np.zeros_like(x)
    for channel in range(x.shape[1]):
        first, last = max(0, channel - (size - 1) // 2), channel + math.ceil((size - 1) / 2) + 1
        squares[:, channel] = (x[:, first:last] ** 2).sum(axis=1)
    return np.asarray(x / (bias + alpha / size * squares) ** beta)


def lp_normalization(node: Node, x: Array) -> Array:
    """LpNormalization along an axis; a vector of zeros stays one."""
    axis, p = int(node.get("axis", -1)), int(node.get("p", 2))
    norm = np.abs(x).sum(axis=axis, keepdims=True) if p == 1 else np.sqrt((x * x).sum(axis=axis, keepdims=True))
    return np.where(norm == 0, 0.0, x / np.where(norm == 0, 1.0, norm))


def _standard(node: Node, x: Array, axes: tuple[int, ...]) -> Array:
    mean = x.mean(axis=axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    return np.asarray((x - mean) / np.sqrt(variance + _epsilon(node)))


def _epsilon(node: Node) -> float:
    return float32_of(node.get("epsilon", 1e-5))


OPERATORS = {
    "LayerNormalization": Operator(layer_normalization, Reach.LEAVES),
    "RMSNormalization": of_arrays(rms_normalization),
    "InstanceNormalization": of_arrays(instance_normalization),
    "GroupNormalization": of_arrays(group_normalization),
    "MeanVarianceNormalization": of_arrays(mean_variance_normalization),
    "LRN": of_arrays(local_response),
    "LpNormalization": of_arrays(lp_normalization),
}
