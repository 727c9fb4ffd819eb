"""Thermal traces, played back by a meter in the worker: what they void is measured once more, and no oftener."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_edgert.contracts import Target
from pytest_edgert.latencies import check_latency
from pytest_edgert.locks import DeviceLock
from pytest_edgert.recording import RECORDER
from pytest_edgert.records import Budget, CheckRecord, LatencyPlan, Verdict
from pytest_edgert.run import Run
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.sessions import SessionPlan, SessionPool
from pytest_edgert.transports.local import TRANSPORT
from pytest_edgert.verdicts.trust import Rules

#: A meter that plays traces back: each process that opens it takes the next one, the last for ever after.
METER = """
import json, os
from pathlib import Path

PLACE = Path(__file__).parent

class Reader:
    def __init__(self):
        traces = json.loads((PLACE / "traces.json").read_text())
        taken = PLACE / "taken"
        turn = len(taken.read_text()) if taken.exists() else 0
        with taken.open("a") as file:
            file.write("x")
        self.rows = iter(traces[min(turn, len(traces) - 1)])
        self.last = {}

    def read(self):
        self.last = next(self.rows, self.last)
        return self.last

    def close(self):
        pass

class Meter:
    name = "played"

    def sensors(self, sysroot):
        return ()

    def open(self, sysroot):
        return Reader()

METER = Meter()
"""
CALM = [{"temperature_c.tj": 50.0, "throttled.soc": 0.0}]
THROTTLED = [{"temperature_c.tj": 70.0 + i, "throttled.soc": float(i > 2)} for i in range(10)]
HOT = [{"temperature_c.tj": 80.0 + i} for i in range(10)]
VANISHING = [{"temperature_c.tj": 50.0}, {"temperature_c.tj": None}]

pytestmark = pytest.mark.slow

Judge = Callable[..., CheckRecord]


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    """Judge a fake model of 1 ms beside traces, each the sensors of one worker."""
    tensor = {"name": "x", "shape": [4]}
    model = {"inputs": [tensor], "outputs": [{"name": "y", "of": "x"}], "faults": {"latency_s": 0.001}}
    (tmp_path / "net.fake").write_text(json.dumps(model))
    (tmp_path / "played_meter.py").write_text(METER)
    plan = LatencyPlan(min_s=0.5, max_s=5.0, warm_up_s=0.02, meters=("played_meter:METER",), telemetry_s=0.02)
    run = Run("test", tmp_path, plan=plan, rules=Rules(temp_max_c={"temperature_c.tj": 85.0}))
    pool = SessionPool(run, TRANSPORT, adapter_references(), DeviceLock("test", 60.0, tmp_path))
    token = RECORDER.set(None)

    def judged(*traces: list[dict[str, float | None]], limit_s: float = 1.0) -> CheckRecord:
        (tmp_path / "traces.json").write_text(json.dumps(traces))
        options = (("environment.PYTHONPATH", str(tmp_path)),)
        session = pool.session(SessionPlan("net", identify(tmp_path / "net.fake"), Target("fake", "cpu"), options))
        return check_latency(session, [Budget(95.0, limit_s)])

    yield judged
    RECORDER.reset(token)
    pool.close()


def test_a_calm_trace_leaves_the_verdict_and_is_in_the_record(judge: Judge) -> None:
    record = judge(CALM)
    assert (record.verdict, record.attempts, record.doubts) == (Verdict.PASS, 1, ())
    told = {sensor.name: sensor.last for sensor in record.sensors}
    assert {"temperature_c.tj": 50.0, "throttled.soc": 0.0}.items() <= told.items()


@pytest.mark.parametrize(("trace", "said"), [(THROTTLED, "soc was throttled"), (HOT, "tj reached")])
@pytest.mark.parametrize("limit_s", [1.0, 1e-6])
def test_a_device_that_stays_hot_is_invalid_after_two_attempts(
    judge: Judge, trace: list[dict[str, float | None]], said: str, limit_s: float
) -> None:
    record = judge(trace, limit_s=limit_s)
    assert (record.verdict, record.attempts) == (Verdict.INVALID, 2)
    assert said in record.reason
    assert record.remedy
    assert any("measured again" in note for note in record.notes)


def test_a_device_that_has_cooled_is_judged_in_the_second_attempt(judge: Judge) -> None:
    record = judge(THROTTLED, CALM)
    assert (record.verdict, record.attempts) == (Verdict.PASS, 2)
    assert any("soc was throttled" in note for note in record.notes)


def test_a_sensor_that_vanishes_takes_nothing_with_it(judge: Judge) -> None:
    record = judge(VANISHING)
    assert record.verdict is Verdict.PASS
    assert ("temperature_c.tj", 1) in {(sensor.name, sensor.n) for sensor in record.sensors}
