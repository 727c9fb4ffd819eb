"""Pooling: maxima keep their grid, means of integers are exact sums over a whole divisor."""

from __future__ import annotations

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed
from pytest_edgert.runtimes.reference.values import Term, Value, computed, from_terms
from pytest_edgert.runtimes.reference.windows import Windows, window_of
from pytest_edgert.tensors import Array


def max_pool(node: Node, arguments: Arguments) -> Value:
    """MaxPool; NaN goes through; https://onnx.ai/onnx/operators/onnx__MaxPool.html."""
    if len(node.outputs) > 1:
        raise UnsupportedModelError(f"Node {node.label} asks for indices, which the reference does not give.")
    x = needed(node, arguments, 0)
    return maximum(x, window_of(node, x.array.shape))


def maximum(x: Value, windows: Windows) -> Value:
    """Return the maximum of each window."""
    array = _maximum(windows, x.array)
    if len(x.terms) == 1 and x.divisor is None and x.terms[0].scale.size == 1 and x.terms[0].scale.reshape(-1)[0] > 0:
        term = x.terms[0]
        count = _maximum(windows, np.broadcast_to(term.count, x.array.shape))
        return from_terms([Term(count, term.scale, term.factors)], x.dtype)
    return computed(array, x)


def _maximum(windows: Windows, image: Array) -> Array:
    lowest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).min
    found = np.full((*image.shape[:2], *windows.out), lowest, image.dtype)
    for view in windows.views(windows.padded(image, lowest)):
        np.maximum(found, view, out=found)
    return found


def average_pool(node: Node, arguments: Arguments) -> Value:
    """AveragePool; https://onnx.ai/onnx/operators/onnx__AveragePool.html."""
    x = needed(node, arguments, 0)
    counts_padding = bool(node.get("count_include_pad", 0))
    return average(x, window_of(node, x.array.shape), counts_padding=counts_padding)


def average(x: Value, windows: Windows, *, counts_padding: bool = False) -> Value:
    """Return the mean of each window, over its elements in the image or, `counts_padding`, also in the padding."""
    ones = np.ones((1, 1, *x.array.shape[2:]))
    divisor = sum(windows.views(windows.padded(ones, float(counts_padding), 0.0)), np.zeros(()))

    def summed(image: Array) -> Array:
        return np.asarray(sum(windows.views(windows.padded(image, 0.0)), np.zeros(())))

    if len(x.terms) == 1 and x.divisor is None and x.terms[0].scale.size == 1:
        term = x.terms[0]
        count = summed(np.broadcast_to(term.count, x.array.shape))
        return from_terms([Term(count, term.scale, term.factors)], x.dtype, np.asarray(divisor))
    return computed(summed(x.array) / divisor, x)


def global_average_pool(node: Node, arguments: Arguments) -> Value:
    """GlobalAveragePool."""
    x = needed(node, arguments, 0)
    return mean(x, tuple(range(2, x.array.ndim)), keeps=True)


def mean(x: Value, axes: tuple[int, ...], *, keeps: bool) -> Value:
    """Return the mean over axes, exact for whole numbers on one grid."""
    n = np.float64(np.prod([x.array.shape[axis] for axis in axes], dtype=np.int64))
    if len(x.terms) == 1 and x.divisor is None and x.terms[0].scale.size == 1:
        term = x.terms[0]
        count = np.broadcast_to(term.count, x.array.shape).sum(axis=axes, keepdims=keeps)
        return from_terms([Term(np.asarray(count), term.scale.reshape(()), term.factors)], x.dtype, n.reshape(()))
    return computed(np.asarray(x.array.sum(axis=axes, keepdims=keeps) / n), x)


def global_max_pool(node: Node, arguments: Arguments) -> Value:
    """GlobalMaxPool."""
    x = needed(node, arguments, 0)
    return computed(x.array.max(axis=tuple(range(2, x.array.ndim)), keepdims=True), x)


OPERATORS = {
    "MaxPool": Operator(max_pool, Reach.KEEPS),
    "AveragePool": Operator(average_pool, Reach.SUMS),
    "GlobalAveragePool": Operator(global_average_pool, Reach.SUMS),
    "GlobalMaxPool": Operator(global_max_pool, Reach.LEAVES),
}
