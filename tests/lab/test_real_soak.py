"""A soak of seconds on the real demo model: long ones are run by hand, see docs/soak.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_edgert.locks import FOLDER_VARIABLE
from pytest_edgert.measure.samples import read_samples
from pytest_edgert.records import Verdict
from pytest_edgert.reports.json_report import read_document

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("arrival", ["closed", "every 2ms"])
def test_the_demo_soaks_and_memory_stays(tmp_path: Path, arrival: str) -> None:
    (tmp_path / "digits.onnx").write_bytes((ROOT / "examples/digits/digits.onnx").read_bytes())
    (tmp_path / "digits.edge.toml").write_text(
        'artefacts = ["digits.onnx"]\nsustained = { duration = "8s", p95 = "1s", memory_growth = "100MB" }\n'
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", "digits.edge.toml"]
    command += [
        "-k",
        "sustained",
        "--edge-target=onnxruntime:cpu",
        "--edge-json=edgert.json",
        f"--edge-arrival={arrival}",
    ]
    environment = {**os.environ, FOLDER_VARIABLE: str(tmp_path / "locks"), "PYTHONPATH": str(ROOT)}
    (tmp_path / "locks").mkdir()
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert result.returncode == 0, result.stdout
    (record,) = read_document((tmp_path / "edgert.json").read_text(encoding="utf-8")).records
    assert record.verdict is Verdict.PASS
    assert record.soak is not None
    assert record.soak.duration_s == pytest.approx(8.0, abs=0.5)
    assert len(record.soak.segments) >= 12
    assert record.soak.memory_growth_bytes is not None
    samples = read_samples(Path(record.soak.samples_path))
    assert len(samples.durations_ns) <= 1_000_000
    assert (samples.intended_ns is None) == (arrival == "closed")
