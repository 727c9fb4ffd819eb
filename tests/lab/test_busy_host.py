"""A real disturbance: other processes take the CPUs for part of a measurement, and the verdict says so."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_edgert.contracts import Target
from pytest_edgert.devices.telemetry.registry import meter_references
from pytest_edgert.latencies import check_latency
from pytest_edgert.locks import DeviceLock
from pytest_edgert.recording import RECORDER
from pytest_edgert.records import Budget, CheckRecord, LatencyPlan, Verdict
from pytest_edgert.run import Run
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.sessions import SessionPlan, SessionPool
from pytest_edgert.transports.local import TRANSPORT

pytestmark = pytest.mark.lab

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits.onnx"
#: Kinds of doubt that name what the load did.
NAMES_IT = {"busy-host", "stolen", "slowdown", "no-steady-state"}


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[SessionPool]:
    plan = LatencyPlan(min_s=6.0, max_s=20.0, warm_up_s=0.5, stride_s=0.002, meters=(meter_references()["host"],))
    run = Run("test", tmp_path, plan=plan)
    found = SessionPool(run, TRANSPORT, adapter_references(), DeviceLock("test", 60.0, tmp_path))
    token = RECORDER.set(None)
    yield found
    RECORDER.reset(token)
    found.close()


@contextmanager
def load_after(seconds: float) -> Iterator[None]:
    """Run three processes a CPU that do nothing but compute, from `seconds` after now to the end of the block."""
    burning: list[subprocess.Popen[bytes]] = []

    def burn() -> None:
        command = [sys.executable, "-c", "while True: pass"]
        burning.extend(subprocess.Popen(command) for _ in range(3 * (os.cpu_count() or 1)))

    timer = threading.Timer(seconds, burn)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for process in burning:
            process.kill()
            process.wait()


def measured(pool: SessionPool, percentile: float, limit_s: float) -> CheckRecord:
    session = pool.session(
        SessionPlan("digits", identify(DIGITS), Target("onnxruntime", "cpu"), (("threads", os.cpu_count() or 1),))
    )
    return check_latency(session, [Budget(percentile, limit_s, "the test")])


def test_a_load_for_part_of_a_run_makes_it_invalid_or_is_named(pool: SessionPool) -> None:
    quiet = measured(pool, 95.0, 10.0)
    assert quiet.verdict is Verdict.PASS
    assert quiet.latency is not None
    limit_s = 1.3 * next(found.value_s for found in quiet.latency.quantiles if found.percentile == 95.0)
    with load_after(4.0):
        record = measured(pool, 95.0, limit_s)
    told = [doubt.sentence for doubt in record.doubts]
    assert record.verdict is Verdict.INVALID or NAMES_IT & {doubt.kind for doubt in record.doubts}, (record, told)
    assert record.verdict is not Verdict.PASS or told


def test_a_load_beside_a_wide_budget_leaves_the_pass_and_is_told(pool: SessionPool) -> None:
    with load_after(0.0):
        record = measured(pool, 50.0, 10.0)
    assert record.verdict is Verdict.PASS
    assert "busy-host" in {doubt.kind for doubt in record.doubts}
    assert any(sensor.name == "run_delay_s.process" and sensor.n for sensor in record.sensors)
