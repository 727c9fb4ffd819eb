"""Latency budgets on a real model and the real ONNX Runtime: what a failing and a passing run say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from e2e_runs import ON_ORT, EdgeProject

from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

DIGITS = Path(__file__).parents[2] / "examples/digits/digits.onnx"


def copy_digits(edge: EdgeProject) -> str:
    """Return the option that runs the gate on the demo model, away from its gate file."""
    shutil.copy(DIGITS, edge.path)
    return f"--edge-model={DIGITS.name}"


def test_a_budget_far_too_small_fails_with_interval_and_remedy(edge: EdgeProject) -> None:
    result = edge.run(copy_digits(edge), ON_ORT, "-k", "latency", "--latency-budget=1us")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "FAIL: latency of digits.onnx on onnxruntime:cpu: *",
            "  p95 * [[]*, *[]], budget 1 µs (from --latency-budget): FAIL, * samples above it (5 % may be)",
            "  n = *, effective n = *",
            "  stopped because: the evidence sufficed",
            "  What to do: *",
        ]
    )
    (decided,) = edge.record("latency").latency.budgets
    assert decided.quantile.low_s > 1e-6


@pytest.mark.slow
def test_a_budget_far_too_large_passes_as_soon_as_the_evidence_suffices(edge: EdgeProject) -> None:
    edge.run(copy_digits(edge), ON_ORT, "-k", "latency", "--latency-budget=1s").assert_outcomes(passed=1)
    record = edge.record("latency")
    assert record.verdict is Verdict.PASS
    assert record.latency.stop_reason == "the evidence sufficed"
    assert record.latency.warm_up_s + record.latency.span_s < 10
    assert record.latency.budgets[0].quantile.high_s < 1


def test_the_id_of_one_cell_runs_it_alone(edge: EdgeProject) -> None:
    edge.write_onnx()
    one = "net.onnx::size[net.onnx-onnxruntime:cpu]"
    edge.run("--edge-model=net.onnx", one).assert_outcomes(passed=1)
    assert list(edge.items) == [one]


@pytest.mark.slow
def test_the_environment_tells_the_runtimes_version_after_a_private_worker_alone(edge: EdgeProject) -> None:
    import onnxruntime

    edge.write_onnx()
    edge.run("--edge-model=net.onnx", ON_ORT, "-k", "load").assert_outcomes(passed=1)
    assert edge.record("load").environment.runtime_version == onnxruntime.__version__


@pytest.mark.lab
def test_a_budget_says_where_it_came_from_once_and_what_it_overrode(edge: EdgeProject) -> None:
    edge.write_onnx()
    (edge.path / "net.edge.toml").write_text('artefacts = ["net.onnx"]\nlatency = { p95 = "700ms" }\n')
    result = edge.run("net.edge.toml", ON_ORT, "-k", "latency", "--latency-budget=1ns", "--edge-samples=4000")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*budget 1 ns (from --latency-budget): FAIL*", "  overrides p95 <= 700 ms from net.edge.toml:2"]
    )
    result.stdout.no_fnmatch_line("*budget from*")
    result.stdout.no_fnmatch_line("*no sensor*")
    assert {"before.load_1min", "load_1min"} <= edge.record("latency").conditions.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "free"), [("batch", "n"), ("seq", "seq")])
def test_a_gate_file_binds_a_free_dimension_by_name(edge: EdgeProject, name: str, free: str) -> None:
    edge.write_onnx(shape=(free, 4))
    (edge.path / "net.edge.toml").write_text(f'artefacts = ["net.onnx"]\ninputs = {{ {name} = 3 }}\n')
    edge.run("net.edge.toml", ON_ORT, "-k", "signature").assert_outcomes(passed=1)
    assert "x float32[3, 4]" in edge.record("signature").reason


@pytest.mark.slow
def test_a_free_dimension_that_the_model_does_not_have_is_refused(edge: EdgeProject) -> None:
    edge.write_onnx(shape=("seq", 4))
    (edge.path / "net.edge.toml").write_text('artefacts = ["net.onnx"]\ninputs = { sek = 3 }\n')
    result = edge.run("net.edge.toml", ON_ORT, "-k", "signature")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["FAIL: The model has no free dimension 'sek'.", "  What to do: Its free dimensions: seq."]
    )
