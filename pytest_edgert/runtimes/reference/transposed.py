"""ConvTranspose: each element of the image spreads over a window of the output; exact for whole numbers on grids."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.linear import accumulated, added
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, optional
from pytest_edgert.runtimes.reference.values import Term, Value, computed, from_terms, moved, single
from pytest_edgert.tensors import Array


@dataclass(frozen=True, slots=True)
class Spread:
    """Where windows lie on the output, one number per spatial dimension.

    Args:
        kernel, strides, dilations: Of the operator.
        before: What is cut off at the beginning.
        out: The output's spatial shape.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    out: tuple[int, ...]


def conv_transpose(node: Node, arguments: Arguments) -> Value:
    """ConvTranspose; https://onnx.ai/onnx/operators/onnx__ConvTranspose.html. Filters are (channels, outputs / groups, …)."""
    x, w, bias = needed(node, arguments, 0), needed(node, arguments, 1), optional(arguments, 2)
    spread, groups = spread_of(node, x.array.shape[2:], w.array.shape[2:]), int(node.get("group", 1))

    def product(image: Array, filters: Array) -> Array:
        return spread_out(spread, image, filters, groups)

    tx, tw = single(x), single(w)
    per_output = tw is not None and tw.scale.size in {1, *tw.scale.shape[1:2]} and (groups == 1 or tw.scale.size == 1)
    if tx is None or tw is None or tx.scale.size > 1 or not per_output:
        made = computed(product(x.array, w.array), x)
    else:
        total = accumulated(node, product, np.broadcast_to(tx.count, x.array.shape), tw.count)
        scale = tw.scale if tw.scale.size == 1 else tw.scale.reshape(1, -1, *(1,) * (total.ndim - 2))
        made = from_terms([Term(total, tx.scale.reshape(()) * scale, 2)], x.dtype)
    if bias is None:
        return made
    rank = made.array.ndim - 2
    return added(made, moved(bias, lambda part: part.reshape(1, -1, *(1,) * rank)))


def spread_of(node: Node, lengths: Sequence[int], kernel: Sequence[int]) -> Spread:
    """Return where the windows of a node lie. Raises UnsupportedModelError for an unknown auto_pad."""
    rank = len(lengths)
    strides, dilations = tuple(node.get("strides", (1,) * rank)), tuple(node.get("dilations", (1,) * rank))
    more = tuple(node.get("output_padding", (0,) * rank))
    spans = [
        stride * (length - 1) + extra + (taps - 1) * dilation + 1
        for length, stride, extra, taps, dilation in zip(lengths, strides, more, kernel, dilations, strict=True)
    ]
    auto = node.get("auto_pad", b"NOTSET")
    mode = auto.decode() if isinstance(auto, bytes) else auto
    if mode not in {"NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"}:
        raise UnsupportedModelError(f"Node {node.label} has auto_pad {mode!r}, which ONNX does not know.")
    wanted = node.get("output_shape", None)
    if wanted is None and mode.startswith("SAME"):
        wanted = [length * stride for length, stride in zip(lengths, strides, strict=True)]
    if wanted is None:
        pads = tuple(node.get("pads", (0,) * 2 * rank))
        out = tuple(span - a - b for span, a, b in zip(spans, pads[:rank], pads[rank:], strict=True))
        return Spread(tuple(kernel), strides, dilations, pads[:rank], out)
    totals = [max(span - length, 0) for span, length in zip(spans, wanted[-rank:], strict=True)]
    before = tuple(total // 2 if mode == "SAME_UPPER" else total - total // 2 for total in totals)
    return Spread(tuple(kernel), strides, dilations, before, tuple(int(length) for length in wanted[-rank:]))


def spread_out(spread: Spread, image: Array, filters: Array, groups: int) -> Array:
    """Return the transposed convolution of an image (batch, channels, …) in the type of the arrays."""
    batch, channels, lengths = image.shape[0], image.shape[1], image.shape[2:]
    outputs = filters.shape[1]
    flat = image.reshape(batch, groups, channels // groups, -1)
    taps = filters.reshape(groups, channels // groups, outputs, -1)
    room = [
        max((length - 1) * stride + (size - 1) * dilation + 1, start + end)
        for length, stride, size, dilation, start, end in zip(
            lengths, spread.strides, spread.kernel, spread.dilations, spread.before, spread.out, strict=True
        )
    ]
    whole = np.zeros((batch, groups * outputs, *room), np.result_type(image, filters))
    for index, tap in enumerate(itertools.product(*map(range, spread.kernel))):
        made = np.matmul(taps[..., index].transpose(0, 2, 1), flat).reshape(batch, groups * outputs, *lengths)
        places = [
            slice(start * dilation, start * dilation + (length - 1) * stride + 1, stride)
            for start, dilation, length, stride in zip(tap, spread.dilations, lengths, spread.strides, strict=True)
        ]
        whole[(slice(None), slice(None), *places)] += made
    parts = [slice(start, start + length) for start, length in zip(spread.before, spread.out, strict=True)]
    return whole[(slice(None), slice(None), *parts)]


OPERATORS = {"ConvTranspose": Operator(conv_transpose, Reach.PRODUCTS)}
