"""Default feeds: seeded, the same on every machine, and within the range that a data type is used for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Array, Signature, TensorSpec

#: Integers wider than 8 bits are indices more often than not: small ones fit any table.
_INDEX_LIMIT = 10

_Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


def default_feeds(signature: Signature, seed: int) -> dict[str, Array]:
    """Return feeds for every input, C-contiguous.

    Floats are standard normal, 8-bit and 4-bit integers and all quantised ones span their whole range, wider integers
    lie in 0 … 9 and booleans are fair coins. Each input draws from a stream of its own, keyed by its name, so another
    input changes nothing.

    Args:
        signature: What the session takes.
        seed: Any whole number.

    Raises:
        UsageError: A dimension is free and the file gives it no length, or the data type has no default (text, complex numbers).
    """
    return {spec.name: _feed(spec, seed) for spec in signature.inputs}


def _feed(spec: TensorSpec, seed: int) -> Array:
    shape = _bound_shape(spec)
    draw = _drawer(spec)
    return np.asarray(draw(_stream(spec.name, seed), shape), order="C")


def _bound_shape(spec: TensorSpec) -> tuple[int, ...]:
    lengths = tuple(length for length in spec.shape if isinstance(length, int))
    if len(lengths) == len(spec.shape):
        return lengths
    if spec.default_shape is not None:
        return spec.default_shape
    found = " x ".join("?" if length is None else str(length) for length in spec.shape)
    example = "x".join(str(length) if isinstance(length, int) else "1" for length in spec.shape)
    raise UsageError(
        f"Input {spec.name!r} has free dimensions: {found}.",
        f"Bind them, for instance with --edge-shape={spec.name}={example}.",
    )


def _stream(name: str, seed: int) -> np.random.Generator:
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64([abs(seed), int(seed < 0), key]))


def _drawer(spec: TensorSpec) -> _Draw:
    if spec.dtype == "bool":
        return lambda stream, shape: stream.integers(0, 2, shape).astype(np.bool_)
    if spec.dtype in _small_integers():
        return _integers(spec.dtype, *_small_integers()[spec.dtype])
    kind = _numpy_kind(spec)
    if kind in "iu" and spec.quantization is not None:
        bounds = np.iinfo(spec.dtype)
        return _integers(spec.dtype, int(bounds.min), int(bounds.max))
    if kind in "iu":
        return _integers(spec.dtype, 0, _INDEX_LIMIT - 1)
    return lambda stream, shape: stream.standard_normal(shape).astype(_dtype(spec.dtype))


def _integers(dtype: str, low: int, high: int) -> _Draw:
    """Draw from low … high, both included."""
    return lambda stream, shape: stream.integers(low, high, shape, np.int64, endpoint=True).astype(_dtype(dtype))


def _small_integers() -> Mapping[str, tuple[int, int]]:
    return {"int8": (-128, 127), "uint8": (0, 255), "int4": (-8, 7), "uint4": (0, 15)}


def _numpy_kind(spec: TensorSpec) -> str:
    if spec.dtype.startswith(("bfloat", "float")):
        return "f"
    kind = np.dtype(spec.dtype).kind if spec.dtype in np.sctypeDict else "?"
    if kind in "iuf":
        return kind
    raise UsageError(
        f"Input {spec.name!r} takes {spec.dtype}, for which there are no default feeds.",
        'Give real samples, for instance inputs = { samples = "samples/*.npz" } in the gate file.',
    )


def _dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name; those that NumPy lacks (bfloat16, int4, float8) come from `ml_dtypes`."""
    try:
        return np.dtype(name)
    except TypeError:
        pass
    try:
        import ml_dtypes
    except ImportError as error:
        raise UsageError(f"Feeds of {name} need the package ml_dtypes.", "Run: pip install ml_dtypes.") from error
    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return found
