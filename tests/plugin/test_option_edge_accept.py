from __future__ import annotations

import pytest

from pytest_edgert.plugin.state import settings_of

NEEDS_A_GPU = """
import pytest

@pytest.mark.edge_accelerator("cuda")
def test_on_a_gpu(): pass
"""


def test_a_hardware_skip_fails(project: pytest.Pytester) -> None:
    project.makepyfile(NEEDS_A_GPU)
    result = project.runpytest_inprocess("--edge-accept")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*--edge-accept: needs the accelerator cuda*"])


def test_nothing_may_soften_inconclusive(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--edge-accept", "--edge-inconclusive=skip")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-inconclusive=skip contradicts --edge-accept.*"])


def test_reruns_are_refused_for_a_verdict_is_not_tried_until_it_is_green(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--edge-accept", "--reruns=2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --reruns=2 contradicts --edge-accept*"])


def test_reruns_of_the_ini_file_are_refused_too(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nreruns = 1")
    assert project.runpytest_inprocess("--edge-accept").ret == pytest.ExitCode.USAGE_ERROR


def test_a_flaky_mark_is_refused(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.flaky(reruns=2)
        @pytest.mark.edge_runtime("onnxruntime")
        def test_it(): pass
        """
    )
    result = project.runpytest_inprocess("--edge-accept")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*A mark flaky contradicts --edge-accept*"])


def test_a_run_without_tests_fails(project: pytest.Pytester) -> None:
    assert project.runpytest_inprocess("--edge-accept").ret != pytest.ExitCode.OK


def test_the_ini_key_turns_it_on(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedge_accept = true")
    assert settings_of(project.parseconfigure()).accept
