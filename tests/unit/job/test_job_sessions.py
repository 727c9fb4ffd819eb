import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_edgert.errors import ArtefactError, InferenceError, UnsupportedModelError, UsageError
from pytest_edgert.job.process_memory import peak_rss_bytes, reset_peak_rss
from pytest_edgert.job.sessions import SessionTable, probe, read_quantization
from pytest_edgert.records import LatencyPlan

FAKE = "pytest_edgert.runtimes.fake:RUNTIME"
X = {"x": np.ones((2, 4), np.float32)}


@pytest.fixture
def artefact(tmp_path):
    path = tmp_path / "model.fake"
    model = {
        "inputs": [{"name": "x", "dtype": "float32", "shape": ["batch", 4]}],
        "outputs": [{"name": "y", "of": "x", "scale": 2.0, "bias": 1.0}],
    }
    path.write_text(json.dumps(model))
    return path


def test_a_probe_tells_version_and_accelerators():
    found = probe(FAKE)
    assert found.version
    assert "cpu" in [presence.name for presence in found.accelerators]


def test_a_session_is_opened_used_and_closed(artefact):
    table = SessionTable()
    opened = table.open(FAKE, artefact, "cpu", {})
    outputs, duration_ns = table.infer(opened.session_id, X)
    assert outputs["y"].tolist() == [[3.0] * 4] * 2
    assert duration_ns > 0
    assert (opened.signature.inputs[0].name, opened.placement.accelerator) == ("x", "cpu")
    table.close(opened.session_id)
    with pytest.raises(UsageError, match="not open"):
        table.infer(opened.session_id, X)


def test_a_measurement_that_the_runtime_fails_is_told_in_the_adapters_words(tmp_path):
    data = numpy_helper.from_array(np.zeros(2, np.float32), "data")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["data", "x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [data],
    )
    path = tmp_path / "net.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    table = SessionTable()
    opened = table.open("pytest_edgert.runtimes.onnxruntime:RUNTIME", path, "cpu", {})
    with pytest.raises(InferenceError, match=r"onnxruntime:cpu failed an inference of .*net\.onnx: ") as caught:
        table.measure_latency(opened.session_id, {"x": np.array([7])}, LatencyPlan(), lambda _: None)
    assert caught.value.remedy


def test_numbers_of_sessions_are_never_used_again(artefact):
    table = SessionTable()
    first = table.open(FAKE, artefact, "cpu", {}).session_id
    table.close(first)
    assert table.open(FAKE, artefact, "cpu", {}).session_id != first


def test_an_artefact_that_is_refused_leaves_no_session(tmp_path):
    table = SessionTable()
    with pytest.raises(ArtefactError):
        table.open(FAKE, tmp_path / "missing.fake", "cpu", {})
    with pytest.raises(UsageError, match="not open"):
        table.infer(1, X)


def test_grids_are_only_asked_of_a_runtime_that_reads_and_watches_them(artefact):
    with pytest.raises(UnsupportedModelError, match="fake reads no grids"):
        read_quantization(FAKE, artefact)
    table = SessionTable()
    opened = table.open(FAKE, artefact, "cpu", {})
    with pytest.raises(UnsupportedModelError, match="does not look on"):
        table.watch_quantization(opened.session_id, [X], print)


def test_closing_all_closes_every_session_and_twice_is_harmless(artefact):
    table = SessionTable()
    opened = [table.open(FAKE, artefact, "cpu", {}).session_id for _ in range(3)]
    table.close_all()
    table.close_all()
    for session_id in opened:
        with pytest.raises(UsageError):
            table.infer(session_id, X)


def test_latency_is_measured_on_the_session(artefact):
    table = SessionTable()
    session_id = table.open(FAKE, artefact, "cpu", {}).session_id
    samples = table.measure_latency(session_id, X, LatencyPlan(warm_up_n=1, warm_up_s=0.0, measure_s=0.05), print)
    assert len(samples.durations_ns)


@pytest.mark.slow
def test_the_peak_of_memory_rises_with_use_and_falls_when_reset():
    hoard = np.ones(2**28, np.uint8)
    peak = peak_rss_bytes()
    assert peak > hoard.nbytes
    del hoard
    if not reset_peak_rss():
        pytest.skip("this kernel does not reset the peak")
    assert peak_rss_bytes() < peak - 2**27
