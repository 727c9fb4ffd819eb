"""MobileNet-v3 Large as data: Table 1 of Howard et al. (2019), https://arxiv.org/abs/1905.02244, at width 1.0.

A layer's name is the name of the tensor it makes. Images are (batch, channel, row, column); the exporter of a
format that orders them otherwise permutes on its way out. Batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
#: Values by `LAYER/weight` and `LAYER/bias`.
Weights: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution whose output has ceil(input / stride) rows and columns; one filter a channel when `depthwise`.

    Its weight is (outputs, inputs, kernel, kernel), (outputs, 1, kernel, kernel) when depthwise; its bias is (outputs,).
    `relu` clips its output at 0; `normalised` says that batch normalisation follows in the paper.
    """

    name: str
    source: str
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    relu: bool = False
    normalised: bool = True

    @property
    def groups(self) -> int:
        """Groups of channels that do not see each other."""
        return self.inputs if self.depthwise else 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of its weight."""
        return (self.outputs, self.inputs // self.groups, self.kernel, self.kernel)

    def padding(self, extent: int) -> tuple[int, int]:
        """Return the zeros before and after `extent` rows or columns: TensorFlow's SAME, the odd one behind."""
        total = max(0, (-(-extent // self.stride) - 1) * self.stride + self.kernel - extent)
        return total // 2, total - total // 2


@dataclass(frozen=True, slots=True)
class HardSwish:
    """x · hard-sigmoid(x)."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class HardSigmoid:
    """clip(x + 3, 0, 6) / 6."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of each channel over rows and columns, which stay with length 1."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Multiply:
    """Each channel of `source` times its factor."""

    name: str
    source: str
    other: str


@dataclass(frozen=True, slots=True)
class Add:
    """The sum of two tensors of one shape."""

    name: str
    source: str
    other: str


@dataclass(frozen=True, slots=True)
class Flatten:
    """(batch, channel, 1, 1) to (batch, channel)."""

    name: str
    source: str


Layer: TypeAlias = Convolution | HardSwish | HardSigmoid | Mean | Multiply | Add | Flatten

INPUT = "image"
INPUT_SHAPE: tuple[int, ...] = (1, 3, 224, 224)
OUTPUT = "logits"
CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """A row of Table 1: kernel, expansion size, outputs, squeeze-and-excite, hard-swish instead of ReLU, stride."""

    kernel: int
    expansion: int
    outputs: int
    squeeze: bool
    swish: bool
    stride: int


BOTTLENECKS = (
    Bottleneck(3, 16, 16, squeeze=False, swish=False, stride=1),
    Bottleneck(3, 64, 24, squeeze=False, swish=False, stride=2),
    Bottleneck(3, 72, 24, squeeze=False, swish=False, stride=1),
    Bottleneck(5, 72, 40, squeeze=True, swish=False, stride=2),
    Bottleneck(5, 120, 40, squeeze=True, swish=False, stride=1),
    Bottleneck(5, 120, 40, squeeze=True, swish=False, stride=1),
    Bottleneck(3, 240, 80, squeeze=False, swish=True, stride=2),
    Bottleneck(3, 200, 80, squeeze=False, swish=True, stride=1),
    Bottleneck(3, 184, 80, squeeze=False, swish=True, stride=1),
    Bottleneck(3, 184, 80, squeeze=False, swish=True, stride=1),
    Bottleneck(3, 480, 112, squeeze=True, swish=True, stride=1),
    Bottleneck(3, 672, 112, squeeze=True, swish=True, stride=1),
    Bottleneck(5, 672, 160, squeeze=True, swish=True, stride=2),
    Bottleneck(5, 960, 160, squeeze=True, swish=True, stride=1),
    Bottleneck(5, 960, 160, squeeze=True, swish=True, stride=1),
)
STEM, LAST, HEAD = 16, 960, 1280


def squeezed(channels: int) -> int:
    """Return the inner width of squeeze-and-excite: a quarter, to the nearest multiple of 8 (at most a tenth less).

    The rule of the authors' code, github.com/tensorflow/models, research/slim/nets/mobilenet, `_make_divisible`.
    """
    width = max(8, int(channels / 4 + 4) // 8 * 8)
    return width + 8 if width < 0.9 * channels / 4 else width


def _layers() -> Iterator[Layer]:
    yield Convolution("stem", INPUT, 3, STEM, kernel=3, stride=2)
    yield HardSwish("stem_active", "stem")
    before, channels = "stem_active", STEM
    for number, row in enumerate(BOTTLENECKS, start=1):
        name = f"block{number:02d}"
        yield from _bottleneck(name, row, before, channels)
        before, channels = f"{name}_out", row.outputs
    yield Convolution("last", before, channels, LAST)
    yield HardSwish("last_active", "last")
    yield Mean("pooled", "last_active")
    yield Convolution("head", "pooled", LAST, HEAD, normalised=False)
    yield HardSwish("head_active", "head")
    yield Convolution("scores", "head_active", HEAD, CLASSES, normalised=False)
    yield Flatten(OUTPUT, "scores")


def _bottleneck(name: str, row: Bottleneck, before: str, channels: int) -> Iterator[Layer]:
    """Give expansion (where it widens), depthwise, squeeze-and-excite, projection and the way round."""
    inner, relu = before, not row.swish
    if row.expansion != channels:
        inner = f"{name}_expand"
        yield Convolution(inner, before, channels, row.expansion, relu=relu)
        if row.swish:
            yield HardSwish(f"{inner}_active", inner)
            inner = f"{inner}_active"
    depthwise = f"{name}_depthwise"
    yield Convolution(depthwise, inner, row.expansion, row.expansion, row.kernel, row.stride, depthwise=True, relu=relu)
    inner = depthwise
    if row.swish:
        yield HardSwish(f"{depthwise}_active", depthwise)
        inner = f"{depthwise}_active"
    if row.squeeze:
        yield from _squeeze_and_excite(name, inner, row.expansion)
        inner = f"{name}_excited"
    shortcut = row.stride == 1 and channels == row.outputs
    projected = f"{name}_projected" if shortcut else f"{name}_out"
    yield Convolution(projected, inner, row.expansion, row.outputs)
    if shortcut:
        yield Add(f"{name}_out", before, projected)


def _squeeze_and_excite(name: str, before: str, channels: int) -> Iterator[Layer]:
    width = squeezed(channels)
    yield Mean(f"{name}_mean", before)
    yield Convolution(f"{name}_reduce", f"{name}_mean", channels, width, relu=True, normalised=False)
    yield Convolution(f"{name}_restore", f"{name}_reduce", width, channels, normalised=False)
    yield HardSigmoid(f"{name}_gate", f"{name}_restore")
    yield Multiply(f"{name}_excited", before, f"{name}_gate")


NETWORK: tuple[Layer, ...] = tuple(_layers())


def tensor_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of the input and of every layer's tensor, batch 1."""
    shapes: dict[str, tuple[int, ...]] = {INPUT: INPUT_SHAPE}
    for layer in NETWORK:
        shapes[layer.name] = _shape_after(layer, shapes[layer.source])
    return shapes


def _shape_after(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    match layer:
        case Convolution():
            return (shape[0], layer.outputs, *(-(-extent // layer.stride) for extent in shape[2:]))
        case Mean():
            return (*shape[:2], 1, 1)
        case Flatten():
            return shape[:2]
        case _:
            return shape


def parameter_count() -> int:
    """Return the number of weights and biases."""
    return sum(int(np.prod(layer.weight_shape)) + layer.outputs for layer in NETWORK if isinstance(layer, Convolution))


def multiply_adds() -> int:
    """Return the multiply-adds of all convolutions for one image."""
    shapes = tensor_shapes()
    return sum(
        int(np.prod(layer.weight_shape)) * int(np.prod(shapes[layer.name][2:]))
        for layer in NETWORK
        if isinstance(layer, Convolution)
    )
