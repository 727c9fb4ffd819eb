"""What a worker does to itself first: die with its parent, keep its own pipe, import from no chance folder.

Imports neither NumPy nor anything of ours, for the limits set here must hold while those are loaded.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import select
import signal
import sys
import threading

#: ``PR_SET_PDEATHSIG`` of linux/prctl.h.
_PR_SET_PDEATHSIG = 1

#: The client asks for the Python stack of a hung worker with this signal; faulthandler's handler is C and
#: needs no GIL, so it answers in the middle of a native call too.
STACK_SIGNAL = signal.SIGUSR1


def die_with_parent(parent_pid: int, pipe_fd: int) -> None:
    """End this process as soon as its parent is gone, in a native call that holds the GIL too (Linux).

    Args:
        parent_pid: The process that started this one; 0 when a transport lies between.
        pipe_fd: The pipe from the client, watched where the kernel sends no parent-death signal.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent_pid and os.getppid() != parent_pid:
        os._exit(1)
    if sys.platform != "linux" or not parent_pid:
        threading.Thread(target=_watch_pipe, args=(pipe_fd,), name="edgert-watchdog", daemon=True).start()


def _watch_pipe(pipe_fd: int) -> None:
    watch = select.poll()
    watch.register(pipe_fd, 0)
    watch.poll()
    os._exit(1)


def keep_pipe() -> tuple[int, int]:
    """Move the pipe away from descriptors 0 and 1; returns (read, write).

    Native code that prints, prints to the standard error from now on; native code that reads, reads nothing.
    """
    read_fd, write_fd = os.dup(0), os.dup(1)
    null_fd = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_fd, 0)
    os.close(null_fd)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return read_fd, write_fd


def explain_crashes() -> None:
    """Have the Python stack written to the standard error on a fatal signal and on `STACK_SIGNAL`."""
    faulthandler.enable(all_threads=False)
    faulthandler.register(STACK_SIGNAL, all_threads=False)


def limit_memory(limit_bytes: int) -> None:
    """Bound the address space of this process."""
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def leave_current_folder() -> None:
    """Take the current folder, which ``python -m`` puts first, off the module path (Python 3.11 has ``-P``)."""
    if not getattr(sys.flags, "safe_path", False) and sys.path and sys.path[0] in ("", os.getcwd()):  # noqa: PTH109
        del sys.path[0]
