from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_edgert.contracts import RuntimeInfo, Target
from pytest_edgert.errors import WorkerError
from pytest_edgert.plugin.cells import (
    CellPlan,
    Surroundings,
    opening_options,
    plan_cells,
)
from pytest_edgert.plugin.probes import LOST, ProbedRuntime, ProbeTable
from pytest_edgert.plugin.settings import Settings
from pytest_edgert.records import Presence, PresenceState

CPU = Presence("cpu", PresenceState.USABLE)
GPU = Presence("gpu", PresenceState.UNUSABLE, "no driver", "Install the driver.")
INFOS = {
    "first": RuntimeInfo(
        "first", ("first",), ("first",), (".onnx",), ("gpu", "cpu"), {"plain": {"level": 0}}, {"level": "a level"}
    ),
    "second": RuntimeInfo("second", ("second",), ("second",), (".onnx",), ("cpu",), extra="second"),
    "silent": RuntimeInfo("silent", (), (), (".onnx",), ("cpu",), enumerated=False),
}


def around(settings: Settings, *installed: str, answers: Sequence[Presence] = (CPU, GPU)) -> Surroundings:
    return Surroundings(
        settings,
        INFOS,
        frozenset(installed),
        lambda names: ProbeTable({name: ProbedRuntime("1", tuple(answers)) for name in names}),
        lambda info: f"pip install {info.name}",
        2,
    )


@pytest.fixture
def frame(tmp_path: Path) -> CellPlan:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\xff\xfe")
    return CellPlan("net", path, Target(""))


def test_every_usable_accelerator_of_every_installed_runtime_is_a_cell(frame: CellPlan) -> None:
    cells = plan_cells(frame, around(Settings(), "first", "second", "silent"))
    assert [cell.id for cell in cells] == ["net.onnx-first:cpu", "net.onnx-second:cpu"]
    assert not any(cell.missing or cell.named for cell in cells)


def test_a_runtime_that_must_be_named_is_a_cell_when_named(frame: CellPlan) -> None:
    (cell,) = plan_cells(frame, around(Settings(targets=(Target("silent"),)), "first", "silent"))
    assert (cell.target, cell.named) == (Target("silent", "cpu"), True)


def test_a_named_target_without_its_runtime_says_how_to_install_it(frame: CellPlan) -> None:
    (cell,) = plan_cells(frame, around(Settings(targets=(Target("second", "cpu"),)), "first"))
    assert cell.id == "net.onnx-second:cpu"
    assert "second is not installed" in cell.missing
    assert cell.remedy == "Install it: pip install second"


def test_a_named_accelerator_that_is_unusable_says_why(frame: CellPlan) -> None:
    (cell,) = plan_cells(frame, around(Settings(targets=(Target("first", "gpu"),)), "first"))
    assert (cell.missing, cell.remedy) == ("first:gpu is missing: no driver.", "Install the driver.")


def test_a_runtime_that_could_not_be_asked_is_a_cell_that_fails(frame: CellPlan) -> None:
    lost = Presence(LOST, PresenceState.UNUSABLE, "the worker died of SIGSEGV", "Reinstall it.")
    (cell,) = plan_cells(frame, around(Settings(), "first", answers=[lost]))
    assert isinstance(cell.problem(), WorkerError)
    assert "SIGSEGV" in cell.missing


def test_nothing_installed_is_one_cell_that_names_the_extras(frame: CellPlan) -> None:
    (cell,) = plan_cells(frame, around(Settings()))
    assert cell.target == Target("")
    assert 'pip install "pytest-edgert[cpu]"' in cell.remedy


def test_installed_and_unusable_is_one_cell_that_says_why(frame: CellPlan) -> None:
    (cell,) = plan_cells(frame, around(Settings(), "first", answers=[GPU]))
    assert "no driver" in cell.missing


def test_a_required_target_that_is_missing_stands_beside_the_others(frame: CellPlan) -> None:
    cells = plan_cells(frame, around(Settings(required_targets=(Target("first", "gpu"),)), "first"))
    assert [(cell.id, bool(cell.missing)) for cell in cells] == [
        ("net.onnx-first:cpu", False),
        ("net.onnx-first:gpu", True),
    ]


def test_options_grow_stronger_from_table_to_table(frame: CellPlan) -> None:
    tables = [{"first": {"level": 1, "threads": 8}}, {"first:cpu": {"level": 2}}]
    (cell,) = plan_cells(frame, around(Settings(targets=(Target("first", "cpu", "plain"),)), "first"), tables)
    assert (cell.options, cell.variant_options) == ({"level": 2, "threads": 8}, {"level": 0})
    assert opening_options(cell) == {"threads": 8, "level": 2}


def test_threads_are_the_devices_cores_by_default(frame: CellPlan) -> None:
    (cell,) = plan_cells(frame, around(Settings(), "first"))
    assert opening_options(cell) == {"threads": 2}


def test_a_gate_files_dimensions_become_options_of_the_session(frame: CellPlan) -> None:
    from dataclasses import replace

    (cell,) = plan_cells(replace(frame, dimensions={"batch": 1}), around(Settings(), "first"))
    assert not cell.missing
    assert opening_options(cell) == {"threads": 2, "dimension.batch": 1}
