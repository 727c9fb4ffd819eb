"""A pair of file descriptors that carries frames, with a deadline on every read and write.

The hot path of a small frame is one `poll`, one `read` and one `write`.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pytest_edgert import clock
from pytest_edgert.errors import ProtocolError
from pytest_edgert.worker.protocol import (
    HEADER,
    MAGIC,
    PAYLOAD_LIMIT_BYTES,
    FrameKind,
    not_the_protocol,
    read_header,
    read_meta,
)

#: Anything that holds contiguous bytes.
Bytes: TypeAlias = "bytes | bytearray | memoryview"

#: Bytes asked of the pipe at once; the size of a Linux pipe.
_CHUNK_BYTES = 2**16
#: Parts up to this many bytes in all are joined and leave in one write.
_JOIN_BYTES = 2**16
#: Buffers given to one `writev`; POSIX guarantees 16, Linux has 1024.
_PARTS_AT_ONCE = 16
#: Longest wait without a look at `idle`, in milliseconds.
_SLICE_MS = 1000


class PipeClosedError(Exception):
    """The other side closed the pipe between two frames."""


class DeadlineError(Exception):
    """The deadline passed before the pipe had taken or given everything."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it came: `payload` is a fresh buffer that belongs to the reader."""

    kind: FrameKind
    meta: dict[str, Any]
    payload: bytearray


class Pipe:
    """Frames over two file descriptors, which it owns. Not thread-safe.

    Args:
        read_fd: Where frames come from; non-blocking where deadlines are used.
        write_fd: Where frames go to; likewise.
        payload_limit_bytes: Largest payload taken.
        idle: Called about once a second while waiting; it may raise to end the wait.
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        payload_limit_bytes: int = PAYLOAD_LIMIT_BYTES,
        idle: Callable[[], None] | None = None,
    ) -> None:
        self.payload_limit_bytes = payload_limit_bytes
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._idle = idle
        self._rest = b""
        self._readable = select.poll()
        self._readable.register(read_fd, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(write_fd, select.POLLOUT)

    def send(self, parts: Sequence[Bytes], deadline_ns: int | None) -> None:
        """Write the parts of one frame, in order.

        Args:
            parts: Contiguous buffers of bytes.
            deadline_ns: On `clock.monotonic_ns`; None waits for ever.

        Raises:
            PipeClosedError: The other side is gone.
            DeadlineError: The other side did not take everything in time.
        """
        if sum(map(len, parts)) <= _JOIN_BYTES:
            parts = (b"".join(parts),)
        views = [memoryview(part) for part in parts if len(part)]
        try:
            while views:
                self._write_some(views, deadline_ns)
        except BrokenPipeError as error:
            raise PipeClosedError from error

    def _write_some(self, views: list[memoryview], deadline_ns: int | None) -> None:
        try:
            written = os.writev(self._write_fd, views[:_PARTS_AT_ONCE])
        except BlockingIOError:
            self._wait(self._writable, deadline_ns)
            return
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]

    def receive(self, deadline_ns: int | None) -> Frame:
        """Read one frame.

        Args:
            deadline_ns: On `clock.monotonic_ns`; None waits for ever.

        Raises:
            PipeClosedError: The pipe ended between two frames.
            DeadlineError: No whole frame came in time.
            ProtocolError: The bytes are not the protocol, or end in the middle of a frame.
        """
        data = self._rest
        while len(data) < HEADER.size:
            more = self._read(deadline_ns)
            data += more
            if not data.startswith(MAGIC[: len(data)]):
                raise not_the_protocol(data)
            if not more:
                raise _cut_off(data)
        header = read_header(data, self.payload_limit_bytes)
        body = memoryview(self._complete(data, HEADER.size + header.json_bytes, deadline_ns))
        end = HEADER.size + header.json_bytes
        meta = read_meta(body[HEADER.size : end])
        payload = self._payload(body[end:], header.payload_bytes, deadline_ns)
        self._rest = bytes(body[end + header.payload_bytes :])
        return Frame(header.kind, meta, payload)

    def _complete(self, data: bytes, size: int, deadline_ns: int | None) -> bytes:
        parts, have = [data], len(data)
        while have < size:
            more = self._read(deadline_ns)
            if not more:
                raise ProtocolError(f"The worker's pipe ended after {have} of the {size} bytes of a frame's head.")
            parts.append(more)
            have += len(more)
        return data if len(parts) == 1 else b"".join(parts)

    def _payload(self, start: memoryview, size: int, deadline_ns: int | None) -> bytearray:
        if len(start) >= size:
            return bytearray(start[:size])
        payload = bytearray(size)
        with memoryview(payload) as view:
            view[: len(start)] = start
            have = len(start)
            while have < size:
                have += self._read_into(view[have:], have, deadline_ns)
        return payload

    def _read(self, deadline_ns: int | None) -> bytes:
        while True:
            self._wait(self._readable, deadline_ns)
            try:
                return os.read(self._read_fd, _CHUNK_BYTES)
            except BlockingIOError:
                continue

    def _read_into(self, view: memoryview, have: int, deadline_ns: int | None) -> int:
        self._wait(self._readable, deadline_ns)
        try:
            count = os.readv(self._read_fd, [view])
        except BlockingIOError:
            return 0
        if count == 0:
            raise ProtocolError(
                f"The worker's pipe ended {len(view)} bytes before the end of a payload (after {have})."
            )
        return count

    def _wait(self, poll: select.poll, deadline_ns: int | None) -> None:
        if deadline_ns is None and self._idle is None:
            poll.poll()
            return
        while True:
            left_ms = _SLICE_MS if deadline_ns is None else (deadline_ns - clock.monotonic_ns()) // 1_000_000 + 1
            if left_ms <= 0:
                raise DeadlineError
            if poll.poll(min(left_ms, _SLICE_MS)):
                return
            if self._idle is not None:
                self._idle()

    def close(self) -> None:
        """Close both descriptors; twice is harmless."""
        for fd in {self._read_fd, self._write_fd} - {-1}:
            os.close(fd)
        self._read_fd = self._write_fd = -1


def _cut_off(data: bytes) -> Exception:
    if not data:
        return PipeClosedError()
    return ProtocolError(f"The worker's pipe ended after {len(data)} bytes of a frame.")
