"""How a worker was lost, in words: the signal, the last operation, the tail of its standard error."""

from __future__ import annotations

import signal
from pathlib import Path

from pytest_edgert.errors import WorkerCrashedError, WorkerError, WorkerHungError, WorkerOutOfMemoryError
from pytest_edgert.worker.failures import tells_out_of_memory

_CGROUP_ROOT = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_VMSTAT = Path("/proc/vmstat")

_MEMORY_REMEDY = "Free memory, raise the container's or worker's memory limit, or use a smaller batch."


def oom_kills() -> int | None:
    """Return how often the kernel has killed for memory: in this cgroup (v2), else on this machine; None if untold."""
    for path in (_cgroup_events(), _VMSTAT):
        count = _counter(path, "oom_kill") if path is not None else None
        if count is not None:
            return count
    return None


def _cgroup_events() -> Path | None:
    try:
        lines = _OWN_CGROUP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    own = [line[len("0::") :].lstrip("/") for line in lines if line.startswith("0::")]
    return _CGROUP_ROOT / own[0] / "memory.events" if own else None


def _counter(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    counts = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return int(counts[0]) if counts and counts[0].isdigit() else None


def hung(operation: str, waited_s: float, tail: str) -> WorkerHungError:
    """Return the error for a worker that was silent too long and was killed."""
    return WorkerHungError(
        f"The worker gave no answer to {operation} within {waited_s:g} s and was killed.{_said(tail)}",
        "The runtime hangs, or needs longer on this device: then allow more, for instance --edge-deadline=10m.",
    )


def died(operation: str, exit_status: int | None, tail: str, *, killed_for_memory: bool) -> WorkerError:
    """Return the error for a worker that is gone.

    Args:
        operation: What it was doing.
        exit_status: As `subprocess` has it, minus the number of a signal; None when it still runs without a pipe.
        tail: The end of its standard error.
        killed_for_memory: Whether the kernel has killed for memory meanwhile.
    """
    if exit_status != -signal.SIGKILL and tells_out_of_memory(tail):
        return WorkerOutOfMemoryError(
            f"The worker {_end(exit_status)} in {operation}, for want of memory.{_said(tail)}", _MEMORY_REMEDY
        )
    if exit_status == -signal.SIGKILL and killed_for_memory:
        return WorkerOutOfMemoryError(
            f"The worker was killed in {operation} by the kernel for want of memory (SIGKILL, and the kernel's"
            f" count of out-of-memory kills rose).{_said(tail)}",
            _MEMORY_REMEDY,
        )
    return WorkerCrashedError(f"The worker {_end(exit_status)} in {operation}.{_said(tail)}", _remedy(exit_status))


def _end(exit_status: int | None) -> str:
    if exit_status is None:
        return "closed its pipe without ending"
    if exit_status >= 0:
        return f"ended with exit status {exit_status}"
    name = _signal_name(-exit_status)
    if exit_status == -signal.SIGKILL:
        return f"was killed by {name}, from outside or by the out-of-memory killer,"
    return f"was ended by {name}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _remedy(exit_status: int | None) -> str:
    if exit_status == -signal.SIGKILL:
        return "Look into the kernel's log for an out-of-memory kill."
    return "The runtime or its driver failed; the same call in a small script of its own will show it to its makers."


def _said(tail: str) -> str:
    return f" Its standard error ends with:\n{tail}\n" if tail else " It wrote nothing to its standard error."
