"""Every ONNX node test on every target, and what disagrees is what the table says: no more, and no less."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from backend_cases import TARGETS, difference, node_cases, run_cases
from backend_table import (
    BEGIN,
    CLASSES,
    END,
    PAGE,
    Found,
    cpu_features,
    disagreements,
    page,
    read_table,
    reason_of,
    run_targets,
)

from pytest_edgert.errors import WorkerCrashedError, WorkerError, WorkerHungError
from pytest_edgert.sessions import SessionPlan

REMEDY = "judge it, then bring the table up to date: python tests/lab/backend_table.py"


def test_every_disagreement_has_a_class_and_a_reason() -> None:
    rows = [row for part in read_table()["targets"].values() for row in part["rows"]]
    assert rows
    assert all(row["class"] in CLASSES and row["why"] and row["cases"] for row in rows)


def test_every_case_is_judged_or_left_out_with_a_reason_on_every_target() -> None:
    for part in read_table()["targets"].values():
        assert all(part["skipped"])
        judged = part["agree"] + sum(len(row["cases"]) for row in part["rows"])
        assert judged + sum(map(len, part["skipped"].values())) == 1884


def test_the_page_says_what_the_data_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text[text.index(BEGIN) : text.index(END) + len(END)] == page(read_table())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    made = read_table()["made"]["onnx"]
    if version("onnx") != made:
        pytest.skip(f"the table is of the node tests of onnx {made}, and this is {version('onnx')}: {REMEDY}")
    folder: Path = tmp_path_factory.mktemp("cases")
    return run_targets(folder)


@pytest.mark.lab
@pytest.mark.parametrize("target", TARGETS)
def test_what_disagrees_with_the_node_tests_is_what_the_table_lists(found: dict[str, Found], target: str) -> None:
    table, part, one = read_table()["made"], read_table()["targets"][target], found[target]
    if target != "reference:cpu" and (one.version, cpu_features()) != (part["version"], table["cpu"]):
        known = f"{part['version']} on {table['cpu']}"
        pytest.skip(f"the table is of {target} {known}, and this is {one.version} on {cpu_features()}: {REMEDY}")
    listed = {(case, row["outcome"]) for row in part["rows"] for case in row["cases"]}
    new, gone = disagreements(one.outcomes) - listed, listed - disagreements(one.outcomes)
    said = {case: one.outcomes[case].what for case, _ in new}
    assert not new, f"{target} disagrees where the table does not know it ({REMEDY}): {said}"
    assert not gone, f"{target} disagrees no longer ({REMEDY}): {sorted(gone)}"
    left_out = {case for case, outcome in one.outcomes.items() if outcome.kind == "skipped"}
    assert left_out == {case for cases in part["skipped"].values() for case in cases}, REMEDY


class Lost:
    """A pool whose one session loses its worker, by a signal or by the deadline."""

    def __init__(self, error: WorkerError) -> None:
        self.error = error

    def session(self, plan: SessionPlan) -> Lost:
        return self

    @property
    def signature(self) -> None:
        raise self.error

    def close(self) -> None:
        pass


@pytest.mark.slow
@pytest.mark.parametrize(("error", "kind"), [(WorkerCrashedError, "crashes"), (WorkerHungError, "hangs")])
def test_a_case_that_loses_the_worker_is_a_row_and_the_next_one_runs(error, kind, tmp_path: Path) -> None:
    cases = node_cases()[:2]
    found = dict(run_cases(Lost(error("gone by SIGSEGV")), cases, "openvino:cpu+f32", tmp_path))
    assert [outcome.kind for outcome in found.values()] == [kind, kind]
    assert all("SIGSEGV" in outcome.what for outcome in found.values())


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "missing"),
        (np.zeros(3, np.float32), "float32[3] for float32[2]"),
        (np.zeros(2), "float64[2] for float32[2]"),
        (np.array([0, np.nan], np.float32), "1 of 2 elements"),
        (np.array([0, 1.1], np.float32), "1 of 2 elements"),
        (np.array([0, 1.0001], np.float32), ""),
    ],
)
def test_an_answer_differs_by_structure_or_beyond_the_tolerance(found, said) -> None:
    trouble = difference(found, np.array([0, 1], np.float32), 1e-3, 1e-7)
    assert said in trouble
    assert bool(trouble) is bool(said)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "onnxruntime:cpu lacks the operator ai.onnx:RoiAlign (version 22) of test_roialign_mode_max.onnx.",
            "lacks the operator ai.onnx:RoiAlign 22",
        ),
        (
            "Input 'x' of test_a.onnx is bf16, which openvino does not exchange as a NumPy array.",
            "openvino exchanges no bf16",
        ),
        (
            "test_a.onnx needs operators that the reference lacks: my.domain.Swirl.",
            "lacks the operator my.domain.Swirl",
        ),
    ],
)
def test_a_reason_says_nothing_of_the_single_case(said: str, reason: str) -> None:
    assert reason_of(said) == reason
