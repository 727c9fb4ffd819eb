"""The cells beside a cell: other ways of computing its artefact, and the reference artefact of its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pytest_edgert.contracts import Target
from pytest_edgert.panel import ORACLE
from pytest_edgert.plugin.cells import CellPlan, Surroundings, missing_target, reads, with_options
from pytest_edgert.plugin.models import identify_readable


def witness_cells(cell: CellPlan, artefact: Path, around: Surroundings) -> list[CellPlan]:
    """Return the other ways of computing an artefact, the most trusted first.

    That is the exact oracle, each other runtime that reads it (on its CPU, the most trusted of its accelerators), and
    the kernel sets of the cell's own runtime.

    Args:
        cell: The cell under test.
        artefact: Its artefact, or the reference artefact of the model.
        around: What is here.
    """
    found = [Target(ORACLE, "cpu")] if ORACLE in around.installed else []
    found += [Target(name, "cpu") for name, info in around.infos.items() if info.enumerated and name != cell.runtime]
    own = around.infos[cell.runtime]
    kernels = own.variants if own.enumerated else ()
    found += [Target(own.name, "cpu", variant) for variant in ("", *kernels)]
    return _usable(found, cell, artefact, around)


def variant_cells(cell: CellPlan, artefact: Path, around: Surroundings) -> list[CellPlan]:
    """Return the other kernels of the runtimes beside the cell's, which are asked only where somebody has to be wrong."""
    others = [info for name, info in around.infos.items() if info.enumerated and name != cell.runtime]
    return _usable(
        [Target(one.name, "cpu", variant) for one in others for variant in one.variants], cell, artefact, around
    )


def _usable(found: Sequence[Target], cell: CellPlan, artefact: Path, around: Surroundings) -> list[CellPlan]:
    usable = [t for t in found if reads(around.infos[t.runtime], artefact) and t.runtime in around.installed]
    return [aside(cell, artefact, target, around) for target in usable if missing_target(target, around) is None]


def aside(cell: CellPlan, artefact: Path, target: Target, around: Surroundings) -> CellPlan:
    """Return the cell of an artefact on a target that a cell is compared with."""
    tables = [*([cell.gate.options] if cell.gate else []), around.settings.options]
    known = {suffix for info in around.infos.values() for suffix in info.suffixes}
    identity = cell.identity if artefact == cell.artefact else identify_readable(artefact, known)
    same = artefact == cell.artefact
    frame = replace(
        cell,
        artefact=artefact,
        identity=identity,
        target=target,
        label="",
        shapes=cell.shapes if same else around.settings.shapes,
    )
    return with_options(frame, around, tables)
