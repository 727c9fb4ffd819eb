"""Pooling: maxima keep their grid, means of integers are exact sums over a whole divisor."""

from __future__ import annotations

import math

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed
from pytest_edgert.runtimes.reference.values import LITERAL, Term, Value, computed, from_terms
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
    if (
        not x.terms
        or x.divisor is not None
        or not all(_constant(term, tuple(range(2, x.array.ndim))) for term in x.terms)
    ):
        return computed(_maximum(windows, x.array), x)
    index = np.stack(list(windows.views(windows.padded(x.array, -np.inf)))).argmax(axis=0)[None]

    def chosen(count: Array) -> Array:
        views = np.stack(list(windows.views(windows.padded(count, 0.0))))
        return np.asarray(np.take_along_axis(views, index, axis=0)[0])

    spread = [np.broadcast_to(term.count, x.array.shape) for term in x.terms]
    terms = [Term(chosen(count), term.scale, term.factors) for count, term in zip(spread, x.terms, strict=True)]
    return from_terms(terms, x.dtype)


def _constant(term: Term, axes: tuple[int, ...]) -> bool:
    """Return whether a term's scale is the same all along some axes."""
    return term.scale.size == 1 or all(term.scale.shape[axis] == 1 for axis in axes)


def _summable(x: Value, axes: tuple[int, ...]) -> bool:
    """Return whether sums over some axes of the counts of every term are exact."""
    whole = all(term.factors != LITERAL and _constant(term, axes) for term in x.terms)
    return bool(x.terms) and x.divisor is None and whole


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

    if _summable(x, tuple(range(2, x.array.ndim))):
        counts = [summed(np.broadcast_to(term.count, x.array.shape)) for term in x.terms]
        terms = [Term(count, term.scale, term.factors) for count, term in zip(counts, x.terms, strict=True)]
        return from_terms(terms, x.dtype, np.asarray(divisor))
    return computed(summed(x.array) / divisor, x)


def global_average_pool(node: Node, arguments: Arguments) -> Value:
    """GlobalAveragePool."""
    x = needed(node, arguments, 0)
    return mean(x, tuple(range(2, x.array.ndim)), keeps=True)


def mean(x: Value, axes: tuple[int, ...], *, keeps: bool) -> Value:
    """Return the mean over axes, exact for whole numbers on one grid."""
    n = np.asarray(math.prod(x.array.shape[axis] for axis in axes), np.float64)
    if _summable(x, axes):
        counts = [np.broadcast_to(term.count, x.array.shape).sum(axis=axes, keepdims=keeps) for term in x.terms]
        scales = [
            term.scale.reshape(()) if term.scale.size == 1 else term.scale if keeps else np.squeeze(term.scale, axes)
            for term in x.terms
        ]
        parts = zip(counts, scales, x.terms, strict=True)
        return from_terms([Term(np.asarray(c), s, term.factors) for c, s, term in parts], x.dtype, n)
    return computed(np.asarray(x.array.sum(axis=axes, keepdims=keeps) / n), x)


def global_max_pool(node: Node, arguments: Arguments) -> Value:
    """GlobalMaxPool."""
    x = needed(node, arguments, 0)
    return computed(x.array.max(axis=tuple(range(2, x.array.ndim)), keepdims=True), x)


def lp_pool(node: Node, arguments: Arguments) -> Value:
    """LpPool: ``(Σ |x|^p)^(1/p)`` of each window; https://onnx.ai/onnx/operators/onnx__LpPool.html."""
    x, p = needed(node, arguments, 0), int(node.get("p", 2))
    windows = window_of(node, x.array.shape)
    powers = windows.views(windows.padded(np.abs(x.array) ** p, 0.0))
    return computed(np.asarray(sum(powers, np.zeros(()))) ** (1 / p), x)


def global_lp_pool(node: Node, arguments: Arguments) -> Value:
    """GlobalLpPool."""
    x, p = needed(node, arguments, 0), int(node.get("p", 2))
    powers = (np.abs(x.array) ** p).sum(axis=tuple(range(2, x.array.ndim)), keepdims=True)
    return computed(np.asarray(powers) ** (1 / p), x)


OPERATORS = {
    "LpPool": Operator(lp_pool, Reach.LEAVES),
    "GlobalLpPool": Operator(global_lp_pool, Reach.LEAVES),
    "MaxPool": Operator(max_pool, Reach.KEEPS),
    "AveragePool": Operator(average_pool, Reach.MEANS),
    "GlobalAveragePool": Operator(global_average_pool, Reach.MEANS),
    "GlobalMaxPool": Operator(global_max_pool, Reach.LEAVES),
}
