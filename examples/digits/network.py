"""The digits network as data: the one description that training and every exporter read.

A layer's name is the name of the tensor it makes. Images are (batch, channel, row, column); the exporter of a
format that orders them otherwise permutes on its way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

#: Trained values by layer name: `NAME/weight` and `NAME/bias`.
Weights: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution of stride 1 that keeps the image size; one filter a channel when `depthwise`.

    Its weight is (outputs, inputs, kernel, kernel), (outputs, 1, kernel, kernel) when depthwise; its bias is (outputs,).
    """

    name: str
    inputs: int
    outputs: int
    kernel: int
    depthwise: bool = False

    @property
    def padding(self) -> int:
        """Zeros on each side that keep the image size."""
        return self.kernel // 2

    @property
    def groups(self) -> int:
        """Groups of channels that do not see each other."""
        return self.inputs if self.depthwise else 1


@dataclass(frozen=True, slots=True)
class HardSwish:
    """x · clip(x / 6 + 1/2, 0, 1), the activation of MobileNet-v3 (Howard et al., 2019)."""

    name: str


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest of each `size` × `size` block.

    On a grid it is exact; a mean of four integers ends in a half so often that runtimes, which round halves
    differently, drift apart by several steps.
    """

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Flatten:
    """(batch, channel, row, column) to (batch, channel · row · column)."""

    name: str


@dataclass(frozen=True, slots=True)
class Dense:
    """A fully connected layer; its weight is (outputs, inputs), its bias (outputs,)."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Softmax:
    """exp(x) / Σ exp(x) over the last axis."""

    name: str


Layer: TypeAlias = Convolution | HardSwish | MaxPool | Flatten | Dense | Softmax

INPUT = "image"
INPUT_SHAPE: tuple[int, ...] = (1, 1, 8, 8)
OUTPUT = "probabilities"
CLASSES = 10

NETWORK: tuple[Layer, ...] = (
    Convolution("stem", inputs=1, outputs=16, kernel=3),
    HardSwish("stem_active"),
    Convolution("depthwise", inputs=16, outputs=16, kernel=3, depthwise=True),
    Convolution("pointwise", inputs=16, outputs=32, kernel=1),
    HardSwish("pointwise_active"),
    MaxPool("pooled", size=2),
    Flatten("features"),
    Dense("logits", inputs=512, outputs=CLASSES),
    Softmax(OUTPUT),
)


def weight_shape(layer: Convolution | Dense) -> tuple[int, ...]:
    """Return the shape of a layer's weight."""
    if isinstance(layer, Dense):
        return (layer.outputs, layer.inputs)
    return (layer.outputs, layer.inputs // layer.groups, layer.kernel, layer.kernel)


def tensor_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of the input and of every layer's tensor, batch 1."""
    shape = INPUT_SHAPE
    shapes: dict[str, tuple[int, ...]] = {INPUT: shape}
    for layer in NETWORK:
        shapes[layer.name] = shape = _shape_after(layer, shape)
    return shapes


def _shape_after(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    match layer:
        case Convolution():
            return (shape[0], layer.outputs, *shape[2:])
        case MaxPool():
            return (*shape[:2], shape[2] // layer.size, shape[3] // layer.size)
        case Flatten():
            return (shape[0], int(np.prod(shape[1:])))
        case Dense():
            return (shape[0], layer.outputs)
        case HardSwish() | Softmax():
            return shape
