"""Which test items are ours, on which cell, and how that travels on reports to the controller of pytest-xdist."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from pytest_edgert.codec import decode, encode
from pytest_edgert.records import Cell
from pytest_edgert.reports.items import ItemOutcome, Outcome

if TYPE_CHECKING:
    import pytest

    from pytest_edgert.plugin.cells import CellPlan

#: Attribute of a report that holds an `ItemOutcome` as JSON text.
ATTRIBUTE = "edgert_item"

#: Ends of the paths that a gate is collected from: a gate file, and every artefact of the vocabulary.
_GATE_SUFFIXES = (
    ".edge.toml",
    ".onnx",
    ".ort",
    ".tflite",
    ".xml",
    ".engine",
    ".plan",
    ".mlpackage",
    ".mlmodel",
    ".hef",
)
#: A target in the brackets of an id: ``[mobilenet.onnx-onnxruntime:cpu]``.
_TARGET_IN_ID = re.compile(r"\[(?:.*-)?[a-z]\w*:[a-z]\w*(?:\+[a-z]\w*)?(?:-.*)?\]$")


def cell_plan_of(item: pytest.Item) -> CellPlan | None:
    """Return the cell that an item was collected for; None for an item without one."""
    plan: CellPlan | None = getattr(item, "cell", None) or getattr(item, "callspec", _NoParams).params.get(
        "edge_target"
    )
    return plan


def is_cell_item(item: pytest.Item) -> bool:
    """Return whether an item is about a cell."""
    return cell_plan_of(item) is not None or is_gate_id(item.nodeid)


def is_gate_id(nodeid: str) -> bool:
    """Return whether an id belongs to the built-in gate: its path is a gate file's or an artefact's."""
    path = nodeid.partition("[")[0].partition("::")[0].lower()
    return not path.endswith(".py") and path.endswith((*_GATE_SUFFIXES, *_registered_suffixes()))


@cache
def _registered_suffixes() -> tuple[str, ...]:
    """Return what registered runtimes read: an adapter may come with suffixes of its own."""
    from pytest_edgert.runtimes.registry import runtimes

    return tuple(suffix for runtime in runtimes().values() for suffix in runtime.info.suffixes)


def is_cell_id(nodeid: str) -> bool:
    """Return whether an id tells of a cell: all that the controller of pytest-xdist knows of an item it only planned."""
    return is_gate_id(nodeid) or _TARGET_IN_ID.search(nodeid) is not None


def describe(item: pytest.Item) -> ItemOutcome:
    """Return an item as the reports know it, not run so far."""
    plan = cell_plan_of(item)
    cell = (
        None
        if plan is None
        else Cell(plan.model, plan.artefact.name, getattr(plan.identity, "sha256", ""), str(plan.target))
    )
    return describe_id(item.nodeid, cell)


def describe_id(nodeid: str, cell: Cell | None = None) -> ItemOutcome:
    """Return the item of an id, not run so far."""
    check = nodeid.partition("[")[0].rpartition("::")[2]
    return ItemOutcome(nodeid, Outcome.NOTRUN, check=check, cell=cell, gate=is_gate_id(nodeid))


def attach(report: pytest.TestReport, item: ItemOutcome) -> None:
    """Put an item on a report."""
    setattr(report, ATTRIBUTE, json.dumps(encode(item)))


def item_of(report: pytest.TestReport) -> ItemOutcome | None:
    """Return the item that a report carries; None when it carries none."""
    text = getattr(report, ATTRIBUTE, None)
    return None if text is None else decode(ItemOutcome, json.loads(text))


class _NoParams:
    params: dict[str, CellPlan] = {}  # noqa: RUF012 - read only
