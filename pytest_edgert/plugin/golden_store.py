"""Where the goldens of tests and gates lie, and whether a gate has any."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.golden.names import golden_name
from pytest_edgert.golden.store import FOLDER, GoldenStore
from pytest_edgert.plugin import state
from pytest_edgert.plugin.gate import Gate

if TYPE_CHECKING:
    import pytest

    from pytest_edgert.goldens import EdgeGolden
    from pytest_edgert.plugin.cells import CellPlan


def store_beside(config: pytest.Config, path: Path) -> GoldenStore:
    """Return the store that ``--edge-goldens`` names, else the one beside a gate file, test or model."""
    return GoldenStore(state.settings_of(config).goldens or path.parent / FOLDER)


def golden_of_test(item: pytest.Item, cell: CellPlan) -> EdgeGolden:
    """Return the golden that a test on a cell checks: one for each test, model and artefact."""
    from pytest_edgert.golden.update import read_mode
    from pytest_edgert.goldens import EdgeGolden

    mode = state.settings_of(item.config).update_golden
    in_gate = item.getparent(Gate) is not None
    name = gate_golden(cell) if in_gate else golden_name(item.name.partition("[")[0], cell.model, cell.label)
    return EdgeGolden(
        store_beside(item.config, item.path), name, None if mode is None else read_mode(mode), str(item.nodeid)
    )


def gate_golden(cell: CellPlan) -> str:
    """Return the name of the golden of a gate's cell; all targets share it unless they record their own."""
    return golden_name("gate", cell.model, cell.label or cell.artefact.name)


def gate_has_golden(config: pytest.Config, path: Path, cells: Iterable[CellPlan]) -> bool:
    """Return whether a gate checks goldens: there is one for a cell of it, or one is to be recorded."""
    if state.settings_of(config).update_golden is not None:
        return True
    store = store_beside(config, path)
    return any(store.holds(name) for name in {gate_golden(cell) for cell in cells})
