"""``--edge-baseline`` and ``--edge-margin``: what they take, what they refuse, and the check they add."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pytest_edgert.reports.json_report import Document, document_text

Collect = Callable[..., list[str]]
Write = Callable[..., None]
CHECK = "net.onnx::baseline[net.onnx-onnxruntime:cpu]"
ON_NET = ("--edge-model=net.onnx", "--edge-target=onnxruntime:cpu")


@pytest.fixture(autouse=True)
def models(write_models: Write) -> None:
    write_models("net.onnx", "old.onnx")


def test_the_check_is_there_only_with_a_baseline(collect: Collect) -> None:
    assert CHECK not in collect(*ON_NET)
    assert CHECK in collect(*ON_NET, "--edge-baseline=old.onnx")


def test_the_ini_keys_say_the_same(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedge_baseline = old.onnx\nedge_margin = 10%")
    result = project.runpytest_inprocess("--collect-only", "-q", *ON_NET)
    assert CHECK in result.outlines


def test_the_header_tells_baseline_and_margin(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--collect-only", *ON_NET, "--edge-baseline=old.onnx", "--edge-margin=2.5%")
    result.stdout.fnmatch_lines(["edgert: baseline */old.onnx, measured in turn with it; margin 2.5 % (--edge-margin)"])


def test_a_document_of_an_earlier_run_is_a_baseline(project: pytest.Pytester) -> None:
    (project.path / "old.json").write_text(document_text(Document("0.1", "2026-11-24T00:00:00+0000")), encoding="utf-8")
    result = project.runpytest_inprocess("--collect-only", *ON_NET, "--edge-baseline=old.json")
    result.stdout.fnmatch_lines(["edgert: baseline */old.json, by its stored samples; margin 5 % (the default of *"])
    assert any("baseline" in line for line in result.outlines if "Function" in line)


def write_bad(project: pytest.Pytester) -> None:
    document = json.loads(document_text(Document("0.1", "now")))
    (project.path / "folder").mkdir()
    (project.path / "text.json").write_text("no JSON", encoding="utf-8")
    (project.path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    (project.path / "list.json").write_text("[1, 2]", encoding="utf-8")
    (project.path / "newer.json").write_text(json.dumps({**document, "schema": 999}), encoding="utf-8")
    (project.path / "foreign.json").write_text(json.dumps({"benchmarks": []}), encoding="utf-8")
    (project.path / "deep.json").write_text("[" * 200_000, encoding="utf-8")
    (project.path / "empty.onnx").write_bytes(b"")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("absent.json", "absent.json does not exist"),
        ("absent.onnx", "absent.onnx does not exist"),
        ("folder", "folder is a folder"),
        ("text.json", "text.json: Not a document of pytest-edgert"),
        ("bytes.json", "bytes.json cannot be read as a document"),
        ("list.json", "list.json: Not a document of pytest-edgert"),
        ("newer.json", "newer.json: The document has schema version 999"),
        ("foreign.json", "foreign.json: Not a document of pytest-edgert"),
        ("deep.json", "deep.json: *nests too deep"),
        ("empty.onnx", "empty.onnx is empty"),
    ],
)
def test_what_is_no_baseline_ends_the_run_before_it_starts(project: pytest.Pytester, path: str, told: str) -> None:
    write_bad(project)
    result = project.runpytest_inprocess(*ON_NET, f"--edge-baseline={path}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --edge-baseline: *{told}*"])


@pytest.mark.parametrize("margin", ["-5%", "-0.05", "five", "", "5", "5ms"])
def test_what_is_no_margin_is_refused(project: pytest.Pytester, margin: str) -> None:
    result = project.runpytest_inprocess(*ON_NET, "--edge-baseline=old.onnx", f"--edge-margin={margin}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --edge-margin: '{margin}' *Write a share*such as 5%*"])


def test_a_margin_without_a_baseline_is_refused(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess(*ON_NET, "--edge-margin=5%")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-margin is given without a baseline. *"])


def test_a_margin_of_the_ini_file_waits_for_a_baseline(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedge_margin = 10%")
    assert project.runpytest_inprocess("--collect-only", *ON_NET).ret == 0


def test_a_baseline_that_no_gate_would_use_is_refused(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it():\n    pass\n")
    result = project.runpytest_inprocess("--edge-baseline=old.onnx")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --edge-baseline=old.onnx: no gate is collected, so nothing would be compared.*"]
    )


def test_a_baseline_of_the_ini_file_waits_for_a_gate(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedge_baseline = old.onnx")
    project.makepyfile("def test_it():\n    pass\n")
    assert project.runpytest_inprocess().ret == 0


def test_another_check_can_be_run_by_its_id(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess(
        "--collect-only", "-q", *ON_NET, "--edge-baseline=old.onnx", "net.onnx::latency[net.onnx-onnxruntime:cpu]"
    )
    assert result.ret == 0
