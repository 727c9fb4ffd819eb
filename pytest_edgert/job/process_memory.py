"""The memory of this process, as its kernel counts it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def peak_rss_bytes() -> int:
    """Return the largest resident set of this process so far, or since `reset_peak_rss`, in bytes.

    From ``VmHWM`` of proc(5) on Linux, else from ``ru_maxrss`` of getrusage(2), which nothing resets.
    """
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak_rss() -> bool:
    """Start the peak of `peak_rss_bytes` anew; returns False where this kernel does not allow it."""
    try:
        _CLEAR_REFS.write_text("5", encoding="ascii")  # 5 resets the peak, proc_pid_clear_refs(5)
    except OSError:
        return False
    return True
