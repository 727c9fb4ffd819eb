"""The network in plain NumPy: weights drawn from a seed, and every tensor of a forward pass.

Weights are drawn as He et al. (2015) and then batch normalisation, measured over the seeded images, is folded into
them, so that no tensor vanishes or explodes on its way through 60 layers. Latency does not depend on them.
"""

from __future__ import annotations

import numpy as np
from mobilenet_layers import (
    INPUT,
    INPUT_SHAPE,
    NETWORK,
    Add,
    Array,
    Convolution,
    Flatten,
    HardSigmoid,
    HardSwish,
    Layer,
    Mean,
    Multiply,
    Weights,
)

SEED = 3
#: Images over which batch normalisation and the ranges of int8 are measured.
CALIBRATION_IMAGES = 8
#: Guard of a channel that is the same everywhere.
_GUARD = 1e-3


def seeded_images(count: int, seed: int = SEED) -> Array:
    """Return images (count, 3, 224, 224), float32, of smooth random patches in [-1, 1]."""
    random = np.random.Generator(np.random.PCG64(seed))
    patches = 2 * random.random((count, INPUT_SHAPE[1], 28, 28)) - 1
    return patches.repeat(8, axis=2).repeat(8, axis=3).astype(np.float32)


def make_weights(images: Array) -> dict[str, Array]:
    """Return the weights, float32, by `LAYER/weight` and `LAYER/bias`."""
    random = np.random.Generator(np.random.PCG64(SEED))
    weights: dict[str, Array] = {}
    tensors: dict[str, Array] = {INPUT: images}
    for layer in NETWORK:
        if isinstance(layer, Convolution):
            weights |= _drawn(random, layer)
            if layer.normalised:
                weights |= _normalised(layer, weights, tensors)
        tensors[layer.name] = forward(layer, weights, tensors)
    return weights


def _drawn(random: np.random.Generator, layer: Convolution) -> dict[str, Array]:
    """Draw uniform weights of variance 2 / fan-in and zero biases."""
    bound = np.sqrt(6 / np.prod(layer.weight_shape[1:]))
    drawn = bound * (2 * random.random(layer.weight_shape) - 1)
    return {f"{layer.name}/weight": drawn.astype(np.float32), f"{layer.name}/bias": np.zeros(layer.outputs, np.float32)}


def _normalised(layer: Convolution, weights: Weights, tensors: dict[str, Array]) -> dict[str, Array]:
    """Return weight and bias that give each channel mean 0 and variance 1 over the images."""
    weight, bias = weights[f"{layer.name}/weight"], weights[f"{layer.name}/bias"]
    raw = _convolve(layer, weight, bias, tensors[layer.source])
    mean, deviation = raw.mean(axis=(0, 2, 3)), raw.std(axis=(0, 2, 3)) + _GUARD
    return {
        f"{layer.name}/weight": (weight / deviation[:, None, None, None]).astype(np.float32),
        f"{layer.name}/bias": (-mean / deviation).astype(np.float32),
    }


def activations(weights: Weights, images: Array) -> dict[str, Array]:
    """Return the input and every layer's tensor for a batch of images, in the dtype of the images and weights."""
    tensors = {INPUT: images}
    for layer in NETWORK:
        tensors[layer.name] = forward(layer, weights, tensors)
    return tensors


def forward(layer: Layer, weights: Weights, tensors: dict[str, Array]) -> Array:
    """Return a layer's output for a batch."""
    x = tensors[layer.source]
    match layer:
        case Convolution():
            made = _convolve(layer, weights[f"{layer.name}/weight"], weights[f"{layer.name}/bias"], x)
            return np.maximum(made, 0) if layer.relu else made
        case HardSwish():
            return np.asarray(x * np.clip(x / 6 + 0.5, 0, 1))
        case HardSigmoid():
            return np.asarray(np.clip(x / 6 + 0.5, 0, 1))
        case Mean():
            return np.asarray(x.mean(axis=(2, 3), keepdims=True))
        case Multiply():
            return np.asarray(x * tensors[layer.other])
        case Add():
            return np.asarray(x + tensors[layer.other])
        case Flatten():
            return x.reshape(len(x), -1)


def _convolve(layer: Convolution, weight: Array, bias: Array, x: Array) -> Array:
    rows, columns = (-(-extent // layer.stride) for extent in x.shape[2:])
    padded = np.pad(x, ((0, 0), (0, 0), *(layer.padding(extent) for extent in x.shape[2:])))
    total = np.zeros((len(x), layer.outputs, rows, columns), x.dtype) + bias[:, None, None]
    step = layer.stride
    for i in range(layer.kernel):
        for j in range(layer.kernel):
            seen = padded[:, :, i : i + step * (rows - 1) + 1 : step, j : j + step * (columns - 1) + 1 : step]
            if layer.depthwise:
                total += weight[:, 0, i, j, None, None] * seen
            else:
                total += np.matmul(weight[:, :, i, j], seen.reshape(*seen.shape[:2], -1)).reshape(total.shape)
    return total
