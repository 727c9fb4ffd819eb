"""What goes on beside a loop, between two blocks of inferences: progress, sensors, and evidence that outlives the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from pytest_edgert.job.taken import Taken
from pytest_edgert.measure.paced import Pacer
from pytest_edgert.records import Plain
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.quantile import sample_quantile

Report: TypeAlias = Callable[[Mapping[str, Plain]], None]
#: Takes a part of the samples: plain values and arrays by name, as `LatencySamples.from_wire` reads them.
Keep: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Array]], None]

#: Progress is reported no more often than this.
REPORT_S = 0.25
#: Samples a progress estimate is made of, the latest ones.
_ESTIMATE_N = 10_000
#: The first part of the samples is handed on after this time, and the next ones so often: what a loss can cost.
_KEEP_S = 2.0
#: A reading that found no slack for so many intervals is taken all the same; the arrivals stand still meanwhile.
_OVERDUE = 4


class Watching(Protocol):
    """What reads sensors: `job.watch.Watch`."""

    def look(self) -> bool:
        """Read if the next reading is due; return whether it was."""


@dataclass(slots=True)
class Progress:
    """Reports where a measurement stands, at most every `REPORT_S`.

    Args:
        report: Takes the fields.
        now_ns: The clock.
        began_ns: When the measurement began.
        percentile: Which percentile is estimated on the way.
        last_ns: When it was last reported.
    """

    report: Report
    now_ns: Callable[[], int]
    began_ns: int
    percentile: float
    last_ns: int

    def warming(self, n: int, elapsed_s: float) -> None:
        """Report a warm-up of `n` inferences and `elapsed_s`."""
        if self._due():
            self.report({"phase": "warm-up", "n": n, "elapsed_s": elapsed_s})

    def sampling(self, n: int, durations_ns: Array) -> None:
        """Report `n` inferences, and the percentile of the latest of these durations."""
        if not self._due():
            return
        fields: dict[str, Plain] = {"phase": "sampling", "n": n, "elapsed_s": (self.last_ns - self.began_ns) / 1e9}
        if len(durations_ns):
            recent = np.sort(durations_ns[-_ESTIMATE_N:])
            fields["percentile"] = self.percentile
            fields["estimate_s"] = sample_quantile(recent, self.percentile / 100) / 1e9
        self.report(fields)

    def _due(self) -> bool:
        now = self.now_ns()
        due = now - self.last_ns >= REPORT_S * 1e9
        self.last_ns = now if due else self.last_ns
        return due


@dataclass(slots=True)
class Readings:
    """Looks at the sensors when there is slack for it.

    Args:
        watch: Reads the sensors when a reading is due.
        interval_s: Time between two readings.
        now_ns: The clock.
        pacer: The pacer of an open loop; in a closed one there is always time.
        longest_ns: What the longest reading took.
        last_ns: When was the last one.
    """

    watch: Watching
    interval_s: float
    now_ns: Callable[[], int]
    pacer: Pacer | None
    longest_ns: int = 0
    last_ns: int = 0

    def look(self) -> None:
        """Read if it is due and the slack before the next request is long enough, or no slack came for long."""
        began = self.now_ns()
        overdue = began - self.last_ns >= _OVERDUE * self.interval_s * 1e9
        if self.pacer is not None and self.pacer.slack_ns < self.longest_ns and not overdue:
            return
        if self.watch.look():
            self.last_ns = began
            self.longest_ns = max(self.longest_ns, self.now_ns() - began)


@dataclass(slots=True)
class Keeping:
    """Hands the samples on in parts while they are taken, so that those so far survive a lost worker.

    Args:
        keep: Takes a part; None keeps nothing.
        head: What goes with each part beside the arrays: the header of the samples so far.
        now_ns: The clock.
        last_ns: When the sampling began, and then when the last part went.
        sent: Samples handed on.
    """

    keep: Keep | None
    head: Mapping[str, Any]
    now_ns: Callable[[], int]
    last_ns: int
    sent: int = 0

    def look(self, taken: Taken) -> None:
        """Hand on what came since the last part, if it is time."""
        if self.keep is None or self.now_ns() - self.last_ns < _KEEP_S * 1e9:
            return
        self.last_ns = self.now_ns()
        new = slice(self.sent, taken.n)
        part = {"durations_ns": taken.durations_ns[new], "starts_ns": taken.starts_ns[new]}
        if taken.intended_ns is not None:
            part.update(service_ns=taken.service_ns[new], intended_ns=taken.intended_ns[new])
        self.keep({**self.head, "queue": taken.queue}, part)
        self.sent = taken.n
