"""Messages between client and worker: a frame with its tensors, over the pipe and shared memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_edgert.tensors import Array
from pytest_edgert.worker.buffers import SharedReader, SharedWriter
from pytest_edgert.worker.packing import Source, pack, unpack
from pytest_edgert.worker.pipe import Pipe
from pytest_edgert.worker.protocol import FrameKind, pack_head

_TENSORS = "tensors"


@dataclass(frozen=True, slots=True)
class Message:
    """What came: its kind, plain metadata and tensors by name."""

    kind: FrameKind
    meta: dict[str, Any]
    tensors: dict[str, Array]


@dataclass(slots=True)
class Channel:
    """One end of a connection. Owns what it is given. Not thread-safe.

    Args:
        pipe: The byte pipe.
        writer: Shared memory to the other side, None without any.
        reader: Shared memory from the other side, None without any.
        finish: `packing.read_only` in the worker, `packing.owned` in the client.
    """

    pipe: Pipe
    writer: SharedWriter | None
    reader: SharedReader | None
    finish: Callable[[Array, bool], Array]

    def send(
        self, kind: FrameKind, meta: Mapping[str, Any], tensors: Mapping[str, Array], deadline_ns: int | None = None
    ) -> None:
        """Send one message; nothing has left when a FeedsError or WorkerOutOfMemoryError is raised.

        Tensors of PROGRESS stay out of the shared memory: nobody waits until they are read before the next message.
        """
        shared = None if kind is FrameKind.PROGRESS else self.writer
        packed = pack(tensors, self.pipe.payload_limit_bytes, shared)
        if packed.entries:
            meta = {**meta, _TENSORS: packed.entries}
        self.pipe.send([pack_head(kind, meta, packed.payload_bytes), *packed.parts], deadline_ns)

    def receive(self, deadline_ns: int | None = None) -> Message:
        """Wait for one message; raises what `Pipe.receive` raises, and ProtocolError for malformed tensors."""
        frame = self.pipe.receive(deadline_ns)
        entries = frame.meta.pop(_TENSORS, None)
        tensors = unpack(entries, Source(frame.payload, self.reader), self.finish) if entries else {}
        return Message(frame.kind, frame.meta, tensors)

    def close(self) -> None:
        """Close pipe and shared memory; twice is harmless."""
        self.pipe.close()
        if self.writer is not None:
            self.writer.close()
        if self.reader is not None:
            self.reader.close()
