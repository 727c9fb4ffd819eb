import os
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_edgert.errors import (
    ArtefactError,
    EdgertError,
    FeedsError,
    InferenceError,
    TargetMissingError,
    UnsupportedModelError,
    UsageError,
)
from pytest_edgert.measure.parts import KeptParts
from pytest_edgert.records import Arrival, LatencyPlan, Pattern, Presence, PresenceState
from pytest_edgert.transports.local import TRANSPORT
from pytest_edgert.worker.client import Worker, WorkerSettings

PATH = {"PYTHONPATH": str(Path(__file__).parent)}
REFERENCE = "pytest_edgert.runtimes.reference:RUNTIME"
X = {"x": np.arange(3.0)}


def test_probe_gives_version_and_accelerators(shared_odd):
    found = shared_odd.worker.probe("odd_runtime:RUNTIME")
    assert found.version == "1.2"
    assert found.accelerators[1] == Presence("npu", PresenceState.ABSENT, "no driver", "Install it.")


def test_sensors_are_read_and_a_broken_meter_tells_its_reason(shared_odd):
    good, broken = shared_odd.worker.read_sensors(["odd_meter:METER", "odd_meter:MISSING"])
    assert (good.name, good.reason) == ("odd", "")
    assert good.sensors[1] == Presence("power_w.odd", PresenceState.UNUSABLE, "root only", "Run as root.")
    assert good.readings == {"temperature_c.odd": 40.5, "power_w.odd": None}
    assert "odd_meter:MISSING" in broken.reason


def test_open_gives_signature_and_placement_as_the_session_has_them(shared_odd, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import odd_runtime

    opened = shared_odd.worker.open("odd_runtime:RUNTIME", Path("model.odd"), "npu", {}, timeout_s=20)
    assert opened.signature == odd_runtime.SIGNATURE
    assert (opened.placement.accelerator, opened.placement.nodes) == ("npu", {"npu": 2})
    assert opened.placement.detail == {"precision": "fp32"}
    assert opened.open_s > 0
    assert opened.import_s > 0


def test_infer_gives_outputs_that_survive_the_next_inference(shared_odd):
    session = shared_odd.open()
    first = shared_odd.worker.infer(session, {"small": np.ones(3), "large": np.ones((300, 400))}, timeout_s=20)
    shared_odd.worker.infer(session, {"small": np.zeros(3), "large": np.zeros((300, 400))}, timeout_s=20)
    assert first["small"].all()
    assert first["large"].all()
    first["large"][0] = 2


def test_feeds_are_read_only_in_the_worker(shared_odd):
    session = shared_odd.open(writeable=True)
    found = shared_odd.worker.infer(session, {"small": np.ones(3), "large": np.ones((300, 400))}, timeout_s=20)
    assert {name: bool(array) for name, array in found.items()} == {"small": False, "large": False}


def test_the_time_inside_the_worker_is_told(shared_odd):
    outputs, inside_s = shared_odd.worker.timed_infer(shared_odd.open(), X, timeout_s=20)
    assert list(outputs) == ["x"]
    assert 0 < inside_s < 20


def test_many_sessions_live_in_one_worker(shared_odd):
    sessions = [shared_odd.open(answer=f"NAME_{n}") for n in range(5)]
    assert len(set(sessions)) == 5
    shared_odd.worker.close_session(sessions[0])
    assert list(shared_odd.worker.infer(sessions[4], {}, timeout_s=20)) == ["answer"]


def test_a_closed_session_is_an_error_that_leaves_the_worker_alive(shared_odd):
    session = shared_odd.open()
    shared_odd.worker.close_session(session)
    shared_odd.worker.close_session(session)
    with pytest.raises(UsageError, match="not open"):
        shared_odd.worker.infer(session, X, timeout_s=20)
    assert shared_odd.worker.alive


def test_the_environment_reaches_the_worker(start_odd):
    settings = WorkerSettings(environment={**PATH, "ODD_NAME": "told"})
    odd = start_odd(settings=settings)
    assert odd.infer(answer="ODD_NAME")["answer"].item() == "told"
    assert odd.worker.settings is settings


def test_the_current_folder_is_not_imported_from(tmp_path, monkeypatch, start_odd):
    for name in ("numpy", "json", "odd_runtime"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the current folder')\n")
    monkeypatch.chdir(tmp_path)
    assert list(start_odd().infer()) == ["x"]


def test_errors_of_ours_arrive_as_they_were(shared_odd):
    with pytest.raises(UnsupportedModelError) as caught:
        shared_odd.open(at_open="refuse")
    assert (caught.value.message, caught.value.remedy) == ("no operator Foo", "Use Bar.")
    with pytest.raises(TargetMissingError, match="pip install missing"):
        shared_odd.worker.probe("odd_runtime:MISSING")
    assert shared_odd.worker.alive


def test_an_adapter_that_is_not_there_is_named(shared_odd):
    with pytest.raises(UsageError, match="no_such_module:RUNTIME"):
        shared_odd.worker.probe("no_such_module:RUNTIME")
    assert shared_odd.worker.alive


@pytest.mark.parametrize(("deed", "words"), [("stumble", "ZeroDivisionError: by zero"), ("quit", "SystemExit: 3")])
def test_any_other_error_comes_with_its_type_and_leaves_the_worker_alive(shared_odd, deed, words):
    with pytest.raises(InferenceError, match=words):
        shared_odd.infer(do=deed)
    with pytest.raises(ArtefactError, match=words):
        shared_odd.open(at_open=deed)
    assert list(shared_odd.infer()) == ["x"]


def test_outputs_that_are_no_arrays_are_the_adapters_error(shared_odd):
    with pytest.raises(InferenceError, match=r"'strange'.*list"):
        shared_odd.infer(strange=True)
    assert shared_odd.worker.alive


def test_feeds_that_cannot_be_sent_are_refused_and_leave_the_worker_alive(shared_odd):
    session = shared_odd.open()
    with pytest.raises(FeedsError, match="cannot be sent"):
        shared_odd.worker.infer(session, {"x": np.array(["2020"], "M8[Y]")}, timeout_s=20)
    assert list(shared_odd.worker.infer(session, X, timeout_s=20)) == ["x"]


def test_feeds_beyond_the_limit_are_refused_and_leave_the_worker_alive(start_odd):
    odd = start_odd(settings=WorkerSettings(environment=PATH, payload_limit_bytes=1000))
    with pytest.raises(FeedsError, match="limit of 1000"):
        odd.worker.infer(odd.open(), {"x": np.ones(200)}, timeout_s=20)
    assert odd.worker.alive


def test_what_a_runtime_prints_does_not_reach_the_protocol(odd):
    assert list(odd.infer(do="noise")) == ["x"]
    assert odd.worker.alive


@pytest.mark.slow
def test_a_second_call_during_a_call_is_refused(odd):
    session, seen = odd.open(do="hang"), []
    lock = odd.worker._connection._lock

    def infer():
        try:
            odd.worker.infer(session, X, timeout_s=1.0)
        except EdgertError as error:
            seen.append(type(error).__name__)

    thread = threading.Thread(target=infer)
    thread.start()
    while thread.is_alive() and not lock.locked():
        thread.join(0.01)
    with pytest.raises(UsageError, match="one call at a time"):
        odd.worker.peak_rss_bytes()
    thread.join()
    assert seen == ["WorkerHungError"]


@pytest.mark.slow
def test_the_peak_of_memory_is_told_and_can_be_reset(odd):
    session = odd.open()
    before = odd.worker.peak_rss_bytes()
    odd.worker.infer(session, {"x": np.ones((2**23,), np.float64)}, timeout_s=20)
    after = odd.worker.peak_rss_bytes()
    assert after - before > 2**25
    if odd.worker.reset_peak_rss():
        assert odd.worker.peak_rss_bytes() <= after


def test_closing_ends_the_process_and_closing_twice_is_harmless(odd, running):
    odd.open()
    odd.worker.close()
    assert not odd.worker.alive
    assert not running(odd.worker.pid)
    odd.worker.close()
    odd.worker.kill()
    with pytest.raises(UsageError, match="closed"):
        odd.worker.peak_rss_bytes()


def test_an_error_at_the_close_of_a_session_does_not_keep_the_worker(odd, running):
    odd.open(at_close="stumble")
    odd.worker.close()
    assert not running(odd.worker.pid)


def test_a_worker_is_a_context_manager(running):
    with Worker.start(TRANSPORT) as worker:
        assert running(worker.pid)
    assert not running(worker.pid)


def test_a_worker_that_is_forgotten_ends(running):
    worker = Worker.start(TRANSPORT)
    pid = worker.pid
    del worker
    assert not running(pid)


@pytest.mark.slow
def test_latency_is_measured_in_the_worker_with_progress_on_the_way(shared_odd):
    seen = []
    plan = LatencyPlan(warm_up_n=3, warm_up_s=0.0, measure_s=0.6)
    samples = shared_odd.worker.measure_latency(shared_odd.open(), X, plan, progress=seen.append, idle_timeout_s=20)
    assert len(samples.durations_ns) == len(samples.starts_ns) > 100
    assert samples.durations_ns.min() > 0
    assert samples.stop_reason
    assert seen


@pytest.mark.slow
def test_the_samples_so_far_come_while_it_measures(shared_odd):
    parts = KeptParts()
    plan = LatencyPlan(warm_up_n=3, warm_up_s=0.0, measure_s=4.5, arrival=Arrival(Pattern.EVERY, 0.001))
    samples = shared_odd.worker.measure_latency(shared_odd.open(), X, plan, part=parts.add, idle_timeout_s=20)
    kept = parts.samples("lost")
    n = len(kept.durations_ns)
    assert 1 <= len(parts.parts) <= 2
    assert 0 < n < len(samples.durations_ns)
    assert (kept.durations_ns == samples.durations_ns[:n]).all()


@pytest.mark.slow
def test_requests_of_an_open_loop_are_measured_in_the_worker(shared_odd):
    arrival = Arrival(Pattern.EVERY, 0.002)
    plan = LatencyPlan(warm_up_n=3, warm_up_s=0.0, measure_s=0.5, arrival=arrival)
    samples = shared_odd.worker.measure_latency(shared_odd.open(), X, plan, idle_timeout_s=20)
    assert (samples.durations_ns == samples.starts_ns + samples.service_ns - samples.intended_ns).all()
    assert (samples.starts_ns >= samples.intended_ns).all()
    assert len(samples.durations_ns) > 20


def test_a_worker_runs_in_its_own_process_session(shared_odd):
    assert os.getsid(shared_odd.worker.pid) == shared_odd.worker.pid


@pytest.mark.slow
def test_grids_are_read_and_watched_over_the_pipe(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(quantizing(), path)
    with Worker.start(TRANSPORT) as worker:
        reading = worker.read_quantization(REFERENCE, path, timeout_s=60)
        assert [one.name for one in reading.tensors] == ["q"]
        assert reading.input_ranges == {"a/b": (-128.0, 127.0)}
        opened = worker.open(REFERENCE, path, "cpu", {}, timeout_s=60)
        feeds = [{"a/b": np.array(row, np.float32)} for row in ([0.5, 2, 300], [1, 2, 3])]
        (found,) = worker.watch_quantization(opened.session_id, feeds, idle_timeout_s=60)
        assert (found.name, found.n, found.clipped) == ("q", 6, 1 / 6)


def quantizing():
    """Return a model of one QuantizeLinear of scale 1, from the input a/b to q."""
    x = helper.make_tensor_value_info("a/b", TensorProto.FLOAT, [3])
    q = helper.make_tensor_value_info("q", TensorProto.INT8, [3])
    held = [numpy_helper.from_array(np.float32(1), "s"), numpy_helper.from_array(np.int8(0), "z")]
    graph = helper.make_graph([helper.make_node("QuantizeLinear", ["a/b", "s", "z"], ["q"])], "g", [x], [q], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
