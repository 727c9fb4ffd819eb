"""``--edge-json``: one document of the whole run, whatever ends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from verdict_cases import GATE, OnGate

from pytest_edgert.records import Verdict
from pytest_edgert.reports.json_report import document_schema, read_document

Write = Callable[..., None]
OPTION = "--edge-json=run.json"


@pytest.fixture
def on_gate(project: pytest.Pytester, write_models: Write) -> OnGate:
    """Run the gate of one model whose every check ends with one verdict, writing ``run.json``."""
    write_models("digits.onnx")

    def run(verdict: str, *arguments: str) -> pytest.RunResult:
        project.makeconftest(GATE.format(verdict=verdict))
        # An interrupt would end this run too.
        start = project.runpytest_subprocess if verdict == "interrupt" else project.runpytest
        return start("--edge-model=digits.onnx", OPTION, *arguments)

    return run


def written(project: pytest.Pytester) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((project.path / "run.json").read_text())
    return data


@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "skip", "interrupt"])
def test_the_document_follows_the_published_schema(on_gate: OnGate, project: pytest.Pytester, verdict: str) -> None:
    on_gate(verdict)
    jsonschema.Draft202012Validator(document_schema()).validate(written(project))


def test_it_holds_a_record_of_every_check(on_gate: OnGate, project: pytest.Pytester) -> None:
    result = on_gate("PASS")
    document = read_document((project.path / "run.json").read_text())
    assert [record.check for record in document.records] == [
        "signature",
        "placement",
        "size",
        "load",
        "memory",
        "determinism",
        "latency",
        "agreement",
        "quantization",
    ]
    assert document.records[0].nodeid == "digits.onnx::signature[digits.onnx-onnxruntime:cpu]"
    assert document.exit_status == result.ret == 0


def test_it_tells_skips_with_remedy(on_gate: OnGate, project: pytest.Pytester) -> None:
    on_gate("skip")
    item = written(project)["items"][0]
    assert (item["outcome"], item["remedy"]) == ("skipped", "Use opset 13.")


@pytest.mark.slow
def test_it_is_written_after_an_interrupt_and_tells_what_did_not_run(on_gate: OnGate, project: pytest.Pytester) -> None:
    on_gate("interrupt")
    data = written(project)
    assert data["exit_status"] == 2
    assert {item["verdict"] for item in data["not_run"]} == {"NOTRUN"}
    assert len(data["not_run"]) == 9


def test_a_changed_exit_status_is_in_it(on_gate: OnGate, project: pytest.Pytester) -> None:
    on_gate("skip")
    assert written(project)["exit_status"] == 1


@pytest.mark.parametrize("path", ["missing/run.json", "digits.onnx/run.json", "/proc/run.json"])
def test_a_place_that_cannot_be_written_to_stops_the_run_at_its_start(
    project: pytest.Pytester, write_models: Write, path: str
) -> None:
    write_models("digits.onnx")
    result = project.runpytest("--edge-model=digits.onnx", f"--edge-json={path}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--edge-json=*{path}*"])


def test_nothing_but_the_document_is_left_in_its_folder(on_gate: OnGate, project: pytest.Pytester) -> None:
    on_gate("PASS")
    assert [path.name for path in project.path.iterdir() if "run.json" in path.name] == ["run.json"]


@pytest.mark.slow
def test_records_cross_xdist(on_gate: OnGate, project: pytest.Pytester) -> None:
    on_gate("INVALID", "-n2")
    document = read_document((project.path / "run.json").read_text())
    assert [record.verdict for record in document.records] == [Verdict.INVALID] * 9


@pytest.mark.slow
def test_the_death_of_an_xdist_worker_is_in_it(on_gate: OnGate, project: pytest.Pytester) -> None:
    on_gate("die", "-n1", "--max-worker-restart=0")
    data = written(project)
    assert [item["verdict"] for item in data["items"]] == ["INFRA"]
    assert len(data["not_run"]) == 8
