"""How requests arrive: read from text, and as intended starts on the clock of the samples.

Read where options are read, so it needs the standard library only.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import deque
from dataclasses import dataclass, field

from pytest_edgert.errors import UsageError
from pytest_edgert.records import Arrival, Pattern
from pytest_edgert.units import parse_duration, parse_rate

#: Waiting requests are counted up to here.
MOST_WAITING = 100_000
#: Longest and shortest time between requests that a plan may have, in seconds.
_SHORTEST_S, _LONGEST_S = 1e-6, 3600.0
_REMEDY = 'Write "closed", "every 33ms" or "poisson 30/s".'


def parse_arrival(text: str, source: str) -> Arrival:
    """Return the pattern of a text such as ``closed``, ``every 33ms`` or ``poisson 30/s``.

    Args:
        text: The name of the pattern and, where it has one, its interval or rate with a unit.
        source: Who says so, for errors: an option, a gate file's key.

    Raises:
        UsageError: The pattern is unknown, or its number is missing, has no unit or is out of range.
    """
    name, _, number = text.strip().partition(" ")
    if name not in tuple(Pattern):
        raise UsageError(f"{source}: {text!r} is no pattern of arrival.", _REMEDY)
    pattern = Pattern(name)
    if pattern is Pattern.CLOSED:
        if number.strip():
            raise UsageError(f"{source}: {text!r}: a closed loop takes no number, found {number.strip()!r}.", _REMEDY)
        return Arrival()
    if not number.strip():
        wanted = "an interval" if pattern is Pattern.EVERY else "a rate"
        raise UsageError(f"{source}: {text!r} has no number: {name} needs {wanted}.", _REMEDY)
    what = f"{source}: {text!r}"
    interval_s = parse_duration(number, what) if pattern is Pattern.EVERY else 1 / parse_rate(number, what)
    if not _SHORTEST_S <= interval_s <= _LONGEST_S:
        raise UsageError(
            f"{what} means {interval_s:g} s between requests; from {_SHORTEST_S:g} s to {_LONGEST_S:g} s can be done.",
            _REMEDY,
        )
    return Arrival(pattern, interval_s)


def arrival_text(arrival: Arrival) -> str:
    """Return the pattern as people write it: "closed", "every 33 ms", "poisson 30 /s"."""
    if arrival.pattern is Pattern.CLOSED:
        return "closed"
    if arrival.pattern is Pattern.POISSON:
        return f"poisson {1 / arrival.interval_s:.4g} /s"
    for factor, unit in ((60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if arrival.interval_s >= factor and (unit != "min" or arrival.interval_s % 60 == 0):
            return f"every {arrival.interval_s / factor:.4g} {unit}"
    return f"every {arrival.interval_s / 1e-9:.4g} ns"


@dataclass(slots=True)
class Schedule:
    """The intended starts of an open loop, one after the other: the plan alone says them, not how long anything takes.

    Args:
        arrival: The pattern; not closed.
        seed: Seed of random arrivals: the same gaps every time.
        begin_ns: The moment of the first request.
    """

    arrival: Arrival
    seed: int
    begin_ns: int
    _ahead: deque[int] = field(default_factory=deque)
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._random.seed(self.seed)
        self._ahead.append(self.begin_ns)

    @property
    def next_ns(self) -> int:
        """When the next request is meant to start."""
        return self._ahead[0]

    def take(self) -> int:
        """Return when the next request is meant to start, and go on to the one after it."""
        if len(self._ahead) == 1:
            self._extend()
        return self._ahead.popleft()

    def due(self, now_ns: int) -> list[int]:
        """Return the intended starts up to `now_ns` that are not taken, in order; about `MOST_WAITING` at most."""
        while self._ahead[-1] <= now_ns and len(self._ahead) <= MOST_WAITING:
            self._extend()
        return list(itertools.takewhile(lambda moment: moment <= now_ns, self._ahead))

    def shift(self, by_ns: int) -> None:
        """Let the arrivals stand still for a while: every request that is not taken yet comes later."""
        if by_ns > 0:
            self._ahead = deque(moment + by_ns for moment in self._ahead)

    def _extend(self) -> None:
        self._ahead.append(self._ahead[-1] + max(1, round(self._gap_s() * 1e9)))

    def _gap_s(self) -> float:
        if self.arrival.pattern is Pattern.EVERY:
            return self.arrival.interval_s
        # Exponential gaps make a Poisson process; random() is the same on every version of Python, expovariate need not be.
        return -math.log(1.0 - self._random.random()) * self.arrival.interval_s
