"""The S rows (coordinates, layout, what the edges mean) and the E rows (environment)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from fault_arithmetic import (
    Array,
    exact_product,
    flushed,
    half_away,
    pair_saturated_product,
    quantized,
    resize,
    source_coordinates,
)
from fault_cases import Case, Rng, Rows, graph

from pytest_edgert.tensors import Quantization

ROWS = Rows()


def picture(rng: Rng, channels: int, height: int, width: int) -> Array:
    """Return a smooth image with an edge, (1, channels, height, width), float32, of about 0 to 1."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    phases = rng.uniform(0, 6, channels)
    waves = [0.5 + 0.4 * np.sin(9 * x + 7 * y + phase) for phase in phases]
    image = np.stack(waves)[None]
    image[..., height // 3 :, width // 2 :] *= rng.uniform(0.2, 0.5)
    return image.astype(np.float32)


def _bigger(rng: Rng, height: int, width: int) -> tuple[int, int]:
    ratio = float(rng.choice([0.6, 1.7, 2.0, 3.0]))
    return int(height * ratio), int(width * ratio)


@ROWS.row("S01", "Resize, linear, with corners aligned or not")
def _corners(rng: Rng) -> Sequence[Case]:
    image = picture(rng, 3, 20, 28)
    size = _bigger(rng, 20, 28)
    exact = resize(image, size, "align_corners").astype(np.float32)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    model = graph(
        [("Resize", ["x", "", "", "sizes"], "y", attributes)], {"x": image}, {"sizes": np.array([1, 3, *size])}, exact
    )
    return [
        Case(
            "half pixels instead of corners",
            exact,
            resize(image, size, "half_pixel").astype(np.float32),
            True,
            model=model,
        ),
        Case("coordinates in float32", exact, _resized_float32(image, size), False),
    ]


def _resized_float32(image: Array, size: tuple[int, int]) -> Array:
    for axis, length in zip((-2, -1), size, strict=True):
        n = image.shape[axis]
        place = np.clip(source_coordinates(n, length, "align_corners").astype(np.float32), 0, n - 1)
        low = np.floor(place).astype(int)
        shape = [1] * image.ndim
        shape[axis] = length
        part = (place - low.astype(np.float32)).reshape(shape).astype(np.float32)
        one = np.take(image, low, axis=axis)
        image = one + (np.take(image, np.minimum(low + 1, n - 1), axis=axis) - one) * part
    return image


@ROWS.row("S03", "Resize, nearest, with half_pixel_symmetric")
def _symmetric(rng: Rng) -> Sequence[Case]:
    image = picture(rng, 1, 16, 24)
    size = (int(rng.integers(20, 31)), int(rng.integers(26, 47)))
    exact = resize(image, size, "half_pixel", "nearest").astype(np.float32)
    other = resize(image, size, "asymmetric", "nearest").astype(np.float32)
    attributes = {"mode": "nearest", "nearest_mode": "round_prefer_floor"}
    model = graph(
        [("Resize", ["x", "", "", "sizes"], "y", attributes)], {"x": image}, {"sizes": np.array([1, 1, *size])}, exact
    )
    return [
        Case("the other convention picks other pixels", exact, other, True, model=model),
        Case("the same pixels gathered at once", exact, _gathered(image, size), False),
    ]


def _gathered(image: Array, size: tuple[int, int]) -> Array:
    rows, columns = (
        np.ceil(np.clip(source_coordinates(n, m, "half_pixel"), 0, n - 1) - 0.5).astype(int)
        for n, m in zip(image.shape[-2:], size, strict=True)
    )
    picked: Array = image[..., rows[:, None], columns[None]]
    return picked


@ROWS.row("S04", "coordinates of TensorFlow 1 and of TensorRT: images move by a part of a pixel, or a whole one")
def _shifted(rng: Rng) -> Sequence[Case]:
    image = picture(rng, int(rng.integers(1, 4)), 24, 24)
    size = (48, 48)
    exact = resize(image, size, "half_pixel").astype(np.float32)
    moved = np.roll(exact, 1, axis=int(rng.choice([-2, -1])))
    steps, declared = 1 / 255, Quantization((1 / 255,), (-128,))
    return [
        Case("asymmetric instead of half pixels", exact, resize(image, size, "asymmetric").astype(np.float32), True),
        Case("moved by a pixel", exact, moved, True),
        Case(
            "moved by a pixel, quantised",
            quantized(exact, steps, -128),
            quantized(moved, steps, -128),
            True,
            quantization=declared,
        ),
        Case(
            "weights in 11 bits, as integer kernels have them",
            quantized(exact, steps, -128),
            quantized(_fixed_weights(image, size), steps, -128),
            False,
            quantization=declared,
        ),
    ]


def _fixed_weights(image: Array, size: tuple[int, int]) -> Array:
    for axis, length in zip((-2, -1), size, strict=True):
        n = image.shape[axis]
        place = np.clip(np.rint(source_coordinates(n, length, "half_pixel") * 2048) / 2048, 0, n - 1)
        low = np.floor(place).astype(int)
        shape = [1] * image.ndim
        shape[axis] = length
        part = (place - low).reshape(shape)
        high = np.minimum(low + 1, n - 1)
        image = np.take(image, low, axis=axis) * (1 - part) + np.take(image, high, axis=axis) * part
    return image


@ROWS.row("S06", "layout, colour order, and dequantisation left out")
def _meaning(rng: Rng) -> Sequence[Case]:
    side = int(rng.integers(6, 12))
    image = picture(rng, 3, side, side)
    square = np.ascontiguousarray(np.swapaxes(image, -1, -2))
    unordered = np.ascontiguousarray(np.moveaxis(image, 1, -1)).reshape(image.shape)
    swapped = np.ascontiguousarray(image[:, ::-1])
    scale = 1 / 64
    steps = quantized(image, scale, -128)
    bare = steps.astype(np.float32)
    real = ((steps.astype(np.float64) + 128) * scale).astype(np.float32)
    batch = np.concatenate([picture(rng, 3, side, side) for _ in range(4)])
    one_row = batch.copy()
    one_row[1:] = one_row[0]
    return [
        Case("height and width exchanged", image, square, True),
        Case("channels last read as channels first", image, unordered, True),
        Case("red and blue exchanged", image, swapped, True),
        Case("dequantisation left out", real, bare, True, inside=True),
        Case("one row of the batch for all", batch, one_row, True),
        Case("there and back", image, np.moveaxis(np.moveaxis(image, 1, -1).copy(), -1, 1).copy(), False),
    ]


@ROWS.row("E01", "kernels chosen by the processor: recorded on one, run on another")
def _processors(rng: Rng) -> Sequence[Case]:
    x = rng.integers(150, 256, (8, 96))
    w = rng.integers(-127, 128, (96, 10)).astype(np.int8)
    w[:, :3] = rng.integers(110, 128, (96, 3))
    sums = exact_product(x, w)
    scale = float(np.abs(sums).max()) / 120
    declared = Quantization((scale,), (0,))
    exact = quantized(sums, scale, 0)
    return [
        Case(
            "recorded with VNNI, run without",
            exact,
            quantized(pair_saturated_product(x, w), scale, 0),
            True,
            quantization=declared,
        ),
        Case(
            "another processor, ties away from zero",
            exact,
            quantized(sums, scale, 0, rounding=half_away),
            False,
            quantization=declared,
        ),
    ]


@ROWS.row("E02", "settings that stick to a process: subnormals flushed to zero")
def _sticky(rng: Rng) -> Sequence[Case]:
    small = (rng.standard_normal((4, 32)) * 1e-39).astype(np.float32)
    up = np.float32(1e38)
    ordinary = rng.standard_normal((4, 32)).astype(np.float32)
    ordinary[0, :8] *= np.float32(1e-39)
    return [
        Case("an output of subnormals becomes 0", small, flushed(small), True),
        Case("an intermediate of subnormals, scaled up", small * up, flushed(small) * up, True),
        Case("a few subnormals among ordinary numbers", ordinary, flushed(ordinary), False),
    ]


ROWS.elsewhere("E03", "an operator falls back to the CPU in silence", "the check of placement")
