"""Goldens recorded from real sessions and checked: nothing is recorded unasked, nothing passes without a comparison."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_edgert.contracts import OptionValue, parse_target
from pytest_edgert.golden.store import GoldenStore
from pytest_edgert.golden.update import UpdateMode
from pytest_edgert.goldens import EdgeGolden, check_golden
from pytest_edgert.locks import DeviceLock
from pytest_edgert.records import Verdict
from pytest_edgert.run import Run
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.sessions import EdgeSession, SessionPlan, SessionPool
from pytest_edgert.transports.local import TRANSPORT


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionPool]:
    folder = tmp_path_factory.mktemp("run")
    found = SessionPool(Run("test", folder), TRANSPORT, adapter_references(), DeviceLock("test", 10.0, folder))
    yield found
    found.close()


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return write(tmp_path, "x", 4)


def write(folder: Path, name: str, length: int) -> Path:
    path = folder / "net.fake"
    inputs = [{"name": name, "shape": [1, length]}]
    path.write_text(json.dumps({"inputs": inputs, "outputs": [{"name": "y", "of": name, "scale": 2.0}]}))
    return path


def opened(pool: SessionPool, path: Path, **options: OptionValue) -> EdgeSession:
    return pool.session(SessionPlan("net", identify(path), parse_target("fake:cpu"), tuple(sorted(options.items()))))


def golden(folder: Path, mode: UpdateMode | None = None) -> EdgeGolden:
    return EdgeGolden(GoldenStore(folder / "goldens"), "net", mode, "test_x")


def test_a_missing_golden_fails_and_says_how_to_record_it(pool: SessionPool, tmp_path: Path, net: Path) -> None:
    record = check_golden(opened(pool, net), golden(tmp_path))
    assert record.verdict is Verdict.FAIL
    assert "--edge-update-golden=new" in record.remedy
    assert not (tmp_path / "goldens").exists()


def test_a_recording_is_a_figure_and_what_follows_is_a_comparison(pool: SessionPool, tmp_path: Path, net: Path) -> None:
    recorded = check_golden(opened(pool, net), golden(tmp_path, UpdateMode.NEW))
    assert recorded.verdict is Verdict.MEASURED
    checked = check_golden(opened(pool, net), golden(tmp_path))
    assert checked.verdict is Verdict.PASS
    assert checked.agreement[0].question == "golden"
    manifest = golden(tmp_path).store.read_manifest("net")
    assert (manifest.environment.runtime, manifest.oracle.kind, manifest.inputs.seed) == ("fake", "runtime:fake", 0)


def test_other_outputs_fail_and_are_not_recorded_in_passing(pool: SessionPool, tmp_path: Path, net: Path) -> None:
    check_golden(opened(pool, net), golden(tmp_path, UpdateMode.NEW))
    for mode in (None, UpdateMode.NEW, UpdateMode.CHANGED):
        record = check_golden(opened(pool, net, factor=2), golden(tmp_path, mode))
        assert record.verdict is Verdict.FAIL, mode
        assert record.remedy
    assert check_golden(opened(pool, net), golden(tmp_path)).verdict is Verdict.PASS


def test_all_records_again_and_tells_the_change(pool: SessionPool, tmp_path: Path, net: Path) -> None:
    check_golden(opened(pool, net), golden(tmp_path, UpdateMode.NEW))
    record = check_golden(opened(pool, net, factor=2), golden(tmp_path, UpdateMode.ALL))
    assert record.verdict is Verdict.MEASURED
    assert "max abs difference" in record.reason
    assert check_golden(opened(pool, net, factor=2), golden(tmp_path)).verdict is Verdict.PASS


def test_a_golden_of_another_model_is_named_and_changed_records_it(
    pool: SessionPool, tmp_path: Path, net: Path
) -> None:
    check_golden(opened(pool, net), golden(tmp_path, UpdateMode.NEW))
    other = write(tmp_path, "z", 5)
    record = check_golden(opened(pool, other), golden(tmp_path))
    assert record.verdict is Verdict.FAIL
    assert "recorded from another model" in record.reason
    assert check_golden(opened(pool, other), golden(tmp_path, UpdateMode.CHANGED)).verdict is Verdict.MEASURED
    assert check_golden(opened(pool, other), golden(tmp_path)).verdict is Verdict.PASS


@pytest.mark.parametrize("suffix", [".golden.json", ".golden.safetensors"])
def test_a_damaged_golden_fails_and_only_all_replaces_it(
    pool: SessionPool, tmp_path: Path, net: Path, suffix: str
) -> None:
    check_golden(opened(pool, net), golden(tmp_path, UpdateMode.NEW))
    path = next(found for found in (tmp_path / "goldens").iterdir() if found.name.endswith(suffix))
    path.write_bytes(path.read_bytes()[:-7])
    for mode in (None, UpdateMode.NEW, UpdateMode.CHANGED):
        assert check_golden(opened(pool, net), golden(tmp_path, mode)).verdict is Verdict.FAIL, mode
    assert check_golden(opened(pool, net), golden(tmp_path, UpdateMode.ALL)).verdict is Verdict.MEASURED
    assert check_golden(opened(pool, net), golden(tmp_path)).verdict is Verdict.PASS


def test_inputs_too_large_to_keep_are_made_again_and_checked(pool: SessionPool, tmp_path: Path) -> None:
    large = write(tmp_path, "x", 300_000)
    check_golden(opened(pool, large), golden(tmp_path, UpdateMode.NEW))
    assert not golden(tmp_path).store.read_manifest("net").inputs.stored
    assert check_golden(opened(pool, large), golden(tmp_path)).verdict is Verdict.PASS
