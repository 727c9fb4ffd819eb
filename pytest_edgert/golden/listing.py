"""What ``edgert golden list`` shows: every golden below a folder, where it comes from, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_edgert.errors import ArtefactError
from pytest_edgert.golden.manifest import Manifest
from pytest_edgert.golden.names import MANIFEST_SUFFIX, PAYLOAD_SUFFIX
from pytest_edgert.golden.store import GoldenEntry, GoldenStore


def golden_folders(start: Path) -> Iterator[Path]:
    """Give every folder at or below `start` that holds files of goldens, sorted.

    Links are not followed; hidden folders and virtual environments are left out.

    Raises:
        ArtefactError: `start` is no folder.
    """
    if not start.is_dir():
        raise ArtefactError(f"{start} is not a folder.", "Name a folder that holds goldens, at any depth.")
    for folder, children, files in os.walk(start):
        children[:] = [] if "pyvenv.cfg" in files else sorted(name for name in children if not name.startswith("."))
        if any(name.endswith((MANIFEST_SUFFIX, PAYLOAD_SUFFIX)) and not name.startswith(".") for name in files):
            yield Path(folder)


def list_goldens(start: Path) -> tuple[GoldenEntry, ...]:
    """Return every golden at or below a folder, each read in full; raises ArtefactError when `start` is no folder."""
    return tuple(entry for folder in golden_folders(start) for entry in GoldenStore(folder).entries())


def listing_lines(entries: Iterable[GoldenEntry]) -> Iterator[str]:
    """Give the lines that show goldens: the path, what it is of and what made it, and its problem."""
    count = broken = 0
    for entry in entries:
        count, broken = count + 1, broken + bool(entry.problem)
        yield str(entry.path)
        if entry.manifest is not None:
            yield from (f"    {line}" for line in _told(entry.manifest))
        if entry.problem:
            yield f"    PROBLEM: {entry.problem}"
    yield f"{count} golden{'s' * (count != 1)}, {broken} with a problem" if count else "no goldens"


def _told(manifest: Manifest) -> Iterator[str]:
    outputs = ", ".join(f"{one.name} {one.dtype}{list(one.shape)}" for one in manifest.outputs)
    yield f"model {manifest.model.file} ({manifest.model.sha256[:12]}), {manifest.payload.size_bytes} bytes: {outputs}"
    made = f"{manifest.oracle.kind} {manifest.oracle.version}".strip()
    aim = f" on {manifest.environment.target}" if manifest.environment.target else ""
    yield f"from {made}{aim}, {manifest.created_utc}" + (f": {manifest.reason}" if manifest.reason else "")
    yield f"by {manifest.test_nodeid or 'no test'}"
    if manifest.agreement is not None:
        yield from (
            f"low headroom: {one.output} {one.metric} {one.observed:g} of {one.limit:g}"
            for one in manifest.agreement.headroom
            if one.is_low
        )
