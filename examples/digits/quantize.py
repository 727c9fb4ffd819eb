"""Eight-bit quantisation of the digits network: scales from calibration, then integers.

The scheme is the one that ONNX Runtime, OpenVINO and LiteRT share, so that each int8 artefact holds the same
integers: weights int8 symmetric in ±127, a scale for each filter of a convolution and one for the whole dense
layer; activations int8 with a zero point, from minimum and maximum over the training digits; biases int32 at
input scale × weight scale. (https://ai.google.dev/edge/litert/models/quantization_spec)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from network import INPUT, NETWORK, Array, Convolution, Dense, Flatten, MaxPool, Softmax, Weights
from train import activations

INT8_LOWEST, INT8_HIGHEST = -128, 127


@dataclass(frozen=True, slots=True)
class ActivationGrid:
    """real = scale · (integer - zero_point), for a whole tensor; the scale is a float32 number."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class QuantizedLayer:
    """The integers of one convolution or dense layer.

    Args:
        weight: int8, shaped as the layer's weight.
        weight_scales: float32, (outputs,) for a convolution, (1,) for a dense layer.
        bias: int32, (outputs,).
        bias_scales: float32, input scale × `weight_scales`, shaped like them.
    """

    weight: Array
    weight_scales: Array
    bias: Array
    bias_scales: Array


#: A softmax lies in [0, 1]: its grid is fixed by LiteRT's specification.
SOFTMAX_GRID = ActivationGrid(scale=1 / 256, zero_point=INT8_LOWEST)


def calibrate(weights: Weights, images: Array) -> dict[str, ActivationGrid]:
    """Return the grid of the input and of every layer's tensor, from their range over `images`."""
    tensors = activations(weights, images)
    grids = {INPUT: _grid_over(tensors[INPUT])}
    before = grids[INPUT]
    for layer in NETWORK:
        match layer:
            case MaxPool() | Flatten():
                grids[layer.name] = before
            case Softmax():
                grids[layer.name] = SOFTMAX_GRID
            case _:
                grids[layer.name] = _grid_over(tensors[layer.name])
        before = grids[layer.name]
    return grids


def quantize_layers(weights: Weights, grids: Mapping[str, ActivationGrid]) -> dict[str, QuantizedLayer]:
    """Return the integers of every layer that has weights, by layer name."""
    layers: dict[str, QuantizedLayer] = {}
    before = INPUT
    for layer in NETWORK:
        if isinstance(layer, Convolution | Dense):
            weight, bias = weights[f"{layer.name}/weight"], weights[f"{layer.name}/bias"]
            layers[layer.name] = _quantize_layer(layer, weight, bias, grids[before].scale)
        before = layer.name
    return layers


def _grid_over(values: Array) -> ActivationGrid:
    lowest, highest = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = float(np.float32((highest - lowest) / (INT8_HIGHEST - INT8_LOWEST)))
    return ActivationGrid(scale, int(np.clip(round(INT8_LOWEST - lowest / scale), INT8_LOWEST, INT8_HIGHEST)))


def _quantize_layer(layer: Convolution | Dense, weight: Array, bias: Array, input_scale: float) -> QuantizedLayer:
    rows = weight.reshape(1 if isinstance(layer, Dense) else layer.outputs, -1).astype(np.float64)
    scales = (np.abs(rows).max(axis=1) / INT8_HIGHEST).astype(np.float32)
    integers = np.clip(np.rint(rows / scales[:, None]), -INT8_HIGHEST, INT8_HIGHEST)
    bias_scales = np.float32(input_scale) * scales
    bias_integers = np.rint(bias.astype(np.float64) / bias_scales.astype(np.float64))
    return QuantizedLayer(
        weight=integers.reshape(weight.shape).astype(np.int8),
        weight_scales=scales,
        bias=bias_integers.astype(np.int32),
        bias_scales=bias_scales,
    )
