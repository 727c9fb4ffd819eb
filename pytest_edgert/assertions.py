"""What a test writes: one assertion per question; each records what it found and raises unless it is green."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from pytest_edgert.harness import check_latency
from pytest_edgert.recording import settle
from pytest_edgert.records import Budget, CheckRecord
from pytest_edgert.sessions import EdgeSession
from pytest_edgert.verdicts.budgets import BudgetChoice, parse_budgets

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
    return settle(check_latency(session, chosen.budgets, chosen.notes))


def _budgets(budget: BudgetLike) -> BudgetChoice:
    if isinstance(budget, BudgetChoice):
        return budget
    if isinstance(budget, str):
        return BudgetChoice(parse_budgets(budget, "argument of assert_latency"))
    return BudgetChoice((budget,) if isinstance(budget, Budget) else tuple(budget))
