"""What pytest-benchmark is told of latency tests; the verdicts are hand-made, the two plugins are real."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from verdict_cases import LEAVE

from pytest_edgert.plugin import benchmark_entry

#: ``measure("FAIL", 1, 2, 3)`` leaves a latency verdict and its samples, in milliseconds.
MEASURE = (
    LEAVE
    + """
import itertools
from pathlib import Path
import numpy as np
from pytest_edgert.measure.samples import LatencySamples, write_samples
from pytest_edgert.records import Budget, BudgetVerdict, Latency, Quantile

COUNT = itertools.count()

def measure(verdict, *samples_ms, cut_n=0):
    ns = np.array(samples_ms, dtype=np.int64) * 1_000_000
    path = Path(f"{next(COUNT)}.safetensors").absolute()
    digest = write_samples(path, LatencySamples(ns, np.cumsum(ns), 1, 1, 1, "the evidence sufficed"))
    p95 = Quantile(95.0, 0.003, 0.002, None)
    budget = BudgetVerdict(Budget(95.0, 0.005, "test"), Verdict(verdict), p95, 0)
    latency = Latency((budget,), (p95,), len(ns), 2.5, 1.2, 1.0, 1.0, 1, 1.0, 1.0, "enough", str(path), digest, cut_n=cut_n)
    settle(record(CheckRecord("latency", CELL, Verdict(verdict), f"because of {verdict}.", latency=latency)))
"""
)
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(project: pytest.Pytester, write_models: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run tests that leave hand-made latencies, under pytest-benchmark, with warnings as errors."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:cacheprovider -p no:xdist")
    # pytest-benchmark disables itself where this says that the tests are run by pytest-xdist.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    write_models("digits.onnx")
    project.makeini("[pytest]\nfilterwarnings = error")

    def run_tests(tests: str, *arguments: str, save: bool = True) -> pytest.RunResult:
        project.makepyfile(test_made=MEASURE + tests)
        # pytest-benchmark warns when it is to save and has no entry.
        saving = ["--benchmark-json=out.json"] if save else []
        return project.runpytest_inprocess(
            "--edge-target=onnxruntime:cpu", "--benchmark-columns=rounds", *saving, *arguments
        )

    return run_tests


def entries(pytester: pytest.Pytester) -> dict[str, dict[str, Any]]:
    """Return what pytest-benchmark wrote, by the name of the test function; empty when it wrote nothing."""
    path = pytester.path / "out.json"
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    return {one["name"].replace("[digits.onnx-onnxruntime:cpu]", ""): one for one in found}


def test_an_entry_has_the_samples_in_seconds_and_in_order(run: Run, pytester: pytest.Pytester) -> None:
    result = run("def test_it(edge_session, latency_budget):\n    measure('PASS', 3, 1, 2)\n")
    assert result.ret == 0
    stats = entries(pytester)["test_it"]["stats"]
    assert stats["data"] == [0.003, 0.001, 0.002]
    assert (stats["rounds"], stats["iterations"]) == (3, 1)


def test_a_head_that_was_cut_off_as_warm_up_is_not_in_the_entry(run: Run, pytester: pytest.Pytester) -> None:
    run("def test_it(edge_session, latency_budget):\n    measure('PASS', 9, 3, 1, 2, cut_n=1)\n")
    assert entries(pytester)["test_it"]["stats"]["data"] == [0.003, 0.001, 0.002]


@pytest.mark.slow
def test_an_entry_tells_verdict_percentiles_limit_and_cell(run: Run, pytester: pytest.Pytester) -> None:
    run("def test_it(edge_session, latency_budget):\n    measure('PASS', 3, 1, 2)\n")
    entry = entries(pytester)["test_it"]
    told = entry["extra_info"]
    assert (told["verdict"], told["reason"]) == ("PASS", "because of PASS.")
    assert (told["p95_s"], told["p95_low_s"], told["p95_high_s"], told["p95_limit_s"]) == (0.003, 0.002, None, 0.005)
    assert (told["artefact"], told["target"]) == ("digits.onnx", "onnxruntime:cpu")
    assert (told["samples"], told["samples_fed"]) == (3, 3)
    assert entry["params"] == {"edge_target": "digits.onnx-onnxruntime:cpu"}


@pytest.mark.parametrize("verdict", ["PASS", "MEASURED"])
def test_a_green_verdict_is_saved(run: Run, pytester: pytest.Pytester, verdict: str) -> None:
    run(f"def test_it(edge_session, latency_budget):\n    measure('{verdict}', 3, 1, 2)\n")
    assert list(entries(pytester)) == ["test_it"]


@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", "INVALID"])
def test_any_other_verdict_is_shown_and_not_saved(run: Run, pytester: pytest.Pytester, verdict: str) -> None:
    result = run(f"def test_it(edge_session, latency_budget):\n    measure('{verdict}', 3, 1, 2)\n")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["test_it*3*"])
    assert entries(pytester) == {}


@pytest.mark.slow
def test_an_inconclusive_verdict_that_is_a_skip_is_not_saved(run: Run, pytester: pytest.Pytester) -> None:
    tests = "def test_it(edge_session, latency_budget):\n    measure('INCONCLUSIVE', 3, 1, 2)\n"
    run(tests, "--edge-inconclusive=skip").assert_outcomes(skipped=1)
    assert entries(pytester) == {}


@pytest.mark.slow
def test_a_test_that_fails_after_its_verdict_is_not_saved(run: Run, pytester: pytest.Pytester) -> None:
    run("def test_it(edge_session, latency_budget):\n    measure('PASS', 3, 1, 2)\n    assert False\n")
    assert entries(pytester) == {}


@pytest.mark.slow
def test_a_test_without_the_budget_fixture_is_an_entry_too(run: Run, pytester: pytest.Pytester) -> None:
    assert run("def test_it(edge_session):\n    measure('PASS', 3, 1, 2)\n").ret == 0
    assert list(entries(pytester)) == ["test_it"]


@pytest.mark.slow
def test_two_measurements_of_one_test_are_two_entries(run: Run, pytester: pytest.Pytester) -> None:
    run("def test_it(edge_session, latency_budget):\n    measure('PASS', 1)\n    measure('PASS', 2, 3)\n")
    found = entries(pytester)
    assert {name: one["stats"]["rounds"] for name, one in found.items()} == {"test_it": 1, "test_it #2": 2}
    assert found["test_it #2"]["fullname"].endswith("[digits.onnx-onnxruntime:cpu] #2")


@pytest.mark.slow
def test_a_test_with_a_benchmark_of_its_own_is_left_alone(run: Run, pytester: pytest.Pytester) -> None:
    tests = "def test_it(edge_session, latency_budget, benchmark):\n    benchmark(int)\n    measure('PASS', 3, 1, 2)\n"
    assert run(tests, "--benchmark-max-time=0.01").ret == 0
    assert entries(pytester)["test_it"]["extra_info"] == {}


def test_a_latency_test_that_measures_nothing_raises_no_warning(run: Run, pytester: pytest.Pytester) -> None:
    tests = """
def test_skips(edge_session, latency_budget):
    pytest.skip("no time")

def test_fails(edge_session, latency_budget):
    assert False

def test_judges_something_else(edge_session, latency_budget):
    leave("PASS", "size")
"""
    run(tests, save=False).assert_outcomes(skipped=1, failed=1, passed=1, warnings=0)


LATENCY_AND_OTHERS = """
def test_with_fixture(edge_session, latency_budget):
    measure("PASS", 3, 1, 2)

@pytest.mark.latency_budget("5ms")
def test_with_mark(edge_session):
    measure("PASS", 3, 1, 2)

def test_of_something_else(edge_session):
    leave("PASS", "size")
"""


@pytest.mark.slow
def test_benchmark_only_runs_what_uses_or_is_marked_latency_budget(run: Run, pytester: pytest.Pytester) -> None:
    run(LATENCY_AND_OTHERS, "--benchmark-only").assert_outcomes(passed=2, skipped=1)
    assert sorted(entries(pytester)) == ["test_with_fixture", "test_with_mark"]


def test_benchmark_skip_leaves_out_what_uses_or_is_marked_latency_budget(run: Run, pytester: pytest.Pytester) -> None:
    tests = LATENCY_AND_OTHERS + "\ndef test_unmarked(edge_session):\n    measure('PASS', 1)\n"
    result = run(tests, "--benchmark-skip", save=False)
    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.no_fnmatch_line("*test_unmarked*")


def test_benchmark_disable_judges_and_enters_nothing(run: Run, pytester: pytest.Pytester) -> None:
    run(LATENCY_AND_OTHERS, "--benchmark-disable").assert_outcomes(passed=3)
    assert entries(pytester) == {}


def test_names_of_fixtures_are_as_they_were_after_the_selection(run: Run) -> None:
    tests = "def test_it(request, edge_session, latency_budget):\n    assert 'benchmark' not in request.fixturenames\n"
    assert run(tests, save=False).ret == 0


def test_a_fixture_of_that_name_that_is_something_else_is_left_alone(run: Run, pytester: pytest.Pytester) -> None:
    tests = """
@pytest.fixture
def benchmark():
    return "a row of seats"

def test_it(edge_session, latency_budget):
    measure("PASS", 3, 1, 2)
"""
    result = run(tests, save=False)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*benchmark: 1 tests*")


def test_a_lost_samples_file_is_said_and_costs_the_entry_alone(run: Run, pytester: pytest.Pytester) -> None:
    tests = """
def test_it(edge_session, latency_budget):
    measure("PASS", 3, 1, 2)
    Path("0.safetensors").unlink()
"""
    result = run(tests, "-W", "default::pytest.PytestWarning", save=False)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*No entry in pytest-benchmark: *0.safetensors is not a file of latency samples*"])


def test_a_fixture_of_pytest_benchmark_that_fails_is_said_and_costs_the_entry_alone(
    run: Run, pytester: pytest.Pytester
) -> None:
    tests = """
@pytest.fixture
def benchmark():
    raise AttributeError("this version does not fit this pytest")

def test_it(edge_session, latency_budget):
    measure("PASS", 3, 1, 2)
"""
    result = run(tests, "-W", "default::pytest.PytestWarning", save=False)
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*No entry in pytest-benchmark: AttributeError: this version does not fit*"])


def test_many_samples_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_entry, "MOST_SAMPLES", 100)
    ns = np.arange(250, dtype=np.int64) * 1_000_000_000
    assert benchmark_entry._thinned(ns) == [float(second) for second in range(0, 250, 3)]


def test_without_pytest_benchmark_nothing_of_it_is_asked_for() -> None:
    config = pytest.Config(pytest.PytestPluginManager())
    item = types.SimpleNamespace(fixturenames=["edge_target", "latency_budget"], own_markers=[])
    with benchmark_entry.named_as_benchmarks(config, [item]):  # type: ignore[list-item]
        assert item.fixturenames == ["edge_target", "latency_budget"]
