from __future__ import annotations

import pytest

from pytest_edgert.plugin.state import settings_of


def test_a_folder_that_is_not_there_is_refused(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--edge-profiles=nowhere")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-profiles: */nowhere is not a folder.*"])


def test_folders_of_the_ini_file_are_relative_to_it(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    project.makeini("[pytest]\nedge_profiles = boards")
    folder = project.mkdir("boards")
    monkeypatch.chdir(project.mkdir("elsewhere"))
    config = project.parseconfigure("--rootdir", str(project.path), "-c", str(project.path / "tox.ini"))
    assert settings_of(config).profiles == (folder,)
