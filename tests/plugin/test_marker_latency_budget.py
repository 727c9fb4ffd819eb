from __future__ import annotations

import pytest


def run_marked(project: pytest.Pytester, mark: str) -> pytest.RunResult:
    project.makepyfile(f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass\n")
    return project.runpytest_inprocess("--strict-markers")


def test_a_right_budget_runs(project: pytest.Pytester) -> None:
    run_marked(project, "latency_budget('p99=5ms, p50=2ms')").assert_outcomes(passed=1)


@pytest.mark.parametrize("arguments", ["'5'", "", "5", "'5ms', 'p99=9ms'", "limit='5ms'"])
def test_a_wrong_budget_fails_its_test(project: pytest.Pytester, arguments: str) -> None:
    result = run_marked(project, f"latency_budget({arguments})")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL: *latency_budget*"])
