from __future__ import annotations

import pytest

from pytest_edgert.plugin.options import OPTIONS

PLANNED = [option for option in OPTIONS if not option.built]


@pytest.mark.parametrize("option", PLANNED, ids=lambda option: option.key)
def test_what_is_planned_is_refused_by_name(project: pytest.Pytester, option: object) -> None:
    written = f"{option.name}=x" if option.metavar else option.name  # type: ignore[attr-defined]
    result = project.runpytest_inprocess(written)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: not yet: {written} is planned and not built. *"])


def test_the_ini_key_is_refused_too(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedge_report = x.html")
    result = project.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: edge_report in *tox.ini: not yet: --edge-report=x.html*"])
