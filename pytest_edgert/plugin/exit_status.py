"""When a run that looks green to pytest is not: nothing judged, nothing run, hardware skipped in acceptance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_edgert.records import Verdict
from pytest_edgert.reports.items import ItemOutcome, Outcome

#: pytest's own exit statuses (`pytest.ExitCode`).
OK, TESTS_FAILED, NO_TESTS = 0, 1, 5

#: Verdicts of an item that count as an answer of a gate.
_ANSWERS = (Verdict.PASS, Verdict.MEASURED, Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class Ending:
    """The exit status of the run, and a line for each reason it was changed for."""

    status: int
    reasons: tuple[str, ...] = ()


def decide(
    status: int, items: Sequence[ItemOutcome], *, gate_asked: bool, accept: bool, missing_required: Sequence[str] = ()
) -> Ending:
    """Return how the run ends.

    Args:
        status: What pytest would exit with; only 0 and 5 (no tests) may change.
        items: What became of every item on a cell, those not run too.
        gate_asked: Whether a gate was asked for.
        accept: Whether the run is an acceptance.
        missing_required: Of each target that must be present and is not, why.
    """
    if status not in {OK, NO_TESTS}:
        return Ending(status)
    reasons = [f"required: {why}" for why in missing_required]
    if gate_asked and not any(item.gate and item.verdict in _ANSWERS for item in items):
        reasons.append(f"no cell of the gate got a verdict or a figure: {_why_not(items)}")
    if accept:
        reasons += _not_accepted(items)
    missing = sum(item.outcome is Outcome.NOTRUN for item in items)
    if missing:
        reasons.append(f"{missing} planned {_tests(missing)} did not run")
    return Ending(TESTS_FAILED, tuple(reasons)) if reasons else Ending(status)


def _why_not(items: Sequence[ItemOutcome]) -> str:
    gate = [item for item in items if item.gate]
    if not gate:
        return "none was collected or selected"
    count = {outcome: sum(item.outcome is outcome for item in gate) for outcome in Outcome}
    return ", ".join(f"{n} {outcome.value}" for outcome, n in count.items() if n)


def _not_accepted(items: Sequence[ItemOutcome]) -> list[str]:
    skipped = sum(item.outcome is Outcome.SKIPPED and item.applies for item in items)
    if not items:
        return ["acceptance: no test on a model ran"]
    return [f"acceptance: {skipped} {_tests(skipped)} on a model skipped"] if skipped else []


def _tests(count: int) -> str:
    return "test" if count == 1 else "tests"
