"""The open loop: each request waits for its intended start, by sleep and then a short spin, and is timed as in the closed one."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass

from pytest_edgert.measure.arrival import Schedule
from pytest_edgert.tensors import Array

#: A sleep ends late by the kernel's timer slack (50 µs by default on Linux, prctl(2) PR_SET_TIMERSLACK) and the time to
#: wake up, so the last stretch is spun; no longer than this share of the interval, for a spinning core does not cool.
_SPIN_S, _SPIN_SHARE = 200e-6, 0.02
#: A longer wait is slept in slices, between which others have their turn.
_SLICE_S = 0.25


@dataclass(slots=True)
class Pacer:
    """Waits for intended starts.

    Args:
        schedule: The intended starts.
        now_ns: The clock.
        sleep_s: Sleeps.
        meanwhile: Called in the slack before a request, once and after each slice of a long wait.
    """

    schedule: Schedule
    now_ns: Callable[[], int]
    sleep_s: Callable[[float], None]
    meanwhile: Callable[[], None]

    def wait(self) -> int:
        """Return the next intended start as soon as it has come: at once when it lies in the past."""
        spin_ns = round(min(_SPIN_S, _SPIN_SHARE * self.schedule.arrival.interval_s) * 1e9)
        while (left_ns := self.schedule.next_ns - self.now_ns() - spin_ns) > 0:
            self.sleep_s(min(left_ns / 1e9, _SLICE_S))
            if left_ns > 2 * _SLICE_S * 1e9:
                self.aside(self.meanwhile)
        intended_ns = self.schedule.take()
        while self.now_ns() < intended_ns:
            pass
        return intended_ns

    def follow(self) -> int:
        """Let arrivals that are due stand still until now, so that no request waits; returns the next intended start."""
        self.schedule.shift(self.now_ns() - self.schedule.next_ns)
        return self.schedule.next_ns

    @property
    def slack_ns(self) -> int:
        """Time until the next intended start, in nanoseconds; negative while requests wait."""
        return self.schedule.next_ns - self.now_ns()

    def aside(self, action: Callable[[], None]) -> None:
        """Do something between two requests; what does not fit into the slack does not count against them.

        The arrivals stand still for as long as it overruns: the requests that wait find the same queue after it.
        """
        began_ns = self.now_ns()
        action()
        self.schedule.shift(self.now_ns() - max(self.schedule.next_ns, began_ns))


@dataclass(frozen=True, slots=True)
class PacedRoom:
    """Where an open loop puts its samples, arrays of one length, (capacity,), int64, in nanoseconds.

    Args:
        service: Durations from real start to end.
        starts: Real starts.
        intended: Intended starts.
    """

    service: Array
    starts: Array
    intended: Array


def sample_paced(run: Callable[[], object], pacer: Pacer, room: PacedRoom, begin: int, count: int) -> None:
    """Time `count` requests of an open loop into ``[begin : begin + count]`` of the room.

    Args:
        run: Runs one inference.
        pacer: Waits for the intended starts.
        room: Where the samples go.
        begin: Index of the first sample to fill.
        count: Requests to time.
    """
    now_ns, service, starts, intended = pacer.now_ns, room.service, room.starts, room.intended
    collecting = gc.isenabled()
    gc.disable()
    try:
        for index in range(begin, begin + count):
            meant = pacer.wait()
            start = now_ns()
            run()
            service[index] = now_ns() - start
            starts[index] = start
            intended[index] = meant
    finally:
        if collecting:
            gc.enable()
