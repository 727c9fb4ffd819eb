"""The whole run as one JSON document with a published schema, written in one step or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_edgert import codec
from pytest_edgert.errors import UsageError
from pytest_edgert.records import SCHEMA_VERSION, CheckRecord, Plain
from pytest_edgert.reports.items import ItemOutcome

#: Where the published schema lies in the package.
SCHEMA_FILE = "record.schema.json"


@dataclass(frozen=True, slots=True)
class Document:
    """One run of pytest: every record, what became of every item on a cell, and what never ran.

    Args:
        tool_version: Version of pytest-edgert.
        created_utc: When the document was written, ISO 8601.
        command: Arguments that pytest was called with.
        environment: The machine that ran pytest: platform, versions.
        exit_status: Exit status of pytest.
        records: What the checks left, in order of their reports.
        items: Every reported item on a cell.
        not_run: Items that were planned and never reported.
        schema: Version of the form.
    """

    tool_version: str
    created_utc: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, Plain] = field(default_factory=dict)
    exit_status: int = 0
    records: tuple[CheckRecord, ...] = ()
    items: tuple[ItemOutcome, ...] = ()
    not_run: tuple[ItemOutcome, ...] = ()
    schema: int = SCHEMA_VERSION


def document_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document and, in its ``$defs``, of every record in it."""
    return codec.json_schema(Document, "pytest-edgert run")


def schema_text() -> str:
    """Return the schema as it lies in the published file."""
    return json.dumps(document_schema(), indent=2, ensure_ascii=False) + "\n"


def document_text(document: Document) -> str:
    """Return the document as JSON text."""
    return json.dumps(codec.encode(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_document(text: str) -> Document:
    """Read a document back.

    Raises:
        UsageError: It is not a document of this schema version.
    """
    try:
        data = json.loads(text)
        if data["schema"] != SCHEMA_VERSION:
            raise UsageError(
                f"The document has schema version {data['schema']!r}, this version reads {SCHEMA_VERSION}.",
                "Read it with the version of pytest-edgert that its tool_version names.",
            )
        return codec.decode(Document, data)
    except (TypeError, KeyError, ValueError) as error:
        raise UsageError(f"Not a document of pytest-edgert: {error}.", "Name a file written by --edge-json.") from error


def check_writable(path: Path) -> None:
    """Raise UsageError unless a document can be written to `path` at the end of the run; writes nothing there."""
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"--edge-json={path}: {folder} is not a folder.", "Make the folder first, or name another.")
    if path.is_dir():
        raise UsageError(f"--edge-json={path}: that is a folder.", "Name a file, such as edgert.json.")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise UsageError(
            f"--edge-json={path}: cannot write to {folder}: {error.strerror}.", "Name a folder that can be written to."
        ) from error


def write_document(path: Path, document: Document) -> None:
    """Write the document so that `path` holds either all of it or what was there before. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(document_text(document))
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
