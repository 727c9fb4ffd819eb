"""Runtimes that drift, fall back, keep state or slow down, through the gate: a verdict says so and is never PASS."""

from __future__ import annotations

import pytest
from e2e_runs import ON_FAKE, EdgeProject

from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

MODEL = "--edge-model=net.fake"
ON_NPU = "--edge-target=fake:npu"


def test_an_accelerator_of_the_fake_can_be_named(edge: EdgeProject) -> None:
    edge.write_fake()
    assert edge.run(MODEL, ON_NPU, "-k", "placement").ret == 0
    assert edge.record("placement").placement.nodes == {"npu": 1}


def test_a_fallback_without_permission_fails(edge: EdgeProject) -> None:
    edge.write_fake(fault="falls_back")
    result = edge.run(MODEL, ON_NPU, "-k", "placement or signature")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["FAIL: placement of *was asked onto npu; elsewhere: y (Affine) on cpu.*"])


def test_an_allowed_fallback_is_told_and_held_to_the_limit(edge: EdgeProject) -> None:
    edge.write_fake(fault="falls_back")
    (edge.path / "net.edge.toml").write_text('artefacts = ["net.fake"]\nplacement = { accelerator = 0.5 }\n')
    result = edge.run("net.edge.toml", ON_NPU, "--edge-option=fake:npu.allow_fallback=true", "-k", "placement")
    result.assert_outcomes(failed=1)
    assert edge.record("placement").placement.elsewhere == ("y (Affine) on cpu",)


def test_state_that_is_kept_between_inferences_is_no_determinism(edge: EdgeProject) -> None:
    edge.write_fake(fault="keeps_state")
    edge.run(MODEL, ON_FAKE, "-k", "determinism").assert_outcomes(failed=1)
    assert edge.record("determinism").verdict is Verdict.FAIL
    assert "inference 2 in process 1 differs" in edge.record("determinism").reason


KEEPS_OUTPUT = """
import numpy as np
import pytest

@pytest.mark.edge_model("net.fake")
def test_it(edge_session):
    first = edge_session.infer({"x": np.full((1, 4), 1, np.float32)})["y"]
    edge_session.infer({"x": np.full((1, 4), 5, np.float32)})
    assert (first == 3).all()
"""


def test_a_runtime_that_reuses_its_buffers_does_no_harm(edge: EdgeProject) -> None:
    edge.write_fake(fault="reuses_buffers")
    test = edge.pytester.makepyfile(test_net=KEEPS_OUTPUT)
    edge.run(str(test), MODEL, ON_FAKE, "-k", "test_it or determinism or signature").assert_outcomes(passed=3)


def test_a_model_slower_than_its_budget_fails(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.01)
    edge.run(MODEL, ON_FAKE, "-k", "latency", "--latency-budget=5ms").assert_outcomes(failed=1)
    (decided,) = edge.record("latency").latency.budgets
    assert decided.quantile.low_s > 0.005


@pytest.mark.lab
def test_latency_that_drifts_over_the_budget_is_never_a_pass(edge: EdgeProject) -> None:
    """300 samples from 0 to 15 ms: half are above the budget, and the half that is below comes first."""
    edge.write_fake(drift_s=0.00005)
    arguments = ("-k", "latency", "--latency-budget=p50=6ms", "--edge-samples=300")
    assert edge.run(MODEL, ON_FAKE, *arguments).ret == 1
    assert edge.record("latency").verdict in {Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE}


@pytest.mark.lab
def test_latency_that_steps_over_the_budget_is_never_a_pass(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.001, slow_after=400, slow_s=0.01)
    arguments = ("-k", "latency", "--latency-budget=p95=6ms", "--edge-samples=500")
    assert edge.run(MODEL, ON_FAKE, *arguments).ret == 1
    assert edge.record("latency").verdict in {Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE}


@pytest.mark.parametrize(
    ("asked", "outcome", "status"),
    [
        ("fail", "failed", 1),
        ("skip", "skipped", 1),
        ("xfail", "xfailed", 1),
    ],
)
def test_too_little_time_is_inconclusive(edge: EdgeProject, asked: str, outcome: str, status: int) -> None:
    edge.write_fake(latency_s=0.005)
    arguments = ("-k", "latency", "--latency-budget=6ms", "--edge-max-time=100ms", f"--edge-inconclusive={asked}")
    result = edge.run(MODEL, ON_FAKE, *arguments)
    result.assert_outcomes(**{outcome: 1})
    assert result.ret == status
    assert edge.record("latency").verdict is Verdict.INCONCLUSIVE
    assert "cap of 0.1 s" in edge.record("latency").latency.stop_reason
    assert edge.record("latency").remedy


def test_a_fixed_number_of_samples_is_taken(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.0005)
    edge.run(MODEL, ON_FAKE, "-k", "latency", "--latency-budget=20ms", "--edge-samples=120").assert_outcomes(passed=1)
    assert edge.record("latency").latency.n == 120
    assert edge.record("latency").latency.stop_reason == "all 120 samples were taken"


@pytest.mark.lab
def test_acceptance_takes_three_fresh_workers_and_ten_seconds_each(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.001)
    edge.run(MODEL, ON_FAKE, "-k", "latency", "--latency-budget=20ms", "--edge-accept").assert_outcomes(passed=1)
    record = edge.record("latency")
    assert record.notes == ("fresh workers measured: 3 of 3",)
    assert record.latency.span_s >= 10
    assert record.duration_s >= 30
