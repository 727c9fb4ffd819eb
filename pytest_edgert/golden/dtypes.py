"""Which data types a golden holds, and how each lies in the payload.

What safetensors cannot carry through NumPy is stored as plain numbers of the same bits or values; the logical
type stands in the manifest. Text and objects are refused: storing them would need pickle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_edgert.errors import ArtefactError, UsageError
from pytest_edgert.tensors import Array

_PLAIN = frozenset(
    ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
)
#: Complex numbers as pairs (real, imaginary) along a last axis of length 2.
_PAIRS = {"complex64": "float32", "complex128": "float64"}
#: Stored bit for bit, so that NaN payloads survive.
_BITS = {
    "bfloat16": "uint16",
    "float8_e4m3fn": "uint8",
    "float8_e4m3fnuz": "uint8",
    "float8_e5m2": "uint8",
    "float8_e5m2fnuz": "uint8",
    "float8_e8m0fnu": "uint8",
    "float4_e2m1fn": "uint8",
}
#: Stored by value: the unused bits of their bytes have no meaning.
_VALUES = {"int4": "int8", "uint4": "uint8", "int2": "int8", "uint2": "uint8"}

#: Every logical dtype name that a golden holds.
DTYPES = frozenset((*_PLAIN, *_PAIRS, *_BITS, *_VALUES))


def to_stored(name: str, array: Array) -> Array:
    """Return what the payload holds: little-endian, C-contiguous, a type that safetensors carries.

    Args:
        name: The tensor's name, for messages.
        array: Any strides and byte order; it is not changed.

    Raises:
        UsageError: It is no array, or its type cannot be held.
    """
    dtype = _checked_dtype(name, array)
    native = np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")
    if dtype in _PAIRS:
        stored = native.reshape(*native.shape, 1).view(_PAIRS[dtype])
    elif dtype in _BITS:
        stored = native.view(_BITS[dtype])
    elif dtype in _VALUES:
        stored = native.astype(_VALUES[dtype])
    else:
        stored = native
    return np.asarray(stored, dtype=stored.dtype.newbyteorder("<"), order="C")


def _checked_dtype(name: str, array: Array) -> str:
    if not isinstance(array, np.ndarray):
        raise UsageError(
            f"Tensor {name!r} must be a numpy.ndarray to go into a golden, got {type(array).__name__}.",
            "Pass numpy.asarray(value, dtype).",
        )
    dtype = str(array.dtype.newbyteorder("=").name)
    if dtype not in DTYPES:
        kind = "text or objects" if array.dtype.kind in "OUST" else "this type"
        raise UsageError(
            f"Tensor {name!r} is {dtype}; a golden does not hold {kind}.",
            "Leave that output out of the golden and compare it in the test itself.",
        )
    return dtype


def stored_form(dtype: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Return dtype name and shape of what the payload holds for a logical dtype of `DTYPES`."""
    if dtype in _PAIRS:
        return _PAIRS[dtype], (*shape, 2)
    return {**_BITS, **_VALUES}.get(dtype, dtype), shape


def from_stored(dtype: str, stored: Array) -> Array:
    """Return the logical array of what the payload holds, in native byte order.

    Args:
        dtype: Logical dtype name, of `DTYPES`.
        stored: Of the form that `stored_form` tells.

    Raises:
        ArtefactError: The type is one of `ml_dtypes`, which is not installed.
    """
    native = np.asarray(stored, dtype=stored.dtype.newbyteorder("="), order="C")
    if dtype in _PAIRS:
        return native.view(dtype).reshape(native.shape[:-1])
    if dtype in _BITS:
        return native.view(_extended(dtype))
    if dtype in _VALUES:
        return native.astype(_extended(dtype))
    return native


def _extended(name: str) -> np.dtype[Any]:
    try:
        import ml_dtypes
    except ImportError as error:
        raise ArtefactError(
            f"The golden holds {name}, which NumPy alone does not have.", "Run: pip install ml_dtypes."
        ) from error
    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return found
