"""GridSample: an image read at given places, in any number of dimensions; https://onnx.ai/onnx/operators/onnx__GridSample.html."""

from __future__ import annotations

import itertools

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.nodes import Node, of_arrays
from pytest_edgert.tensors import Array

#: Cubic convolution of GridSample has this coefficient, as in PyTorch.
_CUBIC_A = -0.75


def grid_sample(node: Node, x: Array, grid: Array) -> Array:
    """GridSample of an image (batch, channels, …) at a grid (batch, …, dimensions) whose last axis is x, y, z.

    Returns:
        (batch, channels, *places), in the type of the image.
    """
    mode = node.get("mode", b"linear").decode().removeprefix("bi")
    padding = node.get("padding_mode", b"zeros").decode()
    if mode not in {"linear", "cubic", "nearest"} or padding not in {"zeros", "border", "reflection"}:
        raise UnsupportedModelError(f"Node {node.label} samples by {mode!r} and {padding!r}, which ONNX does not know.")
    corners = bool(node.get("align_corners", 0))
    lengths = x.shape[2:]
    places = [_denormalised(grid[..., -1 - axis], n, corners) for axis, n in enumerate(lengths)]
    if mode != "cubic":
        places = [_padded(one, n, padding, corners) for one, n in zip(places, lengths, strict=True)]
    if mode == "nearest":
        return _pixels(x, [np.rint(one) for one in places], padding, corners)
    firsts, weights = zip(*(_taps(one, cubic=mode == "cubic") for one in places), strict=True)
    taps = range(4 if mode == "cubic" else 2)
    total = np.zeros((x.shape[0], x.shape[1], *grid.shape[1:-1]))
    for tap in itertools.product(taps, repeat=len(lengths)):
        pixels = _pixels(x, [first + step for first, step in zip(firsts, tap, strict=True)], padding, corners)
        weight = np.prod([one[step] for one, step in zip(weights, tap, strict=True)], axis=0)
        total += pixels * weight[:, None]
    return total.astype(x.dtype)


def _denormalised(at: Array, length: int, corners: bool) -> Array:  # noqa: FBT001 - the operator's own attribute
    return (at + 1) / 2 * (length - 1) if corners else ((at + 1) * length - 1) / 2


def _padded(at: Array, length: int, padding: str, corners: bool) -> Array:  # noqa: FBT001 - the operator's own attribute
    """Return coordinates brought onto the image by the padding mode; "zeros" leaves them."""
    if padding == "reflection":
        at = _reflected(at, *((0.0, length - 1.0) if corners else (-0.5, length - 0.5)))
    return at if padding == "zeros" else np.clip(at, 0, length - 1)


def _reflected(at: Array, low: float, high: float) -> Array:
    """Return coordinates mirrored at both ends until they lie between."""
    span = high - low
    if span <= 0:
        return np.zeros_like(at)
    turns = np.mod(at - low, 2 * span)
    return low + np.where(turns > span, 2 * span - turns, turns)


def _taps(at: Array, *, cubic: bool) -> tuple[Array, list[Array]]:
    """Return the first neighbour and the weight of each of 2 or 4."""
    base = np.floor(at)
    part = at - base
    if not cubic:
        return base, [1 - part, part]
    a = _CUBIC_A
    near = [((a + 2) * d - (a + 3)) * d**2 + 1 for d in (part, 1 - part)]
    far = [((d - 5) * d + 8) * d * a - 4 * a for d in (1 + part, 2 - part)]
    return base - 1, [far[0], near[0], near[1], far[1]]


def _pixels(x: Array, places: list[Array], padding: str, corners: bool) -> Array:  # noqa: FBT001 - the operator's own
    """Return the pixels at whole places (batch, …), zeros outside where the padding mode says so."""
    lengths, inside = x.shape[2:], np.ones(places[0].shape, bool)
    index = []
    for one, length in zip(places, lengths, strict=True):
        inside &= (one >= 0) & (one <= length - 1)
        index.append(np.nan_to_num(np.clip(_padded(one, length, padding, corners), 0, length - 1)).astype(np.int64))
    batch = np.arange(x.shape[0]).reshape(-1, *(1,) * (places[0].ndim - 1))
    found = np.moveaxis(x[(batch, slice(None), *index)], -1, 1)
    return np.where(inside[:, None], found, 0) if padding == "zeros" else found


OPERATORS = {"GridSample": of_arrays(grid_sample)}
