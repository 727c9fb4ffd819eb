"""Which models a run is about: artefacts of ``--edge-model`` grouped by network, and what is wrong with a file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.errors import UsageError
from pytest_edgert.plugin.not_yet import PLANNED_RUNTIMES, refuse

if TYPE_CHECKING:
    from pytest_edgert.plugin.gate_file import GateFile
    from pytest_edgert.runtimes.artefact import Artefact


@dataclass(frozen=True, slots=True)
class Model:
    """One network and its artefacts (absolute paths), as the command line groups them.

    Args:
        name: The name given, else the files' stem.
        artefacts: Its artefacts in the order given.
        named: Whether the user gave the name.
    """

    name: str
    artefacts: tuple[Path, ...]
    named: bool = False


def read_spec(text: str, folder: Path) -> tuple[str | None, Path]:
    """Return name and absolute path of one ``[NAME=]PATH``.

    NAME counts only without a path separator in it and when the whole text is no existing file.

    Raises:
        UsageError: The path is empty or holds ``[`` or ``::``, at which pytest splits node ids.
    """
    name, equals, path = text.partition("=")
    whole = folder / text
    named = bool(equals and name) and not {"/", os.sep} & set(name) and not whole.exists()
    artefact = Path(os.path.normpath(folder / path if named else whole))
    if named and not path:
        raise UsageError(f"--edge-model={text} names no file.", "Write --edge-model=NAME=PATH.")
    if "[" in str(artefact) or "::" in str(artefact):
        raise UsageError(
            f"--edge-model={text}: {artefact} holds '[' or '::', at which pytest splits the ids of tests.",
            "Rename or move the file.",
        )
    return (name if named else None), artefact


def group_models(specs: Sequence[str], folder: Path) -> tuple[Model, ...]:
    """Return the models that the values of ``--edge-model`` make: one per name or stem, in the order given.

    Args:
        specs: Values as written.
        folder: What relative paths are relative to.

    Raises:
        UsageError: A value cannot be a path of an artefact.
    """
    grouped: dict[tuple[str, bool], dict[Path, None]] = {}
    for name, path in (read_spec(text, folder) for text in specs):
        grouped.setdefault((name or path.stem, name is not None), {})[path] = None
    return tuple(Model(name, tuple(paths), named) for (name, named), paths in grouped.items())


def comparison_hint(models: Sequence[Model]) -> str:
    """Return the line that says how to compare two models given without a name; empty when there is nothing to say."""
    unnamed = [model for model in models if not model.named]
    if len(unnamed) < 2:
        return ""
    first, second = (model.artefacts[0] for model in unnamed[:2])
    count = {2: "two", 3: "three"}.get(len(unnamed), str(len(unnamed)))
    return f"{count} models; to compare them write --edge-model=NAME={_shown(first)} --edge-model=NAME={_shown(second)}"


def _shown(path: Path) -> str:
    shown = os.path.relpath(path)
    return str(path) if shown.startswith("..") else shown


def labels(artefacts: Iterable[Path]) -> dict[Path, str]:
    """Return a short name for each artefact, its file name, with folders in front where two would be alike."""
    paths = list(dict.fromkeys(artefacts))
    depth = dict.fromkeys(paths, 1)
    while True:
        names = {path: "/".join(path.parts[-depth[path] :]) for path in paths}
        count = Counter(names.values())
        alike = [path for path in paths if count[names[path]] > 1 and depth[path] < len(path.parts)]
        if not alike:
            return names
        for path in alike:
            depth[path] += 1


def identify_readable(path: Path, suffixes: Iterable[str]) -> Artefact:
    """Return the identity of an artefact that a registered runtime reads.

    Args:
        path: The artefact.
        suffixes: Suffixes that registered runtimes read.

    Raises:
        ArtefactError: It is missing, empty, unreadable, a folder, of an unknown suffix, or no model at first sight.
        NotYetError: The runtime that reads such files is planned and not built.
    """
    from pytest_edgert.runtimes.artefact import identify

    artefact = identify(path)
    if artefact.suffix not in set(suffixes):
        planned = [name for name, read in PLANNED_RUNTIMES.items() if artefact.suffix in read]
        raise refuse(f"the runtime {' or '.join(planned) or 'for it'}, which reads {artefact.suffix} files,", str(path))
    return artefact


def find_gate_file(artefact: Path) -> GateFile | None:
    """Return the gate file in an artefact's folder that lists it, None when there is none.

    Raises:
        UsageError: The gate file named like the artefact is wrong, or two of them list it.
    """
    from pytest_edgert.plugin.gate_file import SUFFIX, read_gate_file

    found: list[GateFile] = []
    for path in sorted(artefact.parent.glob(f"*{SUFFIX}")) if artefact.parent.is_dir() else []:
        if artefact.name in path.read_text(encoding="utf-8", errors="replace"):
            gate = read_gate_file(path)
            found += [gate] if artefact in gate.artefacts else []
    if len(found) > 1:
        raise UsageError(
            f"{artefact} is listed by two gate files: {found[0].path.name} and {found[1].path.name}.",
            "Leave it in one of them.",
        )
    return found[0] if found else None
