"""The gate through real processes: what xdist, the cache and real runtimes make of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_edgert.records import PresenceState

Write = Callable[..., None]

QUIET = ("-p", "no:hypothesispytest", "-p", "no:benchmark")
ONLY_SIZE = """
import pytest

@pytest.fixture(scope="module")
def edge_session(edge_target):
    return edge_target

def pytest_pyfunc_call(pyfuncitem):
    assert "b.onnx" not in pyfuncitem.name
    return True
"""


@pytest.mark.slow
def test_every_cell_runs_once_under_xdist(pytester: pytest.Pytester, write_models: Write) -> None:
    pytester.makeconftest(ONLY_SIZE)
    write_models("a.onnx", "b.onnx")
    result = pytester.runpytest_subprocess(
        *QUIET,
        "-n",
        "2",
        "-k",
        "size",
        "--edge-model=a.onnx",
        "--edge-model=b.onnx",
        "--edge-model=absent.onnx",
        "--edge-target=fake",
        "--edge-target=onnxruntime:cpu",
        "-rA",
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines_random(["PASSED a.onnx::size?a.onnx-onnxruntime:cpu?", "FAILED b.onnx::size*"])


def test_lf_runs_the_failed_cell_again(
    project: pytest.Pytester, write_models: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.makeconftest(ONLY_SIZE)
    write_models("a.onnx", "b.onnx")
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(QUIET))
    arguments = ("-k", "size", "--edge-model=a.onnx", "--edge-model=b.onnx")
    project.runpytest_inprocess(*arguments).assert_outcomes(passed=1, failed=1)
    again = project.runpytest_inprocess(*arguments, "--lf", "--collect-only", "-q")
    assert [line for line in again.outlines if "::" in line] == ["b.onnx::size[b.onnx-onnxruntime:cpu]"]


def test_the_controllers_answers_reach_a_worker_unchanged() -> None:
    from pytest_edgert.plugin.probes import ProbedRuntime, ProbeTable
    from pytest_edgert.records import Presence

    table = ProbeTable({"x": ProbedRuntime("1.2", (Presence("cpu", PresenceState.USABLE, "", ""),))})
    assert ProbeTable.from_json(table.to_json()) == table
