"""Before a test runs: what is wrong with its marks or its cell, and whether this machine has what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_edgert.contracts import Target
from pytest_edgert.errors import TargetMissingError, UsageError
from pytest_edgert.plugin import state
from pytest_edgert.plugin.cells import CellPlan, Surroundings, missing_target
from pytest_edgert.plugin.markers import Need, check_marks, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterable


def cell_of(item: pytest.Item) -> CellPlan | None:
    """Return the cell that a test runs on, None for a test without one."""
    cell = (
        item.callspec.params.get("edge_target")
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else None
    )
    return cell if isinstance(cell, CellPlan) else None


def check_before_run(item: pytest.Item) -> None:
    """Raise what is wrong with a test's marks or cell, and skip it when it needs what is not here.

    Raises:
        UsageError: A mark is wrong.
        ArtefactError: The artefact cannot be one.
        TargetMissingError: A named target is missing, or in acceptance mode anything the test needs is.
    """
    __tracebackhide__ = True
    check_marks(item)
    _refuse_flaky(item)
    cell = cell_of(item)
    problem = cell.problem() if cell is not None else None
    if problem is not None:
        raise problem
    needs = needs_of(item)
    if not needs:
        return
    device_names = state.device_of(item.config).profile.names if any(n.kind == "device" for n in needs) else ()
    found = missing_need(needs, cell, state.surroundings_of(item.config), device_names)
    if found is None:
        return
    if state.settings_of(item.config).accept:
        raise TargetMissingError(f"--edge-accept: {found[0]}", found[1])
    pytest.skip(" ".join(part for part in found if part))


def _refuse_flaky(item: pytest.Item) -> None:
    """Raise UsageError for a mark that would have a test of an acceptance tried again."""
    if item.get_closest_marker("flaky") is not None and state.settings_of(item.config).accept:
        raise UsageError(
            "A mark flaky contradicts --edge-accept: the test would be tried until it is green.", "Take it off."
        )


def missing_need(
    needs: Iterable[Need], cell: CellPlan | None, around: Surroundings, device_names: Iterable[str]
) -> tuple[str, str] | None:
    """Return reason and remedy of the first need that does not hold, None when all hold.

    Args:
        needs: What the test's marks ask for; each is met by any one of its names.
        cell: The cell it runs on; without one, presence on this machine counts.
        around: What is here.
        device_names: Names that the device under test answers to.
    """
    for need in needs:
        if need.kind == "device":
            found = None if set(need.names) & set(device_names) else _other_device(need, device_names)
        elif cell is not None and getattr(cell, need.kind) in need.names:
            found = None
        else:
            found = _absent(need, around)
            if found is None and cell is not None:
                found = (f"needs the {need.kind} {_any_of(need)}; this cell is {cell.target}.", "")
        if found is not None:
            return found
    return None


def _any_of(need: Need) -> str:
    return " or ".join(need.names)


def _other_device(need: Need, device_names: Iterable[str]) -> tuple[str, str]:
    here = next(iter(device_names), "unknown")
    return f"needs the device {_any_of(need)}; this is {here}.", f"Run it on {_any_of(need)}."


def _absent(need: Need, around: Surroundings) -> tuple[str, str] | None:
    """Return why none of the names is present on this machine."""
    if need.kind == "runtime":
        targets = [Target(name) for name in need.names if name in around.infos]
    else:
        targets = [
            Target(name, accelerator)
            for accelerator in need.names
            for name, info in around.infos.items()
            if accelerator in info.accelerators and info.enumerated
        ]
    errors = [missing_target(target, around) for target in targets]
    if any(error is None for error in errors):
        return None
    reasons = " ".join(error.message for error in errors if error is not None)
    remedies = " ".join(dict.fromkeys(error.remedy for error in errors if error is not None))
    reason = f"needs the {need.kind} {_any_of(need)}: {reasons or 'no runtime of this version offers it.'}"
    return reason, remedies
