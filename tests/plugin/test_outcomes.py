"""How each verdict ends a test, and what pytest says of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from verdict_cases import LEAVE, OnCell

Write = Callable[..., None]


@pytest.fixture
def on_cell(project: pytest.Pytester, write_models: Write) -> OnCell:
    """Run one test on one cell: its body, then arguments for pytest."""
    write_models("digits.onnx")

    def run(body: str, *arguments: str) -> pytest.RunResult:
        project.makepyfile(f"{LEAVE}\ndef test_it(edge_session):\n    {body}\n")
        return project.runpytest("-rA", *arguments)

    return run


@pytest.mark.parametrize("verdict", ["PASS", "MEASURED"])
def test_green_verdicts_pass(on_cell: OnCell, verdict: str) -> None:
    result = on_cell(f"leave({verdict!r})")
    result.assert_outcomes(passed=1)
    assert result.ret == 0


def test_measured_is_shown_as_a_figure_and_never_as_pass(on_cell: OnCell) -> None:
    result = on_cell("leave('MEASURED')", "-v")
    result.stdout.fnmatch_lines(["*test_it* MEASURED *", "*latency *MEASURED artefact 64.3 kB*"])
    result.stdout.no_fnmatch_line("*PASS *")


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE"])
def test_failing_verdicts_fail(on_cell: OnCell, verdict: str) -> None:
    result = on_cell(f"leave({verdict!r})")
    result.assert_outcomes(failed=1)
    assert result.ret == 1


@pytest.mark.parametrize("verdict", ["INVALID", "INFRA", "NOTRUN"])
def test_what_could_not_be_judged_is_an_error(on_cell: OnCell, verdict: str) -> None:
    result = on_cell(f"leave({verdict!r})", "-v")
    result.assert_outcomes(errors=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*test_it* {verdict} *", "*= ERRORS =*", "*= 1 error in*"])


def test_a_failure_is_told_in_sentences_without_our_insides(on_cell: OnCell) -> None:
    result = on_cell("leave('FAIL')")
    result.stdout.fnmatch_lines(
        [
            "FAIL: latency of digits.onnx on onnxruntime:cpu: because of FAIL.",
            "  What to do: Do this.",
            "  at *test_*.py:*: leave('FAIL')",
        ]
    )
    result.stdout.no_fnmatch_line("*recording.py*")


@pytest.mark.parametrize("style", ["--tb=long", "-vv"])
def test_those_who_ask_for_all_get_the_traceback_too(on_cell: OnCell, style: str) -> None:
    result = on_cell("leave('FAIL')", style)
    result.stdout.fnmatch_lines(["*leave('FAIL')*", "*What to do: Do this.*"])
    result.stdout.fnmatch_lines(["*VerdictError*"])


def test_a_lost_worker_in_a_users_test_is_an_error_with_its_word(on_cell: OnCell) -> None:
    result = on_cell("raise WorkerCrashedError('The worker died.', 'Look at it.')", "-v")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_it* INFRA *", "INFRA: The worker died.", "  What to do: Look at it."])


def test_a_lost_worker_is_in_the_matrix(on_cell: OnCell) -> None:
    result = on_cell("raise WorkerCrashedError('The worker died.')")
    result.stdout.fnmatch_lines(["*digits.onnx*", "*onnxruntime:cpu*", "*test_it *INFRA*"])


@pytest.mark.parametrize("error", ["UnsupportedModelError", "TargetMissingError"])
def test_a_target_that_was_only_found_is_skipped_with_reason_and_remedy(on_cell: OnCell, error: str) -> None:
    result = on_cell(f"raise {error}('No operator Foo.', 'Use opset 13.')")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*test_*.py:*No operator Foo. Use opset 13."])


@pytest.mark.parametrize("argument", ["--edge-target=onnxruntime:cpu", "--edge-accept"])
def test_a_target_that_must_be_there_fails(on_cell: OnCell, argument: str) -> None:
    result = on_cell("raise UnsupportedModelError('No operator Foo.', 'Use opset 13.')", argument)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL: No operator Foo.", "  What to do: Use opset 13."])


def test_skips_are_grouped_by_what_is_missing(project: pytest.Pytester, write_models: Write) -> None:
    write_models("digits.onnx")
    body = "raise TargetMissingError('No GPU.', 'Plug one in.')"
    project.makepyfile(
        f"{LEAVE}\ndef test_a(edge_session):\n    {body}\ndef test_b(edge_session):\n    {body}\n"
        "def test_c(edge_session):\n    leave('PASS')\n"
    )
    project.runpytest().stdout.fnmatch_lines(
        ["skipped 2: No GPU.", "    remedy: Plug one in.", "hardware tests: ran 1 / skipped 2 (No GPU.)"]
    )


@pytest.mark.parametrize(("choice", "outcome"), [("fail", "failed"), ("skip", "skipped"), ("xfail", "xfailed")])
def test_inconclusive_becomes_what_was_asked_for(on_cell: OnCell, choice: str, outcome: str) -> None:
    on_cell("leave('INCONCLUSIVE')", f"--edge-inconclusive={choice}").assert_outcomes(**{outcome: 1})


def test_inconclusive_fails_an_acceptance(on_cell: OnCell) -> None:
    on_cell("leave('INCONCLUSIVE')", "--edge-accept").assert_outcomes(failed=1)


def test_an_expected_failure_does_not_hide_a_lost_worker(project: pytest.Pytester, write_models: Write) -> None:
    write_models("digits.onnx")
    project.makepyfile(f"{LEAVE}\n@pytest.mark.xfail\ndef test_it(edge_session):\n    leave('INFRA')\n")
    project.runpytest().assert_outcomes(errors=1)


def test_an_expected_failure_takes_a_fail(project: pytest.Pytester, write_models: Write) -> None:
    write_models("digits.onnx")
    project.makepyfile(f"{LEAVE}\n@pytest.mark.xfail\ndef test_it(edge_session):\n    leave('FAIL')\n")
    project.runpytest().assert_outcomes(xfailed=1)


def test_a_verdict_that_a_test_swallows_is_told(on_cell: OnCell) -> None:
    result = on_cell("pytest.raises(AssertionError, leave, 'INFRA')")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["passed although a check ended INFRA: latency of digits.onnx*"])


def test_tests_of_others_are_left_alone(project: pytest.Pytester) -> None:
    project.makepyfile("def test_a(): pass\ndef test_b(): assert 1 == 2")
    result = project.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])
    result.stdout.no_fnmatch_line("*edgert =*")


@pytest.mark.slow
def test_verdicts_cross_xdist(on_cell: OnCell) -> None:
    result = on_cell("leave('INVALID')", "-n2", "-v", "--edge-seed=1")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*INVALID*test_it*", "*latency *INVALID*"])


def test_the_output_has_no_colours_in_a_pipe(on_cell: OnCell) -> None:
    assert "\x1b[" not in on_cell("leave('FAIL')").stdout.str()
