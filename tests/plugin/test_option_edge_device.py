from __future__ import annotations

import pytest

from pytest_edgert.plugin.state import settings_of


def test_an_unknown_device_is_refused(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--edge-device=linux-generik")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-device: Unknown device 'linux-generik'*linux-generic*"])


def test_by_default_this_machine_is_recognised(project: pytest.Pytester) -> None:
    assert settings_of(project.parseconfigure("--edge-seed=1")).devices == ("auto",)
