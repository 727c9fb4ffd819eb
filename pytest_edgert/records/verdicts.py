"""The one table of verdicts, which every report reads, and which of two is worse."""

from __future__ import annotations

from enum import Enum


class Verdict(str, Enum):
    """What a check found. `meaning`, `outcome` and `green` are read by every report."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    MEASURED = "MEASURED"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    INFRA = "INFRA"
    NOTRUN = "NOTRUN"

    @property
    def meaning(self) -> str:
        """When this verdict is given."""
        return _VERDICTS[self][0]

    @property
    def outcome(self) -> str:
        """What pytest shows: ``passed``, ``failed`` or ``error``."""
        return _VERDICTS[self][1]

    @property
    def green(self) -> bool:
        """Whether the exit status may stay zero."""
        return self.outcome == "passed"


_VERDICTS: dict[Verdict, tuple[str, str]] = {
    Verdict.PASS: ("evidence says within the limit", "passed"),
    Verdict.FAIL: ("evidence says beyond the limit", "failed"),
    Verdict.MEASURED: ("no limit was given: a figure", "passed"),
    Verdict.INCONCLUSIVE: ("not enough evidence, or nothing independent to compare with", "failed"),
    Verdict.INVALID: ("the measurement cannot be trusted", "error"),
    Verdict.INFRA: ("device, link or worker lost", "error"),
    Verdict.NOTRUN: ("never dispatched", "error"),
}

#: From best to worst: a check of several parts ends with the last of its parts' verdicts in this order.
SEVERITY = (
    Verdict.MEASURED,
    Verdict.PASS,
    Verdict.INCONCLUSIVE,
    Verdict.FAIL,
    Verdict.INVALID,
    Verdict.NOTRUN,
    Verdict.INFRA,
)


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict of a check of several parts: the most severe, MEASURED when there is none."""
    return max(verdicts, key=SEVERITY.index, default=Verdict.MEASURED)
