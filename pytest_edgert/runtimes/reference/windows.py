"""Where a kernel lies on an image: padding, strides, dilations, rounding of the output's size, all dimensions alike."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.nodes import Node
from pytest_edgert.tensors import Array


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over the trailing dimensions of (batch, channels, …).

    Args:
        kernel, strides, dilations: One number per spatial dimension.
        before, after: Padding on both sides, as the model says.
        beyond: Further padding at the end that only rounding up the size (`ceil_mode`) reaches.
        out: The output's spatial shape.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    beyond: tuple[int, ...]
    out: tuple[int, ...]

    @property
    def taps(self) -> int:
        """Number of elements of the kernel."""
        return math.prod(self.kernel)

    def padded(self, image: Array, fill: float, beyond: float | None = None) -> Array:
        """Return the image with padding of `fill`, and of `beyond` (or `fill`) where only rounding up reaches."""
        fixed = [(0, 0), (0, 0)]
        image = np.pad(image, fixed + list(zip(self.before, self.after, strict=True)), constant_values=fill)
        if not any(self.beyond):
            return image
        ends = fixed + [(0, more) for more in self.beyond]
        return np.pad(image, ends, constant_values=fill if beyond is None else beyond)

    def views(self, padded: Array) -> Iterator[Array]:
        """Yield, for each tap of the kernel in row-major order, what it sees: (batch, channels, *out)."""
        for tap in itertools.product(*map(range, self.kernel)):
            parts = [
                slice(start * dilation, start * dilation + (length - 1) * stride + 1, stride)
                for start, dilation, length, stride in zip(tap, self.dilations, self.out, self.strides, strict=True)
            ]
            yield padded[(slice(None), slice(None), *parts)]


def window_of(node: Node, shape: Sequence[int], kernel: Sequence[int] | None = None) -> Windows:
    """Return the windows of an ONNX convolution or pooling node.

    Args:
        node: With the attributes kernel_shape, strides, dilations, pads, auto_pad and ceil_mode.
        shape: The image's, (batch, channels, …).
        kernel: The kernel's spatial shape, where weights tell it.

    Raises:
        UnsupportedModelError: The kernel does not fit on the padded image.
    """
    rank = len(shape) - 2
    taps = tuple(int(length) for length in (kernel if kernel is not None else node.attributes["kernel_shape"]))
    strides = tuple(node.get("strides", (1,) * rank))
    dilations = tuple(node.get("dilations", (1,) * rank))
    reach = tuple((length - 1) * dilation + 1 for length, dilation in zip(taps, dilations, strict=True))
    before, after = _padding(node, shape[2:], reach, strides)
    pads = zip(shape[2:], before, after, reach, strides, strict=True)
    ceil = bool(node.get("ceil_mode", 0))
    out = tuple(_length(length, start, end, span, stride, ceil=ceil) for length, start, end, span, stride in pads)
    if any(length < 0 for length in out):
        raise UnsupportedModelError(f"The kernel {taps} of {node.label} does not fit on an image of {tuple(shape)}.")
    needed = zip(out, strides, reach, shape[2:], before, after, strict=True)
    beyond = tuple(max(0, (n - 1) * s + r - (length + b + a)) if n else 0 for n, s, r, length, b, a in needed)
    return Windows(taps, strides, dilations, before, after, beyond, out)


def _length(length: int, start: int, end: int, span: int, stride: int, *, ceil: bool) -> int:
    """Return the number of windows; a last one that would start in the padding after the image is left out."""
    room = length + start + end - span
    if room < 0:
        return 0 if room + stride >= 0 and length == 0 else -1 if not ceil or -room >= stride else 1
    if not ceil:
        return room // stride + 1
    n = -(-room // stride) + 1
    return n - 1 if (n - 1) * stride >= length + start else n


def _padding(
    node: Node, lengths: Sequence[int], reach: Sequence[int], strides: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    auto = node.get("auto_pad", b"NOTSET")
    mode = auto.decode() if isinstance(auto, bytes) else auto
    rank = len(lengths)
    if mode in {"NOTSET", ""}:
        pads = tuple(node.get("pads", (0,) * 2 * rank))
        return pads[:rank], pads[rank:]
    if mode == "VALID":
        return (0,) * rank, (0,) * rank
    if mode not in {"SAME_UPPER", "SAME_LOWER"}:
        raise UnsupportedModelError(f"Node {node.label} has auto_pad {mode!r}, which ONNX does not know.")
    totals = [
        max((-(-length // stride) - 1) * stride + span - length, 0)
        for length, span, stride in zip(lengths, reach, strides, strict=True)
    ]
    small, large = tuple(total // 2 for total in totals), tuple(total - total // 2 for total in totals)
    return (small, large) if mode == "SAME_UPPER" else (large, small)
