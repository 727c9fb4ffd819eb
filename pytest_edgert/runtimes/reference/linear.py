"""Convolution and matrix product: whole numbers accumulate exactly through float64 products, everything else in float64.

A product of two quantised tensors is summed as integers, exact below 2**53, and scaled once. Beyond that bound,
which no integer model of today reaches, the operator is refused rather than rounded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, optional
from pytest_edgert.runtimes.reference.values import (
    WHOLE_LIMIT,
    Term,
    Value,
    computed,
    exact_terms,
    from_terms,
    moved,
    single,
)
from pytest_edgert.runtimes.reference.windows import Windows, window_of
from pytest_edgert.tensors import Array

Product = Callable[[Array, Array], Array]


def matmul(node: Node, arguments: Arguments) -> Value:
    """MatMul: NumPy's matrix product; https://onnx.ai/onnx/operators/onnx__MatMul.html."""
    return multiplied(node, needed(node, arguments, 0), needed(node, arguments, 1))


def multiplied(node: Node, a: Value, b: Value) -> Value:
    """Return the matrix product of two values, exact where both are whole numbers on grids."""
    if not a.is_float:
        return computed(np.matmul(a.array, b.array), a)
    ta, tb = single(a), single(b)
    if ta is None or tb is None or not (_constant(ta.scale, -1) and _constant(tb.scale, -2)):
        return computed(np.matmul(a.array, b.array), a)
    count_a, count_b = np.broadcast_to(ta.count, a.array.shape), np.broadcast_to(tb.count, b.array.shape)
    total = accumulated(node, np.matmul, count_a, count_b)
    scale = _outer(ta.scale, a.array.ndim, tb.scale, b.array.ndim)
    return from_terms([Term(total, scale, 2)], a.dtype)


def _constant(scale: Array, axis: int) -> bool:
    return scale.size == 1 or (scale.ndim >= -axis and scale.shape[axis] == 1)


def _outer(left: Array, left_rank: int, right: Array, right_rank: int) -> Array:
    """Return the scale of a matrix product: a scale per row times a scale per column."""
    if left.size == 1 or right.size == 1:
        return np.asarray(_as_rows(left, left_rank) * _as_columns(right, right_rank))
    return np.asarray(left * right)


def _as_rows(scale: Array, rank: int) -> Array:
    return scale.reshape(()) if scale.size == 1 else scale[..., 0] if rank == 1 else scale


def _as_columns(scale: Array, rank: int) -> Array:
    return scale.reshape(()) if scale.size == 1 else scale[..., 0, :] if rank == 1 else scale


def accumulated(node: Node, product: Product, a: Array, b: Array) -> Array:
    """Return ``product(a, b)`` of whole float64 numbers, refusing what float64 might round.

    Raises:
        UnsupportedModelError: The sum of absolute products could pass 2**53.
    """
    if a.size == 0 or b.size == 0:
        return product(a, b)
    reach = float(np.abs(a).max()) * float(np.abs(b).max()) * max(a.size, b.size)
    if reach >= WHOLE_LIMIT and float(product(np.abs(a), np.abs(b)).max(initial=0)) >= WHOLE_LIMIT:
        raise UnsupportedModelError(f"Sums of {node.label} pass 2**53: the reference cannot hold them exactly.")
    return product(a, b)


def gemm(node: Node, arguments: Arguments) -> Value:
    """Gemm: ``alpha·A'·B' + beta·C``; https://onnx.ai/onnx/operators/onnx__Gemm.html."""
    a, b, c = needed(node, arguments, 0), needed(node, arguments, 1), optional(arguments, 2)
    a = moved(a, np.transpose) if node.get("transA", 0) else a
    b = moved(b, np.transpose) if node.get("transB", 0) else b
    product = scaled(multiplied(node, a, b), float(node.get("alpha", 1.0)))
    beta = float(node.get("beta", 1.0))
    return product if c is None or beta == 0 else added(product, scaled(c, beta))


def scaled(value: Value, factor: float) -> Value:
    """Return a value times a number; only a factor of 1 keeps it exact."""
    return value if factor == 1 else Value(np.asarray(value.array * factor), value.dtype)


def added(a: Value, b: Value) -> Value:
    """Return the sum of two values by broadcasting, exact where both are known exactly."""
    left, right = exact_terms(a), exact_terms(b)
    known = left and right and (a.terms or b.terms) and a.divisor is None and b.divisor is None
    if not a.is_float or not known:
        return computed(a.array + b.array, a)
    shape = np.broadcast_shapes(a.array.shape, b.array.shape)
    return from_terms([spread(term, shape) for term in (*left, *right)], a.dtype)


def negated(value: Value) -> Value:
    """Return the negative of a value, as exact as it was."""
    terms = tuple(Term(-term.count, term.scale, term.factors) for term in value.terms)
    return Value(-value.array, value.dtype, terms, value.divisor, given=value.given)


def spread(term: Term, shape: tuple[int, ...]) -> Term:
    """Return a term whose scale has the rank of `shape`, so that it broadcasts as its value did."""
    scale = (
        term.scale
        if term.scale.size == 1
        else term.scale.reshape((1,) * (len(shape) - term.scale.ndim) + term.scale.shape)
    )
    return Term(np.broadcast_to(term.count, shape), scale.reshape(()) if scale.size == 1 else scale, term.factors)


def conv(node: Node, arguments: Arguments) -> Value:
    """Conv with groups, strides, dilations and padding; https://onnx.ai/onnx/operators/onnx__Conv.html."""
    return convolved(node, needed(node, arguments, 0), needed(node, arguments, 1), optional(arguments, 2))


def convolved(node: Node, x: Value, w: Value, bias: Value | None) -> Value:
    """Return a convolution of values (batch, channels, …) with filters (outputs, channels / groups, …)."""
    windows = window_of(node, x.array.shape, w.array.shape[2:])
    groups = int(node.get("group", 1))

    def product(image: Array, filters: Array) -> Array:
        return convolve(windows, image, filters, groups)

    tx, tw = single(x), single(w)
    if tx is None or tw is None or tx.scale.size > 1 or tw.scale.size not in {1, *tw.scale.shape[:1]}:
        made = computed(product(x.array, w.array), x)
    else:
        counts = np.broadcast_to(tx.count, x.array.shape), np.broadcast_to(tw.count, w.array.shape)
        total = accumulated(node, product, *counts)
        per_output = tw.scale if tw.scale.size == 1 else tw.scale.reshape(1, -1, *(1,) * (total.ndim - 2))
        made = from_terms([Term(total, tx.scale.reshape(()) * per_output, 2)], x.dtype)
    if bias is None:
        return made
    rank = made.array.ndim - 2
    return added(made, moved(bias, lambda part: part.reshape(1, -1, *(1,) * rank)))


def convolve(windows: Windows, image: Array, filters: Array, groups: int) -> Array:
    """Return a convolution in the type of the arrays, one tap of the kernel after the other.

    Args:
        windows: Where the kernel lies on the image.
        image: (batch, channels, …).
        filters: (outputs, channels / groups, …).
        groups: Channels and outputs are cut into as many parts.
    """
    padded = windows.padded(image, 0)
    batch, outputs, inputs = image.shape[0], filters.shape[0], filters.shape[1]
    pixels = int(np.prod(windows.out))
    taps = filters.reshape(groups, outputs // groups, inputs, -1)
    total = np.zeros((batch, groups, outputs // groups, pixels), np.result_type(image, filters))
    if windows.taps > 32 and inputs * windows.taps * pixels * batch * groups < 2**24:
        columns = np.stack([view.reshape(batch, groups, inputs, pixels) for view in windows.views(padded)], axis=3)
        columns = columns.reshape(batch, groups, inputs * windows.taps, pixels)
        made: Array = np.matmul(taps.reshape(groups, outputs // groups, -1), columns)
        return made.reshape(batch, outputs, *windows.out)
    for tap, view in enumerate(windows.views(padded)):
        seen = view.reshape(batch, groups, inputs, pixels)
        weight = taps[..., tap]
        total += weight * seen if inputs == 1 else np.matmul(weight, seen)
    return total.reshape(batch, outputs, *windows.out)


def integer_product(node: Node, arguments: Arguments) -> Value:
    """MatMulInteger and ConvInteger: exact sums, wrapped to int32 as its 32-bit accumulator is allowed to."""
    a, b = (_less_zero_point(node, arguments, index) for index in (0, 1))
    if node.operator == "ConvInteger":
        windows, groups = window_of(node, a.shape, b.shape[2:]), int(node.get("group", 1))
        total = accumulated(node, lambda image, filters: convolve(windows, image, filters, groups), a, b)
    else:
        total = accumulated(node, np.matmul, a, b)
    return Value(total.astype(np.int64).astype(np.int32), "int32")


def _less_zero_point(node: Node, arguments: Arguments, index: int) -> Array:
    value, zero_point = needed(node, arguments, index), optional(arguments, index + 2)
    whole = value.array.astype(np.float64)
    if zero_point is None:
        return whole
    offset = zero_point.array.astype(np.float64)
    if offset.size == 1:
        return np.asarray(whole - offset.reshape(()))
    if node.operator == "ConvInteger":  # one per filter
        return np.asarray(whole - offset.reshape(-1, *(1,) * (whole.ndim - 1)))
    if offset.ndim == 1:  # one per row of the left matrix, per column of the right one
        offset = offset[:, None] if index == 0 else offset[None, :]
    return np.asarray(whole - offset)


OPERATORS = {
    "Conv": Operator(conv, Reach.PRODUCTS),
    "Gemm": Operator(gemm, Reach.PRODUCTS),
    "MatMul": Operator(matmul, Reach.PRODUCTS),
    "MatMulInteger": Operator(integer_product, Reach.GIVES),
    "ConvInteger": Operator(integer_product, Reach.GIVES),
}
