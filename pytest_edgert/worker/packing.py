"""Tensors into a frame and out again: what the JSON says of them, and where their bytes lie.

In the JSON a tensor is ``[name, dtype, shape, where, offset, size_bytes]`` with `where` "inline" (the
frame's payload) or "shared" (shared memory), or ``[name, "string", shape, "json", values]``. Bytes are
C-ordered and little endian, as every platform we run on is; offsets are multiples of `ALIGNMENT_BYTES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_edgert.errors import FeedsError, ProtocolError
from pytest_edgert.tensors import Array
from pytest_edgert.worker.buffers import SHARED_FROM_BYTES, SharedReader, SharedWriter
from pytest_edgert.worker.pipe import Bytes

#: A cache line, and more than any vector instruction asks for.
ALIGNMENT_BYTES = 64

_MAX_RANK = 64  # NumPy's own
#: Kinds of dtype whose elements are text: object, str, bytes, StringDType.
_TEXT_KINDS = "OUST"
_DTYPES = {
    dtype.name: dtype
    for dtype in (
        *map(np.dtype, ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")),
        *map(np.dtype, ("float16", "float32", "float64", "complex64", "complex128")),
    )
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
#: Types beyond NumPy's that models use; their home is the package ml_dtypes.
_EXTENDED = frozenset(
    [
        "bfloat16",
        "float8_e4m3fn",
        "float8_e4m3fnuz",
        "float8_e5m2",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
        "float4_e2m1fn",
        "int4",
        "uint4",
        "int2",
        "uint2",
    ]
)


@dataclass(frozen=True, slots=True)
class Packed:
    """Tensors ready to leave: what the JSON says, the payload's parts in order, and the payload's length."""

    entries: list[list[Any]]
    parts: list[Bytes]
    payload_bytes: int


def pack(tensors: Mapping[str, Array], limit_bytes: int, shared: SharedWriter | None) -> Packed:
    """Lay tensors out for one frame; large ones are copied into `shared` at once.

    Args:
        tensors: Arrays by name; strided, byte-swapped and read-only ones are fine, none is changed.
        limit_bytes: Most bytes of all tensors.
        shared: Shared memory, or None where there is none.

    Raises:
        FeedsError: A value is no array, has a dtype that cannot be carried, or all are too large.
        WorkerOutOfMemoryError: There is no shared memory left.
    """
    if not tensors:
        return Packed([], [], 0)
    _check_arrays(tensors, limit_bytes)
    entries: list[list[Any]] = []
    parts: list[Bytes] = []
    inline_end = 0
    offsets, shared_bytes = _shared_offsets(tensors) if shared is not None else ({}, 0)
    room = shared.room(shared_bytes) if shared is not None and shared_bytes else None
    for name, array in tensors.items():
        shape = list(array.shape)
        if array.dtype.kind in _TEXT_KINDS:
            entries.append([name, "string", shape, "json", _texts(name, array)])
        elif name in offsets and room is not None:
            np.copyto(np.ndarray(array.shape, _native(array), room, offsets[name]), array)
            entries.append([name, _dtype_name(array), shape, "shared", offsets[name], array.nbytes])
        else:
            offset = _aligned(inline_end)
            parts += (bytes(offset - inline_end), _raw(array))
            entries.append([name, _dtype_name(array), shape, "inline", offset, array.nbytes])
            inline_end = offset + array.nbytes
    return Packed(entries, parts, inline_end)


def _check_arrays(tensors: Mapping[str, Array], limit_bytes: int) -> None:
    for name, array in tensors.items():
        if not isinstance(array, np.ndarray):
            raise FeedsError(
                f"Tensor {name!r} must be a numpy.ndarray, got {type(array).__name__}.",
                "Pass numpy.asarray(value, dtype).",
            )
        dtype_name = _dtype_name(array)
        if array.dtype.kind not in _TEXT_KINDS and dtype_name not in _DTYPES and dtype_name not in _EXTENDED:
            raise FeedsError(f"Tensor {name!r} has dtype {dtype_name}, which cannot be sent to a worker.")
    total_bytes = sum(_aligned(array.nbytes) for array in tensors.values())
    if total_bytes > limit_bytes:
        raise FeedsError(
            f"The tensors {list(tensors)} have {total_bytes} bytes in all, more than the limit of {limit_bytes}.",
            "Use a smaller batch or shape.",
        )


def _dtype_name(array: Array) -> str:
    return _NAMES.get(array.dtype) or str(array.dtype.name)


def _native(array: Array) -> np.dtype[Any]:
    return array.dtype.newbyteorder("=")


def _shared_offsets(tensors: Mapping[str, Array]) -> tuple[dict[str, int], int]:
    offsets, end = {}, 0
    for name, array in tensors.items():
        if array.nbytes > SHARED_FROM_BYTES and array.dtype.kind not in _TEXT_KINDS:
            offsets[name] = _aligned(end)
            end = offsets[name] + array.nbytes
    return offsets, end


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _raw(array: Array) -> Bytes:
    native = np.ascontiguousarray(array, dtype=_native(array))
    return native.reshape(-1).view(np.uint8).data if native.nbytes else b""


def _texts(name: str, array: Array) -> list[str]:
    texts = []
    for value in array.reshape(-1).tolist():
        text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
        if not isinstance(text, str):
            raise FeedsError(f"Tensor {name!r} holds a {type(value).__name__}; an object array may hold strings only.")
        texts.append(text)
    return texts


@dataclass(frozen=True, slots=True)
class Source:
    """Where tensors' bytes lie: the frame's payload, and shared memory where there is any."""

    payload: bytearray
    shared: SharedReader | None


def unpack(entries: Any, source: Source, finish: Callable[[Array, bool], Array]) -> dict[str, Array]:
    """Return the tensors of a frame, by name.

    Args:
        entries: What the JSON says of them.
        source: Their bytes.
        finish: `read_only` or `owned`: what becomes of each array; told whether it lies in shared memory.

    Raises:
        ProtocolError: An entry is malformed or points outside the bytes that came.
    """
    tensors: dict[str, Array] = {}
    try:
        for name, dtype, shape, where, *place in entries:
            if type(name) is not str or name in tensors:
                raise ProtocolError(f"A frame names the tensor {name!r} twice, or by no string.")
            array = _place(dtype, _shape(shape), where, place, source)
            tensors[name] = finish(array, where == "shared")
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"A frame describes its tensors in another way than the protocol's ({error}).") from error
    return tensors


def read_only(array: Array, in_shared: bool) -> Array:  # noqa: ARG001, FBT001 - the signature of `finish`
    """Return the array as a read-only view, in shared memory too."""
    array.flags.writeable = False
    return array


def owned(array: Array, in_shared: bool) -> Array:  # noqa: FBT001 - the signature of `finish`
    """Return the array as the caller's own: writable, and copied out of shared memory."""
    return array.copy() if in_shared else array


def _place(dtype_name: str, shape: tuple[int, ...], where: str, place: Sequence[Any], source: Source) -> Array:
    count = math.prod(shape)
    if where == "json":
        (texts,) = place
        return _from_texts(shape, count, texts)
    offset, size_bytes = place
    dtype = _dtype(dtype_name)
    if type(offset) is not int or offset < 0 or size_bytes != count * dtype.itemsize:
        raise ProtocolError(
            f"A tensor of {dtype_name}{list(shape)} is announced with {size_bytes} bytes at offset {offset}."
        )
    if count == 0:
        return np.empty(shape, dtype)
    end = offset + size_bytes
    if where == "shared" and source.shared is not None:
        return np.ndarray(shape, dtype, source.shared.view(end), offset)
    if where != "inline" or end > len(source.payload):
        raise ProtocolError(
            f"A tensor lies at {where} {offset}..{end}, outside the {len(source.payload)} bytes that came."
        )
    return np.ndarray(shape, dtype, source.payload, offset)


def _shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, list) or len(shape) > _MAX_RANK or any(type(n) is not int or n < 0 for n in shape):
        raise ProtocolError(f"A frame gives a tensor the shape {shape!r}.")
    return tuple(shape)


def _from_texts(shape: tuple[int, ...], count: int, texts: Any) -> Array:
    if not isinstance(texts, list) or len(texts) != count or any(type(text) is not str for text in texts):
        raise ProtocolError(f"A string tensor of shape {list(shape)} does not come as {count} strings.")
    array: npt.NDArray[Any] = np.empty(count, dtype=object)
    array[:] = texts
    return array.reshape(shape)


def _dtype(name: str) -> np.dtype[Any]:
    if name in _DTYPES:
        return _DTYPES[name]
    if name not in _EXTENDED:
        raise ProtocolError(f"A frame carries a tensor of the unknown dtype {name!r}.")
    try:
        import ml_dtypes
    except ImportError as error:
        raise FeedsError(
            f"A tensor has dtype {name}, which NumPy alone does not have.", "Install ml_dtypes beside the runtime."
        ) from error
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype
