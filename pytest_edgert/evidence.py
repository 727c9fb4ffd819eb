"""Evidence that a test gathered before, when something runs the same test again.

A sequential test may go on after a pause, and may not start anew until it likes the answer: a re-run (of
pytest-rerunfailures, say) continues the samples of the attempt before, and what was decided stays decided. Only
samples that nobody could trust, and those of a lost worker, are left behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_edgert.records import Verdict

if TYPE_CHECKING:
    from pytest_edgert.harness import Finding
    from pytest_edgert.measure.samples import LatencySamples

#: Verdicts that no later attempt can take back.
_DECIDED = (Verdict.PASS, Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one check of a test left: what it found and, where it goes on from there, its samples."""

    found: Finding
    samples: LatencySamples | None = None

    @property
    def decided(self) -> bool:
        """Whether there is nothing left to measure."""
        return self.found.verdict in _DECIDED


@dataclass(slots=True)
class Evidence:
    """What every test of this process has gathered so far, by test and by the turn of its latency checks."""

    _kept: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    _attempt: tuple[str, int] = ("", 0)
    _turn: int = 0

    def turn(self, test: str, attempt: int) -> tuple[str, int]:
        """Return the key of the next latency check of a test in an attempt (from 1); the first attempt starts anew."""
        if (test, attempt) != self._attempt:
            self._attempt, self._turn = (test, attempt), 0
            if attempt <= 1:
                self._kept = {key: kept for key, kept in self._kept.items() if key[0] != test}
        self._turn += 1
        return test, self._turn

    def before(self, key: tuple[str, int]) -> Attempt | None:
        """Return what the attempt before left, None in a first one and outside of tests."""
        return self._kept.get(key) if key[0] else None

    def keep(self, key: tuple[str, int], attempt: Attempt) -> None:
        """Keep what an attempt left; outside of tests nothing is kept."""
        if key[0]:
            self._kept[key] = attempt
