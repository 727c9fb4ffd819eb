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


def test_a_run_without_tests_fails(project: pytest.Pytester) -> None:
    assert project.runpytest_inprocess("--edge-accept").ret != pytest.ExitCode.OK


def test_the_ini_key_turns_it_on(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedge_accept = true")
    assert settings_of(project.parseconfigure()).accept
