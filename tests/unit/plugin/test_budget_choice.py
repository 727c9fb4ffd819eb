"""Which budget applies, and what is told of those it overrode."""

from __future__ import annotations

import pytest

from pytest_edgert.plugin.setting import choose_budget
from pytest_edgert.plugin.settings import Settings
from pytest_edgert.records import Budget
from pytest_edgert.verdicts.budgets import BudgetChoice

LINE = Budget(95.0, 0.005, "--latency-budget")
GATE = Budget(99.0, 0.0005, "net.edge.toml:3")
INI = Budget(50.0, 3.0, "latency_budget in pytest.ini")


def test_the_command_line_wins_and_tells_what_it_overrode() -> None:
    choice = choose_budget(None, Settings(budgets=(LINE,), ini_budgets=(INI,)), (GATE,))
    assert choice.budgets == (LINE,)
    assert choice.notes == (
        "overrides p99 <= 500 µs from net.edge.toml:3",
        "overrides p50 <= 3 s from latency_budget in pytest.ini",
    )


def test_the_mark_wins_over_all() -> None:
    mark = pytest.mark.latency_budget("p95=1ms").mark
    choice = choose_budget(mark, Settings(budgets=(LINE,)), (GATE,))
    assert [budget.limit_s for budget in choice.budgets] == [0.001]


def test_a_budget_that_overrides_nothing_needs_no_note() -> None:
    assert choose_budget(None, Settings(), (GATE,)) == BudgetChoice((GATE,), ())
    assert choose_budget(None, Settings(), ()) == BudgetChoice(())
