from __future__ import annotations

import json
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert import clock
from pytest_edgert.errors import InferenceError
from pytest_edgert.runtimes.fake import RUNTIME

MODEL = {"inputs": [{"name": "x", "dtype": "float32", "shape": [1]}], "outputs": [{"name": "y", "of": "x"}]}
X = {"x": np.ones(1, np.float32)}
#: Opens the fake and infers three times, saying before each how far it got.
SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from pytest_edgert.runtimes.fake import RUNTIME
session = RUNTIME.open(Path(sys.argv[1]), "cpu", json.loads(sys.argv[2]))
for k in (1, 2, 3):
    print("before", k, flush=True)
    session.infer({"x": np.ones(1, np.float32)})
print("done", flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "m.fake").write_text(json.dumps(MODEL), encoding="utf-8")
    return tmp_path / "m.fake"


@pytest.fixture
def fake_clock(monkeypatch: pytest.MonkeyPatch) -> clock.FakeClock:
    fake = clock.FakeClock()
    monkeypatch.setattr(clock, "sleep_s", fake.sleep_s)
    return fake


def durations_ms(path: Path, fake: clock.FakeClock, n: int, **options: object) -> list[float]:
    session = RUNTIME.open(path, "cpu", options)
    stamps = [0]
    for _ in range(n):
        session.infer(X)
        stamps.append(fake.now_ns())
    return [(b - a) / 1e6 for a, b in pairwise(stamps)]


def test_latency_is_what_was_asked(path: Path, fake_clock: clock.FakeClock) -> None:
    assert durations_ms(path, fake_clock, 3, latency_s=0.002) == [2, 2, 2]


def test_drift_slows_each_inference(path: Path, fake_clock: clock.FakeClock) -> None:
    assert durations_ms(path, fake_clock, 3, latency_s=0.001, drift_s=0.001) == [1, 2, 3]


def test_slow_after_is_a_step(path: Path, fake_clock: clock.FakeClock) -> None:
    assert durations_ms(path, fake_clock, 4, slow_after=2, slow_s=0.005) == [0, 0, 5, 5]


def test_busy_time_passes_by_the_clock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 10**9, 1_000_000))
    read = []
    monkeypatch.setattr(clock, "monotonic_ns", lambda: read.append(0) or next(ticks))
    RUNTIME.open(path, "cpu", {"latency_s": 0.01, "busy": True}).infer(X)
    assert len(read) == 11


def test_a_fault_strikes_at_its_inference_only(path: Path) -> None:
    session = RUNTIME.open(path, "cpu", {"fault": "refuses", "fault_at": 2})
    session.infer(X)
    with pytest.raises(InferenceError):
        session.infer(X)
    session.infer(X)


def test_options_override_the_file(path: Path) -> None:
    path.write_text(json.dumps({**MODEL, "faults": {"fault": "refuses"}}), encoding="utf-8")
    RUNTIME.open(path, "cpu", {"fault": "none"}).infer(X)


def test_a_fault_in_load_leaves_inference_alone(path: Path) -> None:
    with pytest.raises(InferenceError):
        RUNTIME.open(path, "cpu", {"fault": "refuses", "fault_in": "load"})


def run(path: Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(path), json.dumps(options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("abort", -signal.SIGABRT),
        ("segfault", -signal.SIGSEGV),
        ("kill", -signal.SIGKILL),
        ("exit", 3),
    ],
)
def test_the_process_dies_at_the_inference_that_was_named(path: Path, fault: str, status: int) -> None:
    done = run(path, fault=fault, fault_at=2)
    assert (done.returncode, done.stdout.split()[-1]) == (status, "2")


def test_the_process_dies_in_load_when_asked(path: Path) -> None:
    done = run(path, fault="abort", fault_in="load")
    assert (done.returncode, done.stdout) == (-signal.SIGABRT, "")


@pytest.mark.slow
def test_memory_runs_out_as_memory_error(path: Path) -> None:
    done = run(path, fault="memory", fault_at=1)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("MemoryError")


def test_noise_goes_to_native_stdout(path: Path) -> None:
    assert "native noise" in run(path, fault="prints", fault_at=1).stdout


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hang", "hang_native"])
def test_a_hang_does_not_come_back(path: Path, fault: str) -> None:
    command = [sys.executable, "-c", SCRIPT, str(path), json.dumps({"fault": fault, "fault_at": 2})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline().strip() for _ in range(2)] == ["before 1", "before 2"]
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.kill()
        assert process.stdout.read() == ""
