"""The exit status of a run: green only when something was judged and nothing was lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from verdict_cases import GATE, OnGate

Write = Callable[..., None]
CELL = "[digits.onnx-onnxruntime:cpu]"


@pytest.fixture
def on_gate(project: pytest.Pytester, write_models: Write) -> OnGate:
    """Run the gate of one model whose every check ends with one verdict."""
    write_models("digits.onnx")

    def run(verdict: str, *arguments: str, model: str = "--edge-model=digits.onnx") -> pytest.RunResult:
        project.makeconftest(GATE.format(verdict=verdict))
        # An interrupt would end this run too.
        start = project.runpytest_subprocess if verdict == "interrupt" else project.runpytest
        return start(model, *arguments)

    return run


@pytest.mark.parametrize("verdict", ["PASS", "MEASURED"])
def test_zero_for_green_verdicts(on_gate: OnGate, verdict: str) -> None:
    assert on_gate(verdict).ret == 0


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE", "INVALID", "INFRA", "NOTRUN"])
def test_one_for_any_other_verdict(on_gate: OnGate, verdict: str) -> None:
    assert on_gate(verdict).ret == 1


def test_a_gate_that_only_skipped_is_not_green(on_gate: OnGate) -> None:
    result = on_gate("skip")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*no cell of the gate got a verdict or a figure: 9 skipped."])


def test_a_gate_whose_every_verdict_is_skipped_on_request_is_not_green(on_gate: OnGate) -> None:
    assert on_gate("INCONCLUSIVE", "--edge-inconclusive=skip").ret == 1


def test_a_gate_that_was_deselected_is_not_green(on_gate: OnGate, project: pytest.Pytester) -> None:
    own = project.makepyfile("def test_own(): pass")
    result = on_gate("PASS", str(own), "-k", "test_own")
    result.assert_outcomes(passed=1, deselected=9)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*no cell of the gate got a verdict or a figure: none was collected or selected."])


def test_one_check_selected_alone_is_an_answer(on_gate: OnGate) -> None:
    assert on_gate("PASS", "-k", "size").ret == 0


def test_collecting_only_stays_green(on_gate: OnGate) -> None:
    result = on_gate("PASS", "--collect-only")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*NOTRUN*")


def test_an_acceptance_without_tests_on_a_model_fails(project: pytest.Pytester) -> None:
    project.makepyfile("def test_own(): pass")
    result = project.runpytest("--edge-accept")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*acceptance: no test on a model ran."])


def test_an_acceptance_with_a_plain_skip_fails(project: pytest.Pytester, write_models: Write) -> None:
    write_models("digits.onnx")
    project.makepyfile(
        "import pytest\npytestmark = pytest.mark.edge_model('digits.onnx')\n"
        "def test_a(edge_session): pass\ndef test_b(edge_session): pytest.skip('no camera')"
    )
    result = project.runpytest("--edge-accept")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*acceptance: 1 test on a model skipped."])


def test_no_tests_without_a_gate_stays_pytests_own_status(project: pytest.Pytester) -> None:
    assert project.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.slow
def test_an_interrupt_keeps_its_status_and_tells_what_did_not_run(on_gate: OnGate) -> None:
    result = on_gate("interrupt")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["NOTRUN 9: the run was interrupted first", f"    digits.onnx::signature{CELL}"])


def test_stopping_at_the_first_failure_tells_what_did_not_run(on_gate: OnGate) -> None:
    result = on_gate("FAIL", "-x")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOTRUN 8: the run ended first"])


@pytest.mark.slow
def test_a_gate_that_only_skipped_is_not_green_under_xdist(on_gate: OnGate) -> None:
    result = on_gate("skip", "-n2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*no cell of the gate got a verdict or a figure: 9 skipped."])


@pytest.mark.slow
def test_a_gate_is_green_under_xdist(on_gate: OnGate) -> None:
    result = on_gate("PASS", "-n2")
    result.assert_outcomes(passed=9)
    assert result.ret == 0


@pytest.mark.slow
def test_the_death_of_an_xdist_worker_is_infra_and_the_rest_is_told(on_gate: OnGate) -> None:
    result = on_gate("die", "-n1", "--max-worker-restart=0")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOTRUN 8: the run ended first", "INFRA digits.onnx::signature*"])
