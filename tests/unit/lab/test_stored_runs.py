"""Which stored record a run is compared with, and what makes it no baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_edgert.errors import NotRunError
from pytest_edgert.measure.samples import LatencySamples, write_samples
from pytest_edgert.records import Cell, CheckRecord, Environment, Latency, Verdict
from pytest_edgert.stored_runs import StoredRun, record_of, refuse_other_conditions, samples_of

CELL = Cell("net", "net.onnx", "ab" * 32, "onnxruntime:cpu")
FACTS = {"arch": "x86_64", "cpu_model": "CPU 9", "cores_usable": 2, "governor": None, "kernel": "6.1"}
HERE = Environment("board", FACTS, "1.32.0", {"threads": 2}, "3.11", "0.1")
LATENCY = Latency((), (), 3, 3.0, 1.0, 1.0, 1.0, 1, 1.0, 1.0, "2 s were watched")
RECORD = CheckRecord("latency", CELL, Verdict.MEASURED, "fine.", latency=LATENCY, environment=HERE)
NOW = {"governor": "performance"}
STORED = replace(RECORD, conditions=NOW)


def run_of(*records: CheckRecord, path: Path = Path("old.json")) -> StoredRun:
    return StoredRun(path, records)


def test_the_record_of_the_same_model_artefact_and_target_is_found_whatever_its_hash() -> None:
    others = [
        replace(RECORD, cell=replace(CELL, **{name: "other"}))  # type: ignore[arg-type]
        for name in ("model", "artefact", "target")
    ]
    newer = replace(CELL, artefact_sha256="cd" * 32)
    assert record_of(run_of(*others, RECORD), newer) is RECORD


def test_of_several_records_the_last_counts() -> None:
    later = replace(RECORD, reason="later.")
    assert record_of(run_of(RECORD, later), CELL) is later


def test_a_run_without_this_cell_tells_what_it_has() -> None:
    other = replace(RECORD, cell=replace(CELL, target="openvino:cpu"))
    with pytest.raises(
        NotRunError, match=r"holds no latency of net.onnx on onnxruntime:cpu .*net.onnx on openvino:cpu"
    ):
        record_of(run_of(other), CELL)
    with pytest.raises(NotRunError, match="It has no latency at all"):
        record_of(run_of(replace(RECORD, latency=None)), CELL)


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.INVALID, Verdict.INFRA])
def test_a_record_that_is_not_green_is_no_baseline(verdict: Verdict) -> None:
    with pytest.raises(NotRunError, match=f"ended {verdict.value}: fine"):
        record_of(run_of(replace(RECORD, verdict=verdict)), CELL)


def test_equal_conditions_are_taken() -> None:
    refuse_other_conditions(run_of(STORED), STORED, HERE, NOW)


def test_facts_that_move_no_latency_may_differ() -> None:
    here = replace(HERE, device_facts={**FACTS, "kernel": "6.2"}, python="3.12", tool_version="0.2")
    refuse_other_conditions(run_of(STORED), STORED, here, NOW)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"device": "other"}, "device 'board' there and 'other' here"),
        ({"runtime_version": "1.33.0"}, "runtime version '1.32.0' there and '1.33.0' here"),
        ({"options": {"threads": 4}}, "option threads 2 there and 4 here"),
        ({"options": {}}, "option threads 2 there and not told here"),
        ({"device_facts": {**FACTS, "cpu_model": "CPU 8"}}, "cpu_model 'CPU 9' there and 'CPU 8' here"),
        ({"device_facts": {**FACTS, "cores_usable": 4}}, "cores_usable 2 there and 4 here"),
        ({"device_facts": {**FACTS, "power_mode": "15W"}}, "power_mode not told there and '15W' here"),
    ],
)
def test_another_condition_is_refused_and_both_are_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(NotRunError, match="recorded under other") as caught:
        refuse_other_conditions(run_of(STORED), STORED, replace(HERE, **change), NOW)
    assert caught.value.message == f"old.json was recorded under other conditions: {told}."
    assert "--edge-json" in caught.value.remedy


def test_another_governor_during_the_measurement_is_refused() -> None:
    with pytest.raises(NotRunError, match="governor meanwhile 'performance' there and 'powersave' here"):
        refuse_other_conditions(run_of(STORED), STORED, HERE, {"governor": "powersave"})


def test_an_open_loop_is_not_compared_with_a_closed_one() -> None:
    stored = replace(STORED, latency=replace(LATENCY, arrival="every 33 ms"))
    with pytest.raises(NotRunError, match="arrival of requests 'every 33 ms' there and 'closed' here"):
        refuse_other_conditions(run_of(stored), stored, HERE, NOW)


def test_a_record_without_an_environment_is_refused() -> None:
    stored = replace(STORED, environment=None)
    with pytest.raises(NotRunError, match="environment not told there"):
        refuse_other_conditions(run_of(stored), stored, HERE, NOW)


def keep(path: Path) -> Latency:
    ns = np.array([3, 1, 2], np.int64)
    digest = write_samples(path, LatencySamples(ns, np.cumsum(ns), 1, 1, 1, "done"))
    return replace(LATENCY, samples_path=str(path), samples_sha256=digest)


def test_samples_are_read_where_they_were_written(tmp_path: Path) -> None:
    latency = keep(tmp_path / "a.safetensors")
    assert samples_of(run_of(), latency).durations_ns.tolist() == [3, 1, 2]


def test_samples_that_moved_with_the_document_are_found_beside_it(tmp_path: Path) -> None:
    latency = keep(tmp_path / "a.safetensors")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "a.safetensors").rename(moved / "a.safetensors")
    assert samples_of(run_of(path=moved / "old.json"), latency).durations_ns.tolist() == [3, 1, 2]


def test_samples_that_are_gone_are_named(tmp_path: Path) -> None:
    latency = keep(tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").unlink()
    with pytest.raises(NotRunError, match=r"raw samples that .*old.json names are not there: .*a.safetensors"):
        samples_of(run_of(path=tmp_path / "old.json"), latency)


def test_a_record_that_names_no_file_is_refused() -> None:
    with pytest.raises(NotRunError, match="no file is named"):
        samples_of(run_of(), LATENCY)


def test_samples_that_are_not_those_of_the_record_are_refused(tmp_path: Path) -> None:
    latency = keep(tmp_path / "a.safetensors")
    ns = np.array([1, 1, 1], np.int64)
    write_samples(tmp_path / "a.safetensors", LatencySamples(ns, np.cumsum(ns), 1, 1, 1, "done"))
    with pytest.raises(NotRunError, match="is not the file of samples"):
        samples_of(run_of(), latency)


def test_a_file_that_holds_no_samples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"something else")
    import hashlib

    latency = replace(LATENCY, samples_path=str(path), samples_sha256=hashlib.sha256(b"something else").hexdigest())
    with pytest.raises(NotRunError, match="cannot be read"):
        samples_of(run_of(), latency)
