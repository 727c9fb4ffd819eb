"""Trains the digits network in plain NumPy from a fixed seed.

All training is float64, and only `random` of the PCG64 stream is drawn from: so the order of summation of a
BLAS build, which differs between machines, is still below the rounding to float32 at the end of training.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from arithmetic import backward, forward
from digits_data import Digits
from network import CLASSES, INPUT, NETWORK, Array, Convolution, Dense, Weights, weight_shape

SEED = 20
EPOCHS = 40
BATCH = 48
RATE = 4e-3
WEIGHT_DECAY = 0.1
#: Share of the digits that a step sees moved by up to one pixel.
MOVED = 0.5
#: Probability spread over all classes (Szegedy et al., 2016): it keeps logits small, so int8 resolves them.
SMOOTHING = 0.1
#: Adam's decays of the mean and of the mean square, and its guard (Kingma and Ba, 2015).
MEAN_DECAY, SQUARE_DECAY, GUARD = 0.9, 0.999, 1e-8


def train(digits: Digits) -> dict[str, Array]:
    """Return trained weights, float32, by `LAYER/weight` and `LAYER/bias`."""
    random = np.random.Generator(np.random.PCG64(SEED))
    weights = _initial_weights(random)
    means = {name: np.zeros_like(value) for name, value in weights.items()}
    squares = {name: np.zeros_like(value) for name, value in weights.items()}
    steps = EPOCHS * (len(digits.labels) // BATCH)
    images = digits.images.astype(np.float64)
    for step, chosen in enumerate(_batches(random, len(digits.labels)), start=1):
        slopes = _slopes(weights, _moved(random, images[chosen]), digits.labels[chosen])
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        for name, slope in slopes.items():
            means[name] += (1 - MEAN_DECAY) * (slope - means[name])
            squares[name] += (1 - SQUARE_DECAY) * (slope**2 - squares[name])
            mean, square = means[name] / (1 - MEAN_DECAY**step), squares[name] / (1 - SQUARE_DECAY**step)
            weights[name] -= rate * (mean / (np.sqrt(square) + GUARD) + WEIGHT_DECAY * weights[name])
    return {name: value.astype(np.float32) for name, value in weights.items()}


def activations(weights: Weights, images: Array) -> dict[str, Array]:
    """Return the input and every layer's tensor for a batch of images, in float64."""
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    tensors = {INPUT: images.astype(np.float64)}
    x = tensors[INPUT]
    for layer in NETWORK:
        tensors[layer.name] = x = forward(layer, exact, x)
    return tensors


def _initial_weights(random: np.random.Generator) -> dict[str, Array]:
    """Draw uniform weights of variance 2 / fan-in (He et al., 2015) and zero biases."""
    weights: dict[str, Array] = {}
    for layer in NETWORK:
        if isinstance(layer, Convolution | Dense):
            shape = weight_shape(layer)
            bound = np.sqrt(6 / np.prod(shape[1:]))
            weights[f"{layer.name}/weight"] = bound * (2 * random.random(shape) - 1)
            weights[f"{layer.name}/bias"] = np.zeros(layer.outputs)
    return weights


def _batches(random: np.random.Generator, count: int) -> list[Array]:
    whole = count // BATCH * BATCH
    orders = [random.random(count).argsort(kind="stable")[:whole] for _ in range(EPOCHS)]
    return [batch for order in orders for batch in order.reshape(-1, BATCH)]


def _moved(random: np.random.Generator, images: Array) -> Array:
    """Return the images, about half of them moved by -1, 0 or 1 pixel down and right over an empty ground."""
    offsets = np.floor(3 * random.random((2, len(images)))).astype(np.int64)
    offsets[:, random.random(len(images)) >= MOVED] = 1
    padded = np.pad(images[:, 0], ((0, 0), (1, 1), (1, 1)))
    rows, columns = (offset[:, None] + np.arange(images.shape[2]) for offset in offsets)
    every = np.arange(len(images))[:, None, None]
    return np.asarray(padded[every, rows[:, :, None], columns[:, None, :]][:, None])


def _slopes(weights: Mapping[str, Array], images: Array, labels: Array) -> dict[str, Array]:
    """Return the slope of the mean cross-entropy in every weight."""
    inputs = []
    x = images
    for layer in NETWORK:
        inputs.append(x)
        x = forward(layer, weights, x)
    wanted = (1 - SMOOTHING) * np.eye(CLASSES)[labels] + SMOOTHING / CLASSES
    slope = (x - wanted) / len(labels)
    slopes: dict[str, Array] = {}
    for layer, seen in zip(reversed(NETWORK[:-1]), reversed(inputs[:-1]), strict=True):
        slope, own = backward(layer, weights, seen, slope)
        slopes |= own
    return slopes
