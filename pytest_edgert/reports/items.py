"""What became of a test item: the words that reports use beside the records of its checks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pytest_edgert.records import Cell, Verdict


class Outcome(str, Enum):
    """How a test item ended, as pytest counts it."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    NOTRUN = "notrun"


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """One test item on a cell.

    Args:
        nodeid: The item's id, which pytest takes to run it alone.
        outcome: How it ended.
        verdict: Worst verdict of its checks; None when it left none.
        check: Name of its test function.
        cell: What it was about; None when that cannot be told.
        gate: Whether it belongs to the built-in gate.
        reason: Why it was skipped, not run or could not be judged.
        remedy: What to do about it.
        applies: False where it was skipped for it has nothing to judge on this artefact.
    """

    nodeid: str
    outcome: Outcome
    verdict: Verdict | None = None
    check: str = ""
    cell: Cell | None = None
    gate: bool = False
    reason: str = ""
    remedy: str = ""
    applies: bool = True
