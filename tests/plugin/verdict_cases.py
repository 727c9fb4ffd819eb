"""Projects whose tests leave hand-made verdicts: no runtime is needed to test what follows from a verdict."""

from __future__ import annotations

from collections.abc import Callable

import pytest

#: Beginning of a test file on one cell: ``leave("FAIL")`` records a hand-made check of that verdict and settles it.
LEAVE = """
import pytest
from pytest_edgert.errors import TargetMissingError, UnsupportedModelError, WorkerCrashedError
from pytest_edgert.records import Amount, Cell, CheckRecord, Verdict
from pytest_edgert.recording import record, settle

pytestmark = pytest.mark.edge_model("digits.onnx")
CELL = Cell("digits", "digits.onnx", "", "onnxruntime:cpu")

def leave(verdict, check="latency"):
    amount = Amount("artefact", 64300.0, "bytes")
    settle(record(CheckRecord(check, CELL, Verdict(verdict), f"because of {verdict}.", "Do this.", amounts=(amount,))))
"""

#: A conftest under which every check of the gate leaves the verdict that stands in a file of the project.
GATE = """
import os
import signal
from pathlib import Path
import pytest
from pytest_edgert import checks, cold_path, probing, recording
from pytest_edgert.plugin import gate_checks
from pytest_edgert.records import Amount, Cell, CheckRecord, Presence, PresenceState, Verdict

VERDICT = {verdict!r}
PATCH = pytest.MonkeyPatch()

def pytest_unconfigure():
    PATCH.undo()

def answer(names, **_):
    def here(name):
        return PresenceState.USABLE if name == "onnxruntime" else PresenceState.ABSENT
    return dict((name, ("1.0", (Presence("cpu", here(name), "no", "no"),))) for name in names)

@pytest.fixture(scope="module")
def edge_target(request):
    return request.param

@pytest.fixture(scope="module")
def edge_session(edge_target):
    return edge_target

@pytest.fixture(scope="module")
def _edge_panel():
    return None

@pytest.fixture
def latency_budget():
    return ()

def make(name):
    def check(plan, *limits):
        from pytest_edgert.errors import UnsupportedModelError
        if VERDICT == "skip":
            raise UnsupportedModelError("onnxruntime:cpu lacks the operator Foo.", "Use opset 13.")
        if VERDICT == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if VERDICT == "interrupt":
            raise KeyboardInterrupt
        cell = Cell(plan.model, plan.artefact.name, "", str(plan.target))
        amount = Amount("artefact", 64300.0, "bytes")
        return recording.record(CheckRecord(name, cell, Verdict(VERDICT), "because.", "Do this.", amounts=(amount,)))
    return check

for name in ("signature", "placement", "size", "determinism"):
    PATCH.setattr(checks, "check_" + name, make(name))
for name in ("load", "memory"):
    PATCH.setattr(cold_path, "check_" + name, make(name))
PATCH.setattr(gate_checks, "assert_latency", lambda plan, budget: recording.settle(make("latency")(plan)))
PATCH.setattr(gate_checks, "check_agreement", lambda plan, panel: make("agreement")(plan))
PATCH.setattr(gate_checks, "check_quantization", lambda plan, panel, limits: make("quantization")(plan))
PATCH.setattr(probing, "probe", answer)
"""

OnCell = Callable[..., pytest.RunResult]
OnGate = Callable[..., pytest.RunResult]
