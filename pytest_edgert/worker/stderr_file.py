"""Where a worker's standard error goes: a nameless file whose tail explains a loss, bounded in size."""

from __future__ import annotations

import fcntl
import os
import tempfile

#: How much of the end an error shows, in bytes.
TAIL_BYTES = 2048

#: A larger file is cut down to its tail.
LIMIT_BYTES = 8 * 2**20


class StderrFile:
    """A nameless temporary file that another process appends to."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the worker
        fd = self._file.fileno()
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_APPEND)

    def fileno(self) -> int:
        """Return the descriptor to give to the process."""
        return self._file.fileno()

    @property
    def size_bytes(self) -> int:
        """Current size."""
        return os.fstat(self._file.fileno()).st_size

    def tail(self) -> str:
        """Return the last `TAIL_BYTES`, decoded as far as they can be."""
        if self._file.closed:
            return ""
        return self._tail_bytes().decode("utf-8", "replace").strip()

    def trim(self) -> None:
        """Cut the file down to its tail when it has grown beyond `LIMIT_BYTES`."""
        if self.size_bytes > LIMIT_BYTES:
            tail = self._tail_bytes()
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), tail)

    def _tail_bytes(self) -> bytes:
        return os.pread(self._file.fileno(), TAIL_BYTES, max(0, self.size_bytes - TAIL_BYTES))

    def close(self) -> None:
        """Let go of the file, which is gone then."""
        self._file.close()
