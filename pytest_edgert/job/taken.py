"""The samples that a loop has taken so far, in arrays that double when they are full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pytest_edgert.measure.arrival import Schedule
from pytest_edgert.measure.loop import sample_into
from pytest_edgert.measure.paced import PacedRoom, Pacer, sample_paced
from pytest_edgert.measure.samples import LatencySamples
from pytest_edgert.tensors import Array

FIRST_CAPACITY = 4_096


def _room() -> Array:
    return np.zeros(FIRST_CAPACITY, np.int64)


def _longest_queue(intended: Array, ends: Array, schedule: Schedule) -> int:
    """Return the most requests that were due and not yet started when one of a block ended, both arrays (block,)."""
    arrived = np.concatenate((intended, np.array(schedule.due(int(ends[-1])), np.int64)))
    served = np.arange(1, len(ends) + 1)
    return int((np.searchsorted(arrived, ends, side="right") - served).max())


@dataclass(slots=True)
class Taken:
    """Takes samples, back to back or, with a pacer, at their intended starts.

    Args:
        run: Runs one inference.
        now_ns: The clock.
        pacer: Waits for the intended starts of an open loop; None in a closed one.
        n: Samples so far.
        queue: Most requests that waited at once so far.
    """

    run: Callable[[], object]
    now_ns: Callable[[], int]
    pacer: Pacer | None = None
    n: int = 0
    queue: int = 0
    _service: Array = field(default_factory=_room)
    _starts: Array = field(default_factory=_room)
    _intended: Array = field(default_factory=_room)
    _responses: Array = field(default_factory=_room)

    def take(self, count: int) -> None:
        """Time `count` more inferences."""
        self._make_room(self.n + count)
        if self.pacer is None:
            sample_into(self.run, self._service, self._starts, self.n, count, self.now_ns)
        else:
            room = PacedRoom(self._service, self._starts, self._intended)
            sample_paced(self.run, self.pacer, room, self.n, count)
            block = slice(self.n, self.n + count)
            self._responses[block] = self._service[block] + self._starts[block] - self._intended[block]
            ends = self._starts[block] + self._service[block]
            self.queue = max(self.queue, _longest_queue(self._intended[block], ends, self.pacer.schedule))
        self.n += count

    def go_on_from(self, prior: LatencySamples) -> None:
        """Begin with the samples that an attempt before took; they count as if they were taken here."""
        self._make_room(len(prior.starts_ns))
        self.n = len(prior.starts_ns)
        self.queue = prior.queue
        self._service[: self.n] = prior.durations_ns if prior.service_ns is None else prior.service_ns
        self._starts[: self.n] = prior.starts_ns
        if self.pacer is not None and prior.intended_ns is not None:
            self._intended[: self.n], self._responses[: self.n] = prior.intended_ns, prior.durations_ns

    def _make_room(self, needed: int) -> None:
        names = ["_service", "_starts"] if self.pacer is None else ["_service", "_starts", "_intended", "_responses"]
        while needed > len(self._service):
            for name in names:
                array: Array = getattr(self, name)
                setattr(self, name, np.concatenate((array, np.zeros_like(array))))

    def forget(self) -> None:
        """Begin again with no sample; the rooms stay."""
        self.n = 0

    @property
    def durations_ns(self) -> Array:
        """What is judged, (n,): durations, in an open loop response times."""
        return (self._service if self.pacer is None else self._responses)[: self.n]

    @property
    def starts_ns(self) -> Array:
        """Real starts, (n,)."""
        return self._starts[: self.n]

    @property
    def service_ns(self) -> Array:
        """Durations from real start to end, (n,)."""
        return self._service[: self.n]

    @property
    def intended_ns(self) -> Array | None:
        """Intended starts, (n,); None in a closed loop."""
        return None if self.pacer is None else self._intended[: self.n]
