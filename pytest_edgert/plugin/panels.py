"""From a cell to the panel that judges its agreement, the reference session of a test, and its tolerance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_edgert.contracts import Target
from pytest_edgert.panel import ORACLE, Panel
from pytest_edgert.plugin import outcomes, state
from pytest_edgert.plugin.cells import CellPlan
from pytest_edgert.plugin.markers import read_tolerance
from pytest_edgert.plugin.needs import cell_of
from pytest_edgert.plugin.setting import session_plan
from pytest_edgert.plugin.witnesses import aside, variant_cells, witness_cells
from pytest_edgert.tolerances import CALIBRATES, TOLERANCE_CHANGES, ToleranceChange

if TYPE_CHECKING:
    import pytest

    from pytest_edgert.sessions import EdgeSession, SessionPool


def panel_of(config: pytest.Config, cell: CellPlan, pool: SessionPool) -> Panel:
    """Return who may be asked about a cell. Raises ArtefactError when the reference artefact is no sound file."""
    around = state.surroundings_of(config)
    witnesses, variants = (
        tuple(pool.session(session_plan(one)) for one in cells(cell, cell.artefact, around))
        for cells in (witness_cells, variant_cells)
    )
    named = cell.agreement.reference is not None
    return Panel(witnesses, tuple(_references(config, cell, pool)), named, variants)


def _references(config: pytest.Config, cell: CellPlan, pool: SessionPool) -> list[EdgeSession]:
    """Return sessions of the reference artefact, none when the cell's own artefact is the reference."""
    around = state.surroundings_of(config)
    named = cell.agreement.reference
    artefact = (named.artefact if named else None) or (cell.siblings[0] if cell.siblings else cell.artefact)
    if named is not None and named.target is not None:
        chosen = [aside(cell, artefact, named.target, around)]
    elif artefact == cell.artefact:
        return []
    elif named is not None and named.oracle:
        chosen = [aside(cell, artefact, Target(ORACLE, "cpu"), around)]
    else:
        chosen = witness_cells(cell, artefact, around)
    return [pool.session(session_plan(one)) for one in chosen]


@contextmanager
def tolerance_of(item: pytest.Item) -> Iterator[None]:
    """Let comparisons of a running test be judged by what its gate file and mark ask, and tell margins in a calibration."""
    token = TOLERANCE_CHANGES.set(tolerance_changes(item))
    asked = outcomes.settings_if_any(item.config)
    calibrates = CALIBRATES.set(asked is not None and asked.calibrate is not None)
    try:
        yield
    finally:
        CALIBRATES.reset(calibrates)
        TOLERANCE_CHANGES.reset(token)


def tolerance_changes(item: pytest.Item) -> tuple[ToleranceChange, ...]:
    """Return what the gate file and the test's mark ask of the tolerance, the weakest first. Raises UsageError."""
    cell = cell_of(item)
    changes = []
    if cell is not None and (cell.agreement.changes or cell.agreement.indices):
        keys = cell.agreement
        changes.append(ToleranceChange(keys.changes, keys.reason, keys.source, keys.indices))
    changes += [
        ToleranceChange(part.changes, part.reason, part.source, output=part.output, question=part.question)
        for part in (cell.agreement.parts if cell is not None else ())
    ]
    mark = item.get_closest_marker("edge_tolerance")
    if mark is not None:
        changes.append(read_tolerance(mark))
    return tuple(changes)
