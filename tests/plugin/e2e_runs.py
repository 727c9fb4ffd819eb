"""Whole runs as a user starts them: pytest in a process of its own, real workers, a lock folder of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from pytest_edgert import clock
from pytest_edgert.records import CheckRecord, Verdict
from pytest_edgert.reports.items import ItemOutcome
from pytest_edgert.reports.json_report import Document, read_document

#: Plugins that add seconds to every start and nothing to these tests.
QUIET = ("-p", "no:hypothesispytest", "-p", "no:benchmark", "-p", "no:cacheprovider")
ON_FAKE = "--edge-target=fake:cpu"
ON_ORT = "--edge-target=onnxruntime:cpu"


@dataclass(slots=True)
class EdgeProject:
    """A project of a user: models, tests, and runs of pytest on them."""

    pytester: pytest.Pytester

    @property
    def path(self) -> Path:
        return self.pytester.path

    def write_fake(self, name: str = "net.fake", *, shape: tuple[int | str, ...] = (1, 4), **faults: object) -> Path:
        """Write a model of the fake runtime, `y = 2 x + 1`, that misbehaves as `faults` say."""
        accelerators = faults.pop("accelerators", ["cpu", "npu"])
        model = {
            "inputs": [{"name": "x", "dtype": "float32", "shape": shape}],
            "outputs": [{"name": "y", "of": "x", "scale": 2.0, "bias": 1.0}],
            "accelerators": accelerators,
            "faults": faults,
        }
        (self.path / name).write_text(json.dumps(model), encoding="utf-8")
        return self.path / name

    def write_onnx(self, name: str = "net.onnx", operator: str = "Relu", shape: tuple[int | str, ...] = (1, 4)) -> Path:
        """Write an ONNX model of one node, x to y."""
        x, y = (helper.make_tensor_value_info(v, TensorProto.FLOAT, shape) for v in "xy")
        graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], name="n0")], "g", [x], [y])
        return self.write_proto(
            name, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        )

    def write_proto(self, name: str, model: onnx.ModelProto) -> Path:
        (self.path / name).write_bytes(model.SerializeToString())
        return self.path / name

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process of its own; what it leaves is in `document`."""
        return self.pytester.runpytest_subprocess(*QUIET, "--edge-json=edgert.json", *arguments)

    @property
    def document(self) -> Document:
        """The JSON document of the last run."""
        return read_document((self.path / "edgert.json").read_text(encoding="utf-8"))

    @property
    def items(self) -> Mapping[str, ItemOutcome]:
        """Every item of the last run by its id, those not run too."""
        return {item.nodeid: item for item in (*self.document.items, *self.document.not_run)}

    def verdicts(self) -> dict[str, Verdict | None]:
        """Return the verdict of each item of the last run by what its id names: check and artefact."""
        return {f"{i.check} {i.cell.artefact if i.cell else ''}".strip(): i.verdict for i in self.items.values()}

    def record(self, check: str) -> CheckRecord:
        """Return the one record of a check in the last run."""
        (found,) = (record for record in self.document.records if record.check == check)
        return found

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Give a run that is going on; it and its workers are gone after the block."""
        command = [sys.executable, "-m", "pytest", *QUIET, "--edge-json=edgert.json", *arguments]
        # A shell that starts this run in the background has SIGINT ignored, and a child inherits that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            command, cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
        )
        signal.signal(signal.SIGINT, before)
        try:
            yield process
        finally:
            for left in (*workers_of(process.pid), process):
                left.kill()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()


def wait_for(condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """Return what `condition` gives as soon as it is true; fails after `timeout_s`."""
    give_up_ns = clock.monotonic_ns() + round(timeout_s * 1e9)
    while not (found := condition()):
        assert clock.monotonic_ns() < give_up_ns, f"{condition} did not come true within {timeout_s} s"
        clock.sleep_s(0.01)
    return found


def workers_of(pid: int) -> list[psutil.Process]:
    """Return the workers of a run of pytest: every process below it."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def running(process: psutil.Process) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_failed(record: CheckRecord) -> None:
    """Check that latency was found beyond its limit; where this host is busy that is void, and nothing else may void it."""
    if record.verdict is not Verdict.FAIL:
        assert record.verdict is Verdict.INVALID, record.reason
        assert {doubt.kind for doubt in record.doubts if doubt.voids} <= {"busy-host", "stolen"}, record.reason
