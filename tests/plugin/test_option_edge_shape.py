from __future__ import annotations

import pytest

from pytest_edgert.plugin.state import settings_of


@pytest.mark.parametrize("text", ["1x3", "image=", "image=1xN", "=1x3", "image=1,3"])
def test_a_shape_that_is_none_is_refused(project: pytest.Pytester, text: str) -> None:
    result = project.runpytest_inprocess(f"--edge-shape={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-shape: *1x3x224x224*"])


def test_shapes_are_read_by_input(project: pytest.Pytester) -> None:
    config = project.parseconfigure("--edge-shape=image=1x3x8x8", "--edge-shape=mask=1x1")
    assert settings_of(config).shapes == {"image": (1, 3, 8, 8), "mask": (1, 1)}
