"""The FlatBuffers wire format, as far as a reader of ``.tflite`` files needs it; every offset is checked.

Source: https://flatbuffers.dev/internals/. LiteRT's Python interface trusts the offsets of a file, and a truncated
one ends the process; here they raise ValueError.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import TypeAlias

#: A whole file.
Content: TypeAlias = "mmap.mmap | bytes"

_UINT16, _UINT32, _INT32 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<i")


def root(content: Content, identifier: bytes) -> Table:
    """Return the outermost table of a file with a file identifier. Raises ValueError for any other file."""
    found = content[4:8]
    if found != identifier:
        raise ValueError(f"bytes 4 to 7 are {found!r}, not {identifier!r}")
    return Table(content, _number(content, _UINT32, 0))


class Table:
    """One table: fields by number, absent ones as their defaults."""

    __slots__ = ("_at", "_content", "_fields", "_vtable")

    def __init__(self, content: Content, at: int) -> None:
        vtable = at - _number(content, _INT32, at)
        size = _number(content, _UINT16, vtable)
        _check(content, vtable, size)
        _check(content, at, _number(content, _UINT16, vtable + 2))
        self._content, self._at, self._vtable, self._fields = content, at, vtable, (size - 4) // 2

    def number(self, field: int, code: str, default: int = 0) -> int:
        """Return a number; `code` is that of `struct`."""
        at = self._position(field)
        return default if at is None else _number(self._content, struct.Struct("<" + code), at)

    def table(self, field: int) -> Table | None:
        """Return a table, None when it is not there."""
        at = self._target(field)
        return None if at is None else Table(self._content, at)

    def tables(self, field: int) -> Iterator[Table]:
        """Yield the tables of a vector, none when it is not there."""
        start, count = self.span(field, 4)
        for at in range(start, start + 4 * count, 4):
            yield Table(self._content, at + _number(self._content, _UINT32, at))

    def integers(self, field: int) -> tuple[int, ...]:
        """Return a vector of int32."""
        start, count = self.span(field, 4)
        return struct.unpack_from(f"<{count}i", self._content, start)

    def text(self, field: int) -> str:
        """Return a string, empty when it is not there."""
        start, length = self.span(field, 1)
        return self._content[start : start + length].decode("utf-8", "replace")

    def span(self, field: int, item_bytes: int) -> tuple[int, int]:
        """Return the first byte and the number of items of a vector, (0, 0) when it is not there."""
        at = self._target(field)
        if at is None:
            return 0, 0
        count = _number(self._content, _UINT32, at)
        _check(self._content, at + 4, count * item_bytes)
        return at + 4, count

    def _position(self, field: int) -> int | None:
        if field >= self._fields:
            return None
        offset = _number(self._content, _UINT16, self._vtable + 4 + 2 * field)
        return self._at + offset if offset else None

    def _target(self, field: int) -> int | None:
        at = self._position(field)
        return None if at is None else at + _number(self._content, _UINT32, at)


def _number(content: Content, kind: struct.Struct, at: int) -> int:
    _check(content, at, kind.size)
    found: int = kind.unpack_from(content, at)[0]
    return found


def _check(content: Content, at: int, length: int) -> None:
    if at < 0:
        raise ValueError(f"an offset points {-at} bytes before the file")
    if at + length > len(content):
        raise ValueError(f"it is truncated: {at + length - len(content)} bytes are missing after byte {len(content)}")
