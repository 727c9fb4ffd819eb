"""Feeds for the contract suite: ordinary ones, hostile ones, and the comparison of what comes back."""

from __future__ import annotations

import numpy as np

from pytest_edgert.tensors import Array, Dimension, Feeds, TensorSpec


def is_fixed(length: Dimension) -> bool:
    """Return whether a dimension has one length above zero."""
    return isinstance(length, int) and length > 0


def fits(told: tuple[Dimension, ...], found: tuple[int, ...]) -> bool:
    """Return whether a shape is one that the signature tells."""
    return len(told) == len(found) and all(not isinstance(t, int) or t == f for t, f in zip(told, found, strict=True))


def draw(rng: np.random.Generator, spec: TensorSpec) -> Array:
    """Return ordinary values for one input; free dimensions become 1."""
    shape = [length if isinstance(length, int) else 1 for length in spec.shape]
    if spec.dtype == "string":
        return rng.integers(0, 100, shape).astype(str)
    dtype = np.dtype(spec.dtype)
    if dtype.kind == "f":
        return np.asarray(rng.uniform(-1, 1, shape), dtype)
    if dtype.kind == "b":
        return np.asarray(rng.integers(0, 2, shape), dtype)
    top = int(min(np.iinfo(dtype).max, 100))
    return np.asarray(rng.integers(0, top, shape), dtype)


def empty(spec: TensorSpec) -> Array:
    """Return an array of no elements: length 0 along the first free dimension, else along the first."""
    free = next((axis for axis, length in enumerate(spec.shape) if not isinstance(length, int)), 0)
    shape = [1 if not isinstance(length, int) else length for length in spec.shape]
    if shape:
        shape[free] = 0
    return np.zeros(shape, "U1" if spec.dtype == "string" else spec.dtype)


def strided(feeds: Feeds) -> dict[str, Array]:
    """Return the same numbers, every second element of a wider array, in Fortran order."""
    strided = {}
    for name, array in feeds.items():
        if array.ndim == 0:
            strided[name] = array
            continue
        wide = np.zeros((*array.shape[:-1], array.shape[-1] * 2), array.dtype, order="F")
        wide[..., ::2] = array
        strided[name] = wide[..., ::2]
    return strided


def swapped(array: Array) -> Array:
    """Return the same numbers in the other byte order."""
    return array.astype(array.dtype.newbyteorder("S"))


def copies(arrays: Feeds) -> dict[str, Array]:
    """Return copies, to compare with later."""
    return {name: array.copy() for name, array in arrays.items()}


def assert_same(found: Feeds, expected: Feeds, what: str) -> None:
    """Bit for bit: NaN equals NaN, names and types included."""
    assert list(found) == list(expected), f"{what}: {list(found)} instead of {list(expected)}"
    for name, array in found.items():
        assert array.dtype == expected[name].dtype, f"{what}: the type of {name} changed"
        np.testing.assert_array_equal(array, expected[name], f"{what}: {name} changed")
