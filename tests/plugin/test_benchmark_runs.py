"""pytest-benchmark's own options on whole runs of the gate, with real workers, as a user starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e_runs import ON_FAKE, EdgeProject
from safetensors.numpy import load_file

pytestmark = pytest.mark.slow

PLUGINS = ("-p", "no:hypothesispytest", "-p", "no:cacheprovider")
GATE = ("--edge-model=net.fake", ON_FAKE, "--edge-samples=60", "--edge-json=edgert.json")


@pytest.fixture
def project(edge: EdgeProject, monkeypatch: pytest.MonkeyPatch) -> EdgeProject:
    """A project with one model, in which every warning is an error."""
    # pytest-benchmark disables itself where this says that the tests are run by pytest-xdist.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    edge.write_fake(latency_s=0.0005)
    edge.pytester.makeini("[pytest]\nfilterwarnings = error")
    return edge


def run(project: EdgeProject, *arguments: str, checks: str = "latency or size") -> pytest.RunResult:
    return project.pytester.runpytest_subprocess(*PLUGINS, *GATE, "-k", checks, *arguments)


def read_entries(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    return found


def test_json_has_every_sample_of_the_gates_latency(project: EdgeProject) -> None:
    result = run(project, "--latency-budget=1s", "--benchmark-json=bench.json")
    result.assert_outcomes(passed=2)
    (entry,) = read_entries(project.path / "bench.json")
    latency = project.record("latency").latency
    assert latency is not None
    recorded = load_file(latency.samples_path)["durations_ns"][latency.cut_n :] / 1e9
    assert entry["fullname"] == "net.fake::latency[net.fake-fake:cpu]"
    assert entry["stats"]["data"] == recorded.tolist()
    assert entry["extra_info"]["verdict"] == "PASS"


def test_a_run_beyond_its_budget_is_no_baseline(project: EdgeProject) -> None:
    result = run(project, "--latency-budget=1us", "--benchmark-json=bench.json", "--benchmark-save=bad")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert read_entries(project.path / "bench.json") == []
    (saved,) = (project.path / ".benchmarks").rglob("*_bad.json")
    assert read_entries(saved) == []


@pytest.mark.lab
def test_saved_runs_can_be_compared(project: EdgeProject) -> None:
    assert run(project, "--benchmark-save=one").ret == 0
    assert run(project, "--benchmark-autosave").ret == 0
    compared = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", "--columns=median,rounds"],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line for line in compared.stdout.splitlines() if line.startswith("latency[net.fake-fake:cpu]")]
    assert len(rows) == 2
    # What was counted is 60 samples at a stride; rounds are all timed inferences, those between them too.
    saved = [read_entries(path)[0] for path in (project.path / ".benchmarks").rglob("*.json")]
    rounds = sorted(entry["stats"]["rounds"] for entry in saved)
    assert sorted(int(row.split()[-1]) for row in rows) == rounds
    assert rounds[0] >= 60
    failing = run(project, "--benchmark-compare=0001", "--benchmark-compare-fail=median:1000%")
    assert failing.ret == 0
    failing.stdout.fnmatch_lines(["*latency?net.fake-fake:cpu? (NOW)*"])


def test_benchmark_only_leaves_the_latency_check(project: EdgeProject) -> None:
    run(project, "--benchmark-only").assert_outcomes(passed=1, skipped=1)
    assert [record.check for record in project.document.records] == ["latency"]


def test_benchmark_skip_leaves_the_other_checks(project: EdgeProject) -> None:
    run(project, "--benchmark-skip").assert_outcomes(passed=1, skipped=1)
    assert [record.check for record in project.document.records] == ["size"]


def test_benchmark_disable_judges_all_the_same(project: EdgeProject) -> None:
    result = run(project, "--benchmark-disable", "--latency-budget=1s")
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*benchmark: 1 tests*")


def test_without_the_plugin_all_works(project: EdgeProject) -> None:
    result = run(project, "-p", "no:benchmark", "--latency-budget=1s")
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*pytest-benchmark*")


def test_two_processes_judge_and_no_warning_becomes_an_error(project: EdgeProject) -> None:
    result = run(project, "-n2", "--latency-budget=1s")
    result.assert_outcomes(passed=2)
    assert result.ret == 0
