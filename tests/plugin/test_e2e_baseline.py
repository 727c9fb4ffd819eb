"""Whole runs against a baseline: interleaved with an artefact, and by the samples of a stored run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e_runs import ON_FAKE, EdgeProject

from pytest_edgert.measure.samples import read_samples, write_samples
from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

GATE = ("--edge-model=net.fake", ON_FAKE, "-k", "baseline")
RECORD = ("--edge-model=net.fake", ON_FAKE, "-k", "latency")


def write(edge: EdgeProject, name: str, latency_s: float) -> None:
    edge.write_fake(name, latency_s=latency_s)


@pytest.mark.lab
@pytest.mark.parametrize(
    ("latency_s", "baseline_s", "verdict"), [(0.001, 0.01, Verdict.PASS), (0.01, 0.001, Verdict.FAIL)]
)
def test_an_artefact_is_compared_with_another_in_turn(
    edge: EdgeProject, latency_s: float, baseline_s: float, verdict: Verdict
) -> None:
    write(edge, "net.fake", latency_s)
    write(edge, "old.fake", baseline_s)
    result = edge.run(*GATE, "--edge-baseline=old.fake", "--edge-margin=30%")
    assert result.ret == (0 if verdict is Verdict.PASS else 1)
    record = edge.record("baseline")
    (test,) = record.blocks
    assert (record.verdict, test.verdict, test.limit) == (verdict, verdict, 1.3)
    assert test.median is not None
    assert (test.median < 1) == (latency_s < baseline_s)
    assert len(test.values) >= 50
    assert (test.detail["how"], test.detail["baseline"]) == ("interleaved", "old.fake")
    result.stdout.fnmatch_lines([f"*baseline  {verdict.value} ratio * [[]*], limit 1.3"])


def test_the_very_same_artefact_is_said(edge: EdgeProject) -> None:
    write(edge, "net.fake", 0.002)
    (edge.path / "copy.fake").write_bytes((edge.path / "net.fake").read_bytes())
    result = edge.run(*GATE, "--edge-baseline=copy.fake", "--edge-margin=50%")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["*the baseline copy.fake is the very same file: the ratio is the noise of this machine*"]
    )


def test_a_baseline_that_cannot_be_opened_is_not_the_artefacts_fault(edge: EdgeProject) -> None:
    write(edge, "net.fake", 0.002)
    (edge.path / "old.fake").write_text("{}", encoding="utf-8")
    assert edge.run(*GATE, "--edge-baseline=old.fake").ret == 1
    record = edge.record("baseline")
    assert record.verdict is Verdict.NOTRUN
    assert record.reason.startswith("The baseline old.fake on fake:cpu cannot be run: ")


def store(edge: EdgeProject, factor: float = 1.0, **changes: Any) -> None:
    """Keep the document of a run as old.json, its one record changed and its latencies multiplied by `factor`.

    The samples are changed and not the machine, so that the verdict does not hang on what else the machine does.
    """
    edge.run(*RECORD)
    document = json.loads((edge.path / "edgert.json").read_text(encoding="utf-8"))
    (record,) = document["records"]
    path = Path(record["latency"]["samples_path"])
    samples = read_samples(path)
    scaled = (samples.durations_ns * factor).astype(np.int64)
    record["latency"]["samples_sha256"] = write_samples(path, replace(samples, durations_ns=scaled))
    record.update({"verdict": "MEASURED", **{name: value for name, value in changes.items() if name != "environment"}})
    record["environment"].update(changes.get("environment", {}))
    (edge.path / "old.json").write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.lab
@pytest.mark.parametrize(("factor", "verdict"), [(5.0, Verdict.PASS), (0.2, Verdict.FAIL)])
def test_an_artefact_is_compared_with_a_stored_run(edge: EdgeProject, factor: float, verdict: Verdict) -> None:
    write(edge, "net.fake", 0.002)
    store(edge, factor)
    result = edge.run(*GATE, "--edge-baseline=old.json")
    record = edge.record("baseline")
    assert record.verdict is verdict
    (test,) = record.blocks
    assert test.detail["how"] == "stored run"
    assert Path(str(test.detail["samples_path"])).is_file()
    assert {doubt.kind for doubt in record.doubts} == {"stored-run", "same-artefact"}
    result.stdout.fnmatch_lines(["*what changed on this machine since counts as a change of the artefact*"])


def test_a_stored_run_of_another_runtime_version_is_refused(edge: EdgeProject) -> None:
    write(edge, "net.fake", 0.001)
    store(edge, environment={"runtime_version": "0.0.1"})
    result = edge.run(*GATE, "--edge-baseline=old.json")
    assert result.ret == 1
    record = edge.record("baseline")
    assert record.verdict is Verdict.NOTRUN
    assert "runtime version '0.0.1' there" in record.reason


@pytest.mark.lab
def test_two_processes_compare_one_after_the_other(edge: EdgeProject) -> None:
    write(edge, "net.fake", 0.001)
    write(edge, "old.fake", 0.001)
    (edge.path / "two.fake").write_bytes((edge.path / "net.fake").read_bytes())
    models = ("--edge-model=net.fake", "--edge-model=two.fake", ON_FAKE, "-k", "baseline")
    assert edge.run(*models, "--edge-baseline=old.fake", "--edge-margin=90%", "-n2").ret == 0
    assert [record.check for record in edge.document.records] == ["baseline", "baseline"]
