"""Goldens recorded from real sessions and checked: nothing is recorded unasked, nothing passes without a comparison."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_edgert.golden.store import GoldenStore
from pytest_edgert.golden.update import UpdateMode
from pytest_edgert.goldens import EdgeGolden, check_golden
from pytest_edgert.records import Verdict
from pytest_edgert.sessions import EdgeSession

OpenSession = Callable[..., EdgeSession]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return write(tmp_path, "x", 4)


def write(folder: Path, name: str, length: int) -> Path:
    path = folder / "net.fake"
    inputs = [{"name": name, "shape": [1, length]}]
    path.write_text(json.dumps({"inputs": inputs, "outputs": [{"name": "y", "of": name, "scale": 2.0}]}))
    return path


def golden(folder: Path, mode: UpdateMode | None = None) -> EdgeGolden:
    return EdgeGolden(GoldenStore(folder / "goldens"), "net", mode, "test_x")


def test_a_missing_golden_fails_and_says_how_to_record_it(open_session: OpenSession, tmp_path: Path, net: Path) -> None:
    record = check_golden(open_session(net, "fake:cpu"), golden(tmp_path))
    assert record.verdict is Verdict.FAIL
    assert "--edge-update-golden=new" in record.remedy
    assert not (tmp_path / "goldens").exists()


def test_a_recording_is_a_figure_and_what_follows_is_a_comparison(
    open_session: OpenSession, tmp_path: Path, net: Path
) -> None:
    recorded = check_golden(open_session(net, "fake:cpu"), golden(tmp_path, UpdateMode.NEW))
    assert recorded.verdict is Verdict.MEASURED
    checked = check_golden(open_session(net, "fake:cpu"), golden(tmp_path))
    assert checked.verdict is Verdict.PASS
    assert checked.agreement[0].question == "golden"
    manifest = golden(tmp_path).store.read_manifest("net")
    assert (manifest.environment.runtime, manifest.oracle.kind, manifest.inputs.seed) == ("fake", "runtime:fake", 0)


def test_other_outputs_fail_and_are_not_recorded_in_passing(
    open_session: OpenSession, tmp_path: Path, net: Path
) -> None:
    check_golden(open_session(net, "fake:cpu"), golden(tmp_path, UpdateMode.NEW))
    for mode in (None, UpdateMode.NEW, UpdateMode.CHANGED):
        record = check_golden(open_session(net, "fake:cpu", factor=2), golden(tmp_path, mode))
        assert record.verdict is Verdict.FAIL, mode
        assert record.remedy
    assert check_golden(open_session(net, "fake:cpu"), golden(tmp_path)).verdict is Verdict.PASS


def test_all_records_again_and_tells_the_change(open_session: OpenSession, tmp_path: Path, net: Path) -> None:
    check_golden(open_session(net, "fake:cpu"), golden(tmp_path, UpdateMode.NEW))
    record = check_golden(open_session(net, "fake:cpu", factor=2), golden(tmp_path, UpdateMode.ALL))
    assert record.verdict is Verdict.MEASURED
    assert "max abs difference" in record.reason
    assert check_golden(open_session(net, "fake:cpu", factor=2), golden(tmp_path)).verdict is Verdict.PASS


def test_a_golden_of_another_model_is_named_and_changed_records_it(
    open_session: OpenSession, tmp_path: Path, net: Path
) -> None:
    check_golden(open_session(net, "fake:cpu"), golden(tmp_path, UpdateMode.NEW))
    other = write(tmp_path, "z", 5)
    record = check_golden(open_session(other, "fake:cpu"), golden(tmp_path))
    assert record.verdict is Verdict.FAIL
    assert "recorded from another model" in record.reason
    assert (
        check_golden(open_session(other, "fake:cpu"), golden(tmp_path, UpdateMode.CHANGED)).verdict is Verdict.MEASURED
    )
    assert check_golden(open_session(other, "fake:cpu"), golden(tmp_path)).verdict is Verdict.PASS


@pytest.mark.parametrize("suffix", [".golden.json", ".golden.safetensors"])
def test_a_damaged_golden_fails_and_only_all_replaces_it(
    open_session: OpenSession, tmp_path: Path, net: Path, suffix: str
) -> None:
    check_golden(open_session(net, "fake:cpu"), golden(tmp_path, UpdateMode.NEW))
    path = next(found for found in (tmp_path / "goldens").iterdir() if found.name.endswith(suffix))
    path.write_bytes(path.read_bytes()[:-7])
    for mode in (None, UpdateMode.NEW, UpdateMode.CHANGED):
        assert check_golden(open_session(net, "fake:cpu"), golden(tmp_path, mode)).verdict is Verdict.FAIL, mode
    assert check_golden(open_session(net, "fake:cpu"), golden(tmp_path, UpdateMode.ALL)).verdict is Verdict.MEASURED
    assert check_golden(open_session(net, "fake:cpu"), golden(tmp_path)).verdict is Verdict.PASS


def test_inputs_too_large_to_keep_are_made_again_and_checked(open_session: OpenSession, tmp_path: Path) -> None:
    large = write(tmp_path, "x", 300_000)
    check_golden(open_session(large, "fake:cpu"), golden(tmp_path, UpdateMode.NEW))
    assert not golden(tmp_path).store.read_manifest("net").inputs.stored
    assert check_golden(open_session(large, "fake:cpu"), golden(tmp_path)).verdict is Verdict.PASS
