"""The worker's own process: ``python -m pytest_edgert.worker.server``.

Importing this module brings in nothing heavy: NumPy and the operations are loaded after the limits hold.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_edgert.worker import guard

if TYPE_CHECKING:
    from pytest_edgert.worker.channel import Channel


def main(arguments: Sequence[str]) -> None:
    """Serve one client until it goes; ends the process and never returns."""
    settings = _parse(arguments)
    read_fd, write_fd = guard.keep_pipe()
    guard.die_with_parent(settings.parent, read_fd)
    guard.leave_current_folder()
    guard.explain_crashes()
    if settings.memory_limit:
        guard.limit_memory(settings.memory_limit)
    from pytest_edgert.worker.service import serve

    serve(_channel(read_fd, write_fd, settings))
    sys.stderr.flush()
    # The interpreter's own end would run the vendors' teardown, which may crash or hang with nothing at stake.
    os._exit(0)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="pytest_edgert.worker.server")
    parser.add_argument("--parent", type=int, default=0, help="pid of the process that starts this one")
    parser.add_argument("--memory-limit", type=int, default=0, help="address space in bytes, 0 for no limit")
    parser.add_argument("--payload-limit", type=int, required=True, help="largest tensors of one frame in bytes")
    parser.add_argument("--shared-in", type=int, default=-1, help="descriptor of shared memory from the client")
    parser.add_argument("--shared-out", type=int, default=-1, help="descriptor of shared memory to the client")
    return parser.parse_args(arguments)


def _channel(read_fd: int, write_fd: int, settings: argparse.Namespace) -> Channel:
    from pytest_edgert.worker.buffers import SharedReader, SharedWriter
    from pytest_edgert.worker.channel import Channel
    from pytest_edgert.worker.packing import read_only
    from pytest_edgert.worker.pipe import Pipe

    for fd in (settings.shared_in, settings.shared_out):
        if fd >= 0:
            fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    return Channel(
        Pipe(read_fd, write_fd, settings.payload_limit),
        SharedWriter(settings.shared_out) if settings.shared_out >= 0 else None,
        SharedReader(settings.shared_in) if settings.shared_in >= 0 else None,
        read_only,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
