"""The clocks of the project, and a fake beside them: nothing else reads the time.

`monotonic_ns` is the clock of every measured duration. `suspended_ns` tells how long the machine slept,
which the monotonic clock of Linux does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

monotonic_ns: Callable[[], int] = time.perf_counter_ns
sleep_s: Callable[[float], None] = time.sleep
#: Processor time of this process, all threads together.
process_ns: Callable[[], int] = time.process_time_ns


def utc_now() -> str:
    """Return the wall-clock time as ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def suspended_ns() -> int | None:
    """Return the nanoseconds this machine has been suspended since boot, None where no clock tells."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is None:
        return None
    return time.clock_gettime_ns(boottime) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def resolution_ns() -> float:
    """Return the resolution of `monotonic_ns` in nanoseconds, as the platform states it."""
    return time.get_clock_info("perf_counter").resolution * 1e9


@dataclass(slots=True)
class FakeClock:
    """A clock that moves only when told; `now_ns` and `sleep_s` stand in for this module's functions."""

    time_ns: int = 0

    def now_ns(self) -> int:
        """Return the fake time in nanoseconds."""
        return self.time_ns

    def sleep_s(self, seconds: float) -> None:
        """Move the fake time on by `seconds`."""
        self.time_ns += round(seconds * 1e9)
