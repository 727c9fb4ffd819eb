from __future__ import annotations

import pytest

from pytest_edgert.plugin.state import SETTINGS, settings_of
from pytest_edgert.records import Budget


@pytest.mark.parametrize("text", ["5", "-1ms", "5parsec", "p101=5ms", "nan", "p95=", "", "5ms,5ms"])
def test_a_budget_that_is_none_ends_with_one_line_and_a_remedy(project: pytest.Pytester, text: str) -> None:
    result = project.runpytest_inprocess(f"--latency-budget={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    assert line.startswith("ERROR: --latency-budget: ")
    assert "5ms" in line


def test_a_bare_duration_is_p95(project: pytest.Pytester) -> None:
    settings = settings_of(project.parseconfigure("--latency-budget=5ms"))
    assert settings.budgets == (Budget(95.0, 0.005, "--latency-budget"),)
    assert settings.budget_text == "--latency-budget=5ms"


def test_percentiles_are_read_in_order(project: pytest.Pytester) -> None:
    settings = settings_of(project.parseconfigure("--latency-budget=p50=2ms,p99=5ms"))
    assert [budget.name for budget in settings.budgets] == ["p50", "p99"]


def test_the_ini_file_gives_a_weaker_budget(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nlatency_budget = 7ms")
    settings = settings_of(project.parseconfigure("--latency-budget=5ms"))
    assert [budget.limit_s for budget in settings.budgets] == [0.005]
    assert [budget.limit_s for budget in settings.ini_budgets] == [0.007]


def test_a_wrong_budget_in_the_ini_file_names_the_file(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nlatency_budget = 5")
    result = project.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: latency_budget in *tox.ini: '5' has no unit*"])


def test_without_options_nothing_is_read(project: pytest.Pytester) -> None:
    assert SETTINGS not in project.parseconfigure().stash
