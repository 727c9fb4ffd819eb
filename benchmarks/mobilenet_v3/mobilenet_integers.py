"""Eight-bit quantisation of the network: scales from the ranges over seeded images, then integers.

The scheme that ONNX Runtime, OpenVINO and LiteRT share: weights int8 symmetric in ±127 with a scale for each
filter; activations int8 with a zero point; biases int32 at input scale × weight scale.
(https://ai.google.dev/edge/litert/models/quantization_spec)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from mobilenet_layers import INPUT, NETWORK, Array, Convolution, Flatten, HardSigmoid, Weights

LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True, slots=True)
class Grid:
    """real = scale · (integer - zero_point), for a whole tensor; the scale is a float32 number."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Integers:
    """The integers of one convolution.

    Args:
        weight: int8, shaped as the layer's weight.
        weight_scales: float32, (outputs,).
        bias: int32, (outputs,).
        bias_scales: float32, input scale × `weight_scales`.
    """

    weight: Array
    weight_scales: Array
    bias: Array
    bias_scales: Array


def grid_over(lowest: float, highest: float) -> Grid:
    """Return the grid that spans a range and holds zero."""
    lowest, highest = min(0.0, lowest), max(0.0, highest)
    scale = float(np.float32((highest - lowest) / (HIGHEST - LOWEST)))
    return Grid(scale, int(np.clip(round(LOWEST - lowest / scale), LOWEST, HIGHEST)))


def make_grids(tensors: Mapping[str, Array]) -> dict[str, Grid]:
    """Return the grid of the input and of every layer's tensor, from all tensors of a forward pass."""
    grids = {INPUT: grid_over(-1.0, 1.0)}
    for layer in NETWORK:
        values = tensors[layer.name]
        if isinstance(layer, Flatten):
            grids[layer.name] = grids[layer.source]
        elif isinstance(layer, HardSigmoid):
            grids[layer.name] = grid_over(0.0, 1.0)
        else:
            grids[layer.name] = grid_over(float(values.min()), float(values.max()))
    return grids


def quantize(weights: Weights, grids: Mapping[str, Grid]) -> dict[str, Integers]:
    """Return the integers of every convolution, by layer name."""
    return {
        layer.name: _integers(weights[f"{layer.name}/weight"], weights[f"{layer.name}/bias"], grids[layer.source].scale)
        for layer in NETWORK
        if isinstance(layer, Convolution)
    }


def _integers(weight: Array, bias: Array, input_scale: float) -> Integers:
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    scales = (np.abs(rows).max(axis=1) / HIGHEST).astype(np.float32)
    rounded = np.clip(np.rint(rows / scales[:, None]), -HIGHEST, HIGHEST)
    bias_scales = np.float32(input_scale) * scales
    return Integers(
        weight=rounded.reshape(weight.shape).astype(np.int8),
        weight_scales=scales,
        bias=np.rint(bias.astype(np.float64) / bias_scales.astype(np.float64)).astype(np.int32),
        bias_scales=bias_scales,
    )
