"""Each layer's arithmetic in NumPy, forward and backward; nothing here knows the order of the layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from network import Array, Convolution, Dense, Flatten, HardSwish, Layer, MaxPool, Softmax, Weights


def forward(layer: Layer, weights: Weights, x: Array) -> Array:
    """Return a layer's output for a batch, in the dtype of `x` and the weights."""
    match layer:
        case Convolution():
            return _convolve(layer, weights[f"{layer.name}/weight"], weights[f"{layer.name}/bias"], x)
        case HardSwish():
            return np.asarray(x * np.clip(x / 6 + 0.5, 0, 1))
        case MaxPool():
            return np.asarray(_blocks(x, layer.size).max(axis=(3, 5)))
        case Flatten():
            return x.reshape(len(x), -1)
        case Dense():
            return np.asarray(x @ weights[f"{layer.name}/weight"].T + weights[f"{layer.name}/bias"])
        case Softmax():
            raised = np.exp(x - x.max(axis=-1, keepdims=True))
            return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def backward(layer: Layer, weights: Weights, x: Array, slope: Array) -> tuple[Array, dict[str, Array]]:
    """Return the loss's slope in a layer's input and in its weights.

    Args:
        layer: Any layer but Softmax, whose slope training takes together with the loss.
        weights: The trained values so far.
        x: The layer's input in the forward pass.
        slope: The loss's slope in the layer's output.
    """
    match layer:
        case Convolution():
            return _convolve_backward(layer, weights[f"{layer.name}/weight"], x, slope)
        case HardSwish():
            inside = np.where(x > 3, 1.0, x / 3 + 0.5)
            return np.where(x < -3, 0.0, inside) * slope, {}
        case MaxPool():
            return _slope_of_largest(layer.size, x, slope), {}
        case Flatten():
            return slope.reshape(x.shape), {}
        case Dense():
            slopes = {f"{layer.name}/weight": slope.T @ x, f"{layer.name}/bias": slope.sum(axis=0)}
            return slope @ weights[f"{layer.name}/weight"], slopes
        case Softmax():
            raise TypeError("softmax has no slope of its own: training starts from the slope in the logits.")


def _blocks(x: Array, size: int) -> Array:
    batch, channels, rows, columns = x.shape
    return x.reshape(batch, channels, rows // size, size, columns // size, size)


def _slope_of_largest(size: int, x: Array, slope: Array) -> Array:
    """Return the slope in the input of a pooling: all of it to the largest of a block, shared by equals."""
    blocks = _blocks(x, size)
    largest = blocks == blocks.max(axis=(3, 5), keepdims=True)
    shares = largest / largest.sum(axis=(3, 5), keepdims=True)
    return np.asarray(shares * slope[:, :, :, None, :, None]).reshape(x.shape)


def _shifts(layer: Convolution, padded: Array) -> Iterator[tuple[int, int, Array]]:
    """Give, for each tap (i, j) of the kernel, the view of the padded images that the tap sees."""
    rows, columns = (extent - 2 * layer.padding for extent in padded.shape[2:])
    for i in range(layer.kernel):
        for j in range(layer.kernel):
            yield i, j, padded[:, :, i : i + rows, j : j + columns]


def _pad(layer: Convolution, x: Array) -> Array:
    edge = (layer.padding, layer.padding)
    return np.pad(x, ((0, 0), (0, 0), edge, edge))


def _convolve(layer: Convolution, weight: Array, bias: Array, x: Array) -> Array:
    total = np.zeros((len(x), layer.outputs, *x.shape[2:]), x.dtype) + bias[:, None, None]
    for i, j, seen in _shifts(layer, _pad(layer, x)):
        if layer.depthwise:
            total += weight[:, 0, i, j, None, None] * seen
        else:
            total += np.matmul(weight[:, :, i, j], _pixels(seen)).reshape(total.shape)
    return total


def _convolve_backward(layer: Convolution, weight: Array, x: Array, slope: Array) -> tuple[Array, dict[str, Array]]:
    padded = _pad(layer, x)
    padded_slope, weight_slope = np.zeros_like(padded), np.zeros_like(weight)
    into = {(i, j): view for i, j, view in _shifts(layer, padded_slope)}
    for i, j, seen in _shifts(layer, padded):
        if layer.depthwise:
            weight_slope[:, 0, i, j] = np.einsum("nchw,nchw->c", slope, seen)
            into[i, j][...] += weight[:, 0, i, j, None, None] * slope
        else:
            weight_slope[:, :, i, j] = np.matmul(_pixels(slope), _pixels(seen).swapaxes(1, 2)).sum(axis=0)
            into[i, j][...] += np.matmul(weight[:, :, i, j].T, _pixels(slope)).reshape(x.shape)
    edge = layer.padding
    inner = padded_slope[:, :, edge : padded.shape[2] - edge, edge : padded.shape[3] - edge]
    return inner, {f"{layer.name}/weight": weight_slope, f"{layer.name}/bias": slope.sum(axis=(0, 2, 3))}


def _pixels(x: Array) -> Array:
    return x.reshape(*x.shape[:2], -1)
