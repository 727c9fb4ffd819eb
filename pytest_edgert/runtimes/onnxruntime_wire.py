"""The protobuf wire format, as far as a reader of ``.onnx`` files needs it; nothing is copied until it is asked for.

Source: https://protobuf.dev/programming-guides/encoding/. Other bytes raise ValueError or IndexError.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import TypeAlias

#: A part of the file: the buffer, the first byte, and the byte after the last.
Span: TypeAlias = "tuple[mmap.mmap | bytes, int, int]"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def text(span: Span, wanted: int) -> str:
    """Return the first field `wanted` as text, empty when it is not there."""
    return next((as_bytes(message).decode() for number, message in messages(span) if number == wanted), "")


def as_bytes(value: int | Span) -> bytes:
    """Return a copy of the bytes of a field."""
    if isinstance(value, int):
        raise ValueError("a number where bytes belong")  # noqa: TRY004 - it is the file's fault, not the caller's
    data, start, end = value
    return data[start:end]


def messages(span: Span) -> Iterator[tuple[int, Span]]:
    """Yield field number and span of every message, text and packed field, without the numbers."""
    return ((number, value) for number, value in fields(span) if not isinstance(value, int))


def fields(span: Span) -> Iterator[tuple[int, int | Span]]:
    """Yield (field number, number or span) of a message."""
    data, at, end = span
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"byte {at} is no protobuf")
        if at + length > end:
            raise ValueError(f"it is truncated: {at + length - end} bytes are missing after byte {end}")
        yield key >> 3, int.from_bytes(data[at : at + 4], "little") if kind == _FIXED32 else (data, at, at + length)
        at += length


def varints(value: Span) -> Iterator[int]:
    """Yield the numbers of a packed field."""
    data, at, end = value
    while at < end:
        number, at = _varint(data, at)
        yield number


def _varint(data: mmap.mmap | bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"byte {at} is no protobuf")


def signed(value: int) -> int:
    """Return the int64 that a varint stands for."""
    return value - 2**64 if value >= 2**63 else value
