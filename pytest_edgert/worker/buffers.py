"""Shared memory between a client and its worker on one machine: a growing memfd per direction.

A memfd has no name, so nothing is left behind when both processes are gone, however they went. It is
sealed against shrinking: a mapping never points at memory that the other side took away.
"""

from __future__ import annotations

import fcntl
import mmap
import os

from pytest_edgert.errors import ProtocolError, WorkerOutOfMemoryError

#: Tensors above this many bytes go through shared memory; smaller ones are quicker inline.
SHARED_FROM_BYTES = 2**16

#: Memory is taken in steps of this many bytes.
_STEP_BYTES = 2**20


def create_shared() -> int | None:
    """Return the descriptor of new shared memory, not inherited by default; None where the platform has no memfd."""
    if not hasattr(os, "memfd_create"):
        return None
    fd = os.memfd_create("pytest-edgert", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return fd


class SharedWriter:
    """The side that grows the memory and writes into it. Owns the descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._size = os.fstat(fd).st_size
        self._map: mmap.mmap | None = None

    def room(self, size_bytes: int) -> mmap.mmap:
        """Return a writable mapping of at least `size_bytes` > 0; what was written before may be overwritten.

        Raises:
            WorkerOutOfMemoryError: The machine has no memory for it.
        """
        if self._map is None or len(self._map) < size_bytes:
            self._map = None
            self._map = self._grow(-(-size_bytes // _STEP_BYTES) * _STEP_BYTES)
        return self._map

    def _grow(self, size_bytes: int) -> mmap.mmap:
        try:
            if size_bytes > self._size:
                # Allocated now, for a page that cannot be had later is a SIGBUS in the middle of a copy.
                os.posix_fallocate(self._fd, 0, size_bytes)
                self._size = size_bytes
            return mmap.mmap(self._fd, size_bytes)
        except (OSError, MemoryError) as error:
            raise WorkerOutOfMemoryError(
                f"There is no shared memory of {size_bytes} bytes for tensors ({error}).",
                "Free memory, raise the container's or process's memory limit, or use smaller feeds.",
            ) from error

    def close(self) -> None:
        """Unmap and close; twice is harmless."""
        self._map = None
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


class SharedReader:
    """The side that reads. Its mapping is read-only. Owns the descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._map: mmap.mmap | None = None

    def view(self, size_bytes: int) -> mmap.mmap:
        """Return a read-only mapping of at least `size_bytes` > 0.

        Raises:
            ProtocolError: The memory is smaller than that.
        """
        if self._map is None or len(self._map) < size_bytes:
            found_bytes = os.fstat(self._fd).st_size
            if found_bytes < size_bytes:
                raise ProtocolError(
                    f"A frame points at {size_bytes} bytes of shared memory, which has only {found_bytes}."
                )
            self._map = mmap.mmap(self._fd, found_bytes, access=mmap.ACCESS_READ)
        return self._map

    def close(self) -> None:
        """Close; mappings that arrays still look at live as long as those arrays. Twice is harmless."""
        self._map = None
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
