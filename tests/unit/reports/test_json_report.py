from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hand_made import CELL, latency_record, size_record

import pytest_edgert
from pytest_edgert.errors import UsageError
from pytest_edgert.records import Verdict
from pytest_edgert.reports import json_report
from pytest_edgert.reports.items import ItemOutcome, Outcome
from pytest_edgert.reports.json_report import Document

DOCUMENT = Document(
    "0.1.0",
    "2026-01-02T03:04:05+00:00",
    command=("pytest", "--edge-json=a.json"),
    environment={"python": "3.11"},
    exit_status=1,
    records=(latency_record(), size_record()),
    items=(ItemOutcome("a", Outcome.FAILED, Verdict.FAIL, "latency", CELL, gate=True, reason="slow"),),
    not_run=(ItemOutcome("b", Outcome.NOTRUN, Verdict.NOTRUN),),
)


def test_the_published_schema_is_not_stale() -> None:
    """Write it anew with ``json_report.schema_text()`` when this fails, and raise SCHEMA_VERSION if a meaning changed."""
    published = Path(pytest_edgert.__file__).with_name(json_report.SCHEMA_FILE)
    assert published.read_text(encoding="utf-8") == json_report.schema_text()


def test_the_schema_is_a_sound_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_report.document_schema())


def test_a_document_follows_the_schema() -> None:
    jsonschema.Draft202012Validator(json_report.document_schema()).validate(
        json.loads(json_report.document_text(DOCUMENT))
    )


def test_a_document_survives_being_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    json_report.write_document(path, DOCUMENT)
    assert json_report.read_document(path.read_text(encoding="utf-8")) == DOCUMENT


def test_a_failed_write_leaves_the_old_document_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")
    broken = Document("0.1.0", "now", environment={"bad": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        json_report.write_document(path, broken)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 999}', "<html>", '{"schema": 1, "tool_version": 3}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        json_report.read_document(text)


def test_checking_a_place_leaves_nothing_there(tmp_path: Path) -> None:
    json_report.check_writable(tmp_path / "run.json")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere is not a folder"):
        json_report.check_writable(tmp_path / "nowhere" / "run.json")


def test_a_folder_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="that is a folder"):
        json_report.check_writable(tmp_path)
