"""What a test writes: one assertion per question; each records what it found and raises unless it is green."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pytest_edgert import recording
from pytest_edgert.agreements import compare_sessions, remedy_for
from pytest_edgert.harness import Finding, judge
from pytest_edgert.latencies import check_latency
from pytest_edgert.recording import settle
from pytest_edgert.records import Budget, CheckRecord
from pytest_edgert.sessions import EdgeSession
from pytest_edgert.tolerances import ToleranceChange
from pytest_edgert.verdicts.budgets import BudgetChoice, parse_budgets

if TYPE_CHECKING:
    from pytest_edgert.tensors import Feeds

#: A budget as text ("p99=5ms"), as parsed limits, or as the `latency_budget` fixture gives it.
BudgetLike: TypeAlias = "str | Budget | Sequence[Budget] | BudgetChoice"


def assert_latency(session: EdgeSession, budget: BudgetLike = ()) -> CheckRecord:
    """Judge the latency of a session against a budget, in fresh workers with the device held alone.

    Args:
        session: The cell; its own worker is not disturbed.
        budget: What to hold it to; none measures only.

    Returns:
        The record, when its verdict is PASS or MEASURED.

    Raises:
        VerdictError: Any other verdict; the error has the record.
        UsageError: The budget cannot be read.
    """
    chosen = _budgets(budget)
    return settle(check_latency(session, chosen.budgets, chosen.notes, chosen.arrival))


def _budgets(budget: BudgetLike) -> BudgetChoice:
    if isinstance(budget, BudgetChoice):
        return budget
    if isinstance(budget, str):
        return BudgetChoice(parse_budgets(budget, "argument of assert_latency"))
    return BudgetChoice((budget,) if isinstance(budget, Budget) else tuple(budget))


def assert_agreement(
    session: EdgeSession,
    reference: EdgeSession,
    feeds: Feeds | None = None,
    *,
    tolerance: Mapping[str, float | str] | None = None,
    reason: str = "",
    indices: Mapping[str, str] | None = None,
) -> CheckRecord:
    """Judge whether a session computes what a reference computes.

    Args:
        session: The session under test.
        reference: Another runtime, variant or artefact of the same network.
        feeds: Feeds of `session`; samples or seeded feeds by default. A comparison on given feeds is recorded only
            when it is not green, so that generated examples do not flood the report.
        tolerance: Changes of the tolerance, named as in gate files, such as ``{"lsb": 1, "sqnr": 40}``.
        reason: Why; required when the tolerance becomes looser.
        indices: Outputs that hold indices, each with the scores they point into: ``{"labels": "scores"}``.

    Returns:
        The record, when its verdict is PASS or MEASURED.

    Raises:
        VerdictError: Any other verdict; the error has the record.
        UsageError: Both sessions are the same computation, a looser tolerance has no reason, or `indices` names no
            output or one that holds no indices.
    """
    asked = ToleranceChange(tolerance or {}, reason, "argument of assert_agreement", indices or {})
    extra = [asked] if tolerance or indices else []

    def find() -> Finding:
        agreement = compare_sessions(session, reference, None if feeds is None else [feeds], extra)
        remedy = "" if agreement.verdict.green else remedy_for(session)
        return Finding(agreement.verdict, f"{agreement.question}: {agreement.reason}", remedy, agreements=(agreement,))

    record = judge("agreement", session, find)
    if feeds is None or not record.verdict.green:
        recording.record(record)
    return settle(record)
