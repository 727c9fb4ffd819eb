import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert.errors import (
    NotRunError,
    ProtocolError,
    WorkerCrashedError,
    WorkerError,
    WorkerHungError,
    WorkerOutOfMemoryError,
)
from pytest_edgert.records import LatencyPlan
from pytest_edgert.transports.local import TRANSPORT
from pytest_edgert.worker import losses
from pytest_edgert.worker.client import Worker, WorkerSettings
from pytest_edgert.worker.protocol import HEADER, MAGIC, PROTOCOL_VERSION, FrameKind
from pytest_edgert.worker.stderr_file import LIMIT_BYTES, TAIL_BYTES

PATH = {"PYTHONPATH": str(Path(__file__).parent)}
X = {"x": np.arange(3.0)}


@dataclass
class ScriptTransport:
    """Runs a script where the worker should be."""

    script: str
    name: str = "script"
    shares_memory: bool = False

    def command(self, arguments):
        return [sys.executable, "-c", self.script, *arguments]


def assert_lost(odd, running):
    assert not odd.worker.alive
    assert not running(odd.worker.pid)
    with pytest.raises(WorkerCrashedError, match="lost before"):
        odd.worker.peak_rss_bytes()
    odd.worker.close()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("segfault", ["SIGSEGV", "in infer", "Fatal Python error: Segmentation fault", "odd_runtime.py"]),
        ("abort", ["SIGABRT", "in infer", "Fatal Python error: Aborted", "odd_runtime.py"]),
        ("kill", ["SIGKILL", "from outside or by the out-of-memory killer", "in infer"]),
        ("exit", ["exit status 3", "in infer", "wrote nothing"]),
    ],
)
def test_a_crash_names_the_signal_the_operation_and_the_last_words(odd, running, deed, words):
    with pytest.raises(WorkerCrashedError) as caught:
        odd.infer(do=deed)
    assert all(word in str(caught.value) for word in words)
    assert_lost(odd, running)


def test_a_crash_while_opening_names_the_artefact(odd, running):
    with pytest.raises(WorkerCrashedError, match=r"SIGSEGV in open of model\.odd"):
        odd.open(at_open="segfault")
    assert_lost(odd, running)


def test_a_crash_in_a_measurement_is_told_as_one(odd, running):
    session = odd.open(do="abort")
    with pytest.raises(WorkerCrashedError, match="SIGABRT in measure_latency"):
        odd.worker.measure_latency(session, X, LatencyPlan())
    assert_lost(odd, running)


def test_a_worker_that_died_between_calls_is_told_at_the_next(odd, running):
    session = odd.open()
    os.kill(odd.worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerCrashedError, match="SIGKILL"):
        odd.worker.infer(session, X, timeout_s=20)
    assert_lost(odd, running)


@pytest.mark.slow
@pytest.mark.parametrize("deed", ["hang", "hang_natively"])
def test_a_hang_is_ended_at_the_deadline_and_says_where(odd, running, deed):
    session = odd.open(do=deed)
    with pytest.raises(WorkerHungError, match=r"infer within 0\.3 s(.|\n)*odd_runtime\.py"):
        odd.worker.infer(session, X, timeout_s=0.3)
    assert_lost(odd, running)


@pytest.mark.slow
def test_a_hang_in_a_measurement_is_ended_at_the_idle_deadline(odd, running):
    session = odd.open(do="hang_natively")
    with pytest.raises(WorkerHungError, match=r"measure_latency within 0\.3 s"):
        odd.worker.measure_latency(session, X, LatencyPlan(), idle_timeout_s=0.3)
    assert_lost(odd, running)


@pytest.mark.slow
def test_progress_renews_the_deadline(odd):
    plan = LatencyPlan(warm_up_n=1, warm_up_s=0.0, measure_s=3.0)
    samples = odd.worker.measure_latency(odd.open(), X, plan, idle_timeout_s=1.5)
    assert len(samples.durations_ns)


@pytest.mark.slow
def test_progress_for_ever_meets_the_cap(odd, running):
    from pytest_edgert.codec import encode

    request = {"session_id": odd.open(), "plan": encode(LatencyPlan(measure_s=1000.0))}
    with pytest.raises(WorkerHungError):
        odd.worker._connection.call("measure_latency", request, X, 20.0, cap_s=0.5)
    assert_lost(odd, running)


@pytest.mark.slow
def test_a_hang_while_closing_does_not_keep_the_worker(odd, running, monkeypatch):
    monkeypatch.setattr("pytest_edgert.worker.client._CLOSE_S", 0.2)
    odd.open(at_close="hang_natively")
    odd.worker.close()
    assert not running(odd.worker.pid)


def test_garbage_on_the_pipe_is_shown_and_ends_the_worker(odd, running):
    with pytest.raises(ProtocolError, match=r"In infer: .*b'Welcome to the device!"):
        odd.infer(do="garbage")
    assert_lost(odd, running)


@pytest.mark.parametrize("deed", ["allocate", "complain"])
def test_memory_that_runs_out_inside_the_worker_is_told_as_that(start_odd, running, deed):
    environment = {**PATH, "OPENBLAS_NUM_THREADS": "1"}
    odd = start_odd(settings=WorkerSettings(environment=environment, memory_limit_bytes=2**30))
    with pytest.raises(WorkerOutOfMemoryError, match="ran out of memory in infer"):
        odd.infer(do=deed)
    assert_lost(odd, running)


def test_an_interrupt_in_the_middle_of_a_call_ends_the_worker(odd, running, interruptible):
    session = odd.open(do="interrupt")
    with pytest.raises(KeyboardInterrupt):
        odd.worker.infer(session, X, timeout_s=20)
    assert_lost(odd, running)


@pytest.mark.slow
def test_an_error_in_the_progress_callback_ends_the_worker(odd, running):
    def stumble(_progress):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        odd.worker.measure_latency(odd.open(), X, LatencyPlan(measure_s=5.0), progress=stumble)
    assert_lost(odd, running)


@pytest.mark.slow
def test_an_error_of_ours_in_the_progress_callback_ends_the_worker_too(odd, running):
    def give_up(_progress):
        raise NotRunError("the device is wanted elsewhere")

    with pytest.raises(NotRunError):
        odd.worker.measure_latency(odd.open(), X, LatencyPlan(measure_s=5.0), progress=give_up)
    assert_lost(odd, running)


def test_the_standard_error_is_bounded(odd):
    odd.infer(do="much_noise")
    assert odd.worker._connection._process.stderr.size_bytes <= LIMIT_BYTES


def start_script(script, timeout_s=20.0):
    return Worker.start(ScriptTransport(script), timeout_s=timeout_s)


def test_a_worker_that_cannot_be_started_names_the_command():
    @dataclass
    class NoTransport(ScriptTransport):
        def command(self, arguments):
            return ["/no/such/python", *arguments]

    with pytest.raises(WorkerError, match="/no/such/python"):
        Worker.start(NoTransport(""))


def test_a_worker_that_ends_at_its_start_tells_why():
    with pytest.raises(WorkerCrashedError, match=r"exit status 1 in its start(.|\n)*no such board"):
        start_script("raise SystemExit('no such board')")


@pytest.mark.slow
def test_a_worker_that_is_silent_at_its_start_is_ended():
    with pytest.raises(WorkerHungError, match=r"its start within 0\.3 s"):
        start_script("import time; time.sleep(1000)", timeout_s=0.3)


def test_a_login_banner_is_shown():
    with pytest.raises(ProtocolError, match=r"In its start: .*b'Last login: Monday"):
        start_script("print('Last login: Monday', flush=True); input()")


def frame(version, kind, json_bytes, payload_bytes=0):
    header = HEADER.pack(MAGIC, version, kind, json_bytes, payload_bytes)
    return f"import os; os.write(1, {header!r} + b'{{}}'); os.read(0, 1)"


def test_a_worker_of_another_version_is_refused():
    with pytest.raises(ProtocolError, match=r"version 99.*same version"):
        start_script(frame(99, FrameKind.HELLO, 2))


def test_a_frame_too_large_is_refused():
    with pytest.raises(ProtocolError, match="limits"):
        start_script(frame(PROTOCOL_VERSION, FrameKind.HELLO, 2, 2**62))


def test_a_worker_that_begins_with_another_frame_is_refused():
    with pytest.raises(ProtocolError, match="began with a RESULT"):
        start_script(frame(PROTOCOL_VERSION, FrameKind.RESULT, 2))


def test_a_worker_without_memory_for_its_start_is_told_as_that():
    settings = WorkerSettings(environment={"OPENBLAS_NUM_THREADS": "1"}, memory_limit_bytes=2**25)
    with pytest.raises(WorkerOutOfMemoryError, match="in its start, for want of memory"):
        Worker.start(TRANSPORT, settings)


def test_a_kill_counted_by_the_kernel_is_out_of_memory():
    found = losses.died("infer", -signal.SIGKILL, "", killed_for_memory=True)
    assert isinstance(found, WorkerOutOfMemoryError)
    assert not isinstance(losses.died("infer", -signal.SIGKILL, "", killed_for_memory=False), WorkerOutOfMemoryError)


def test_an_abort_for_want_of_memory_is_out_of_memory():
    tail = "terminate called after throwing an instance of 'std::bad_alloc'"
    assert isinstance(losses.died("infer", -signal.SIGABRT, tail, killed_for_memory=False), WorkerOutOfMemoryError)


def test_the_kernels_count_is_read_from_the_cgroup_first(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "memory.events").write_text("low 0\noom 2\noom_kill 7\noom_group_kill 1\n")
    (tmp_path / "cgroup").write_text("4:memory:/old\n0::/own\n")
    (tmp_path / "vmstat").write_text("nr_free_pages 1\noom_kill 3\n")
    monkeypatch.setattr(losses, "_CGROUP_ROOT", tmp_path)
    monkeypatch.setattr(losses, "_OWN_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(losses, "_VMSTAT", tmp_path / "vmstat")
    assert losses.oom_kills() == 7
    (tmp_path / "own" / "memory.events").unlink()
    assert losses.oom_kills() == 3
    (tmp_path / "vmstat").unlink()
    assert losses.oom_kills() is None


def test_the_tail_is_bounded_and_decoded_as_far_as_it_can_be():
    from pytest_edgert.worker.stderr_file import StderrFile

    file = StderrFile()
    os.write(file.fileno(), b"x" * 5000 + b"\xff end\n")
    assert file.tail().endswith("� end")
    assert len(file.tail()) <= TAIL_BYTES
    file.close()
    assert not file.tail()


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt: a shell that starts a run in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
