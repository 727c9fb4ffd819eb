"""Reductions over axes: attributes in older operator sets, an input in newer ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, of_arrays, whole_numbers
from pytest_edgert.runtimes.reference.pooling import mean
from pytest_edgert.runtimes.reference.values import Value, computed
from pytest_edgert.tensors import Array


def reduction(function: Callable[..., Any]) -> Operator:
    """Return the operator that reduces with a NumPy function taking `axis` and `keepdims`."""

    def rule(node: Node, arguments: Arguments) -> Value:
        x = needed(node, arguments, 0)
        axes = axes_of(node, arguments)
        array = x.array if axes == () else np.asarray(function(x.array, axis=axes, keepdims=_keeps(node)))
        return computed(array.astype(x.array.dtype), x)

    return Operator(rule, Reach.LEAVES)


def extreme(function: Callable[..., Any], *, lowest: bool) -> Callable[..., Any]:
    """Return a maximum or minimum that, of nothing, is the lowest or the highest number of the type."""

    def found(x: Array, **how: Any) -> Any:
        if x.size:
            return function(x, **how)
        if x.dtype.kind == "f":
            return function(x, initial=-np.inf if lowest else np.inf, **how)
        limits = (False, True) if x.dtype.kind == "b" else (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max)
        return function(x, initial=limits[0 if lowest else 1], **how)

    return found


def log_sum_exp(x: Array, **how: Any) -> Any:
    """Return ``log Σ exp(x)`` without overflow."""
    peak = x.max(axis=how["axis"], keepdims=True, initial=-np.inf)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    total = np.log(np.sum(np.exp(x - peak), **how))
    return total + (peak if how["keepdims"] else np.squeeze(peak, how["axis"]))


def reduce_mean(node: Node, arguments: Arguments) -> Value:
    """ReduceMean; the mean of whole numbers on one grid is exact."""
    x = needed(node, arguments, 0)
    axes = axes_of(node, arguments)
    return x if axes == () else mean(x, axes, keeps=_keeps(node))


def axes_of(node: Node, arguments: Arguments) -> tuple[int, ...]:
    """Return the axes to reduce; none given means all, or none where `noop_with_empty_axes` says so."""
    rank = needed(node, arguments, 0).array.ndim
    axes = whole_numbers(node, arguments, 1, "axes")
    if not axes:
        return () if node.get("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(axis % rank for axis in axes)


def _keeps(node: Node) -> bool:
    return bool(node.get("keepdims", 1))


def extreme_index(function: Callable[..., Any]) -> Operator:
    """Return ArgMax or ArgMin: the first index of equals, or the last where asked for."""

    def index(node: Node, x: Array) -> Array:
        axis = int(node.get("axis", 0))
        if node.get("select_last_index", 0):
            found = x.shape[axis] - 1 - function(np.flip(x, axis), axis=axis, keepdims=_keeps(node))
        else:
            found = function(x, axis=axis, keepdims=_keeps(node))
        return np.asarray(found, np.int64)

    return of_arrays(index)


OPERATORS = {
    "ReduceMean": Operator(reduce_mean, Reach.MEANS),
    "ReduceSum": reduction(np.sum),
    "ReduceProd": reduction(np.prod),
    "ReduceMax": reduction(extreme(np.max, lowest=True)),
    "ReduceMin": reduction(extreme(np.min, lowest=False)),
    "ReduceSumSquare": reduction(lambda x, **how: np.sum(x * x, **how)),
    "ReduceL1": reduction(lambda x, **how: np.sum(np.abs(x), **how)),
    "ReduceL2": reduction(lambda x, **how: np.sqrt(np.sum(x * x, **how))),
    "ReduceLogSum": reduction(lambda x, **how: np.log(np.sum(x, **how))),
    "ReduceLogSumExp": reduction(log_sum_exp),
    "ArgMax": extreme_index(np.argmax),
    "ArgMin": extreme_index(np.argmin),
}
