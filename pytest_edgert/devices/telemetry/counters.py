"""What stands between a sensor and a reading: implausible numbers are none, counters that wrap are made to go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_edgert.devices.telemetry.quantities import plausible, unit_of


class Counter:
    """One cumulative counter; call it with each number.

    A counter that wraps goes on from where it was, if it is read at least once in half a turn: a step back of less
    than that is taken for what it is, a counter that was reset or lies. From then on there is no reading, since what
    was counted in between is lost, and `trouble` says so.

    Args:
        wraps_at: The largest number before it starts at 0 again; None when it never does.
    """

    def __init__(self, wraps_at: float | None = None) -> None:
        self._wraps_at = wraps_at
        self._last: float | None = None
        self._turned = 0.0
        self.trouble = ""

    def __call__(self, number: float | None) -> float | None:
        """Return what was counted up to this number, wraps included; None without a number and after a step back."""
        if number is None or self.trouble:
            return None
        if self._wraps_at is not None and number > self._wraps_at:
            return None  # Not of this counter: it cannot be that high.
        if self._last is not None and number < self._last:
            if self._wraps_at is None or self._last - number <= self._wraps_at / 2:
                self.trouble = f"It went back from {self._last:g} to {number:g}: what it counted since is not known."
                return None
            self._turned += self._wraps_at
        self._last = number
        return self._turned + number


class Sieve:
    """Makes readings of the numbers of several sensors.

    Args:
        wraps: Names of the sensors, each with the largest number of its counter; None where it never wraps or the
            sensor is no counter.
    """

    def __init__(self, wraps: Mapping[str, float | None]) -> None:
        self._names = tuple(wraps)
        self._counters = {name: Counter(wraps_at) for name, wraps_at in wraps.items() if _counts(name)}
        self._gone: dict[str, str] = {}

    @classmethod
    def of(cls, names: Iterable[str]) -> Sieve:
        """Return a sieve for sensors none of which wraps."""
        return cls(dict.fromkeys(names))

    def __call__(self, numbers: Mapping[str, float | None]) -> dict[str, float | None]:
        """Return every sensor by name; None without a number, for one that cannot be, and for what vanished."""
        return {name: self._reading(name, numbers.get(name)) for name in self._names}

    def lose(self, name: str, reason: str) -> None:
        """Read nothing from a sensor any more."""
        self._gone.setdefault(name, reason)

    def has_lost(self, name: str) -> bool:
        """Return whether a sensor vanished."""
        return name in self._gone

    def troubles(self) -> dict[str, str]:
        """Return a sentence for each sensor that vanished or counted back."""
        back = {name: counter.trouble for name, counter in self._counters.items() if counter.trouble}
        return {**back, **self._gone}

    def _reading(self, name: str, number: float | None) -> float | None:
        sensible = None if number is None or name in self._gone else plausible(name, number)
        counter = self._counters.get(name)
        return sensible if counter is None else counter(sensible)


def _counts(name: str) -> bool:
    unit = unit_of(name)
    return unit is not None and unit.cumulative
