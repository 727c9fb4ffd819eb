from __future__ import annotations

import pytest

from pytest_edgert.plugin.state import settings_of


def test_the_path_is_relative_to_where_pytest_was_started(project: pytest.Pytester) -> None:
    project.mkdir("out")
    assert settings_of(project.parseconfigure("--edge-json=out/run.json")).json_path == project.path / "out/run.json"


@pytest.mark.parametrize("text", ["", "."])
def test_what_is_no_file_is_refused(project: pytest.Pytester, text: str) -> None:
    result = project.runpytest_inprocess(f"--edge-json={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-json: *"])
