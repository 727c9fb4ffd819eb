"""Opening with the real OpenVINO: what is refused, in which words; options; placement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import external, model, one_node, save, value

from pytest_edgert.errors import (
    ArtefactError,
    EdgertError,
    InferenceError,
    PlacementError,
    TargetMissingError,
    UnsupportedModelError,
    UsageError,
    WorkerOutOfMemoryError,
)
from pytest_edgert.records import Evidence
from pytest_edgert.runtimes.openvino import RUNTIME
from pytest_edgert.runtimes.openvino_devices import import_openvino, make_core
from pytest_edgert.runtimes.openvino_errors import compiling_error, inference_error, reading_error, shortened
from pytest_edgert.runtimes.openvino_placement import read_placement

SOUND = one_node("Relu")


def refusal(path: Path, kind: type[EdgertError], **options: object) -> EdgertError:
    with pytest.raises(kind) as caught:
        RUNTIME.open(path, "cpu", options)
    assert path.name in caught.value.message
    assert caught.value.remedy
    assert "\n" not in caught.value.message
    return caught.value


def ir(folder: Path, name: str = "m") -> Path:
    """Write an IR with weights of 48 bytes: a product with a (3, 4) float32 matrix."""
    openvino = import_openvino()
    from openvino import opset13 as ops

    x = ops.parameter([2, 3], np.float32, name="x")
    product = ops.matmul(x, ops.constant(np.arange(12, dtype=np.float32).reshape(3, 4)), False, False)
    openvino.save_model(openvino.Model([product], [x], "m"), folder / f"{name}.xml", compress_to_fp16=False)
    return folder / f"{name}.xml"


@pytest.mark.parametrize("suffix", RUNTIME.info.suffixes)
def test_an_empty_file(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"m{suffix}").touch()
    assert "is empty" in refusal(tmp_path / f"m{suffix}", ArtefactError).message


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "m.xml").mkdir()
    refusal(tmp_path / "m.xml", ArtefactError)


@pytest.mark.parametrize("suffix", RUNTIME.info.suffixes)
@pytest.mark.parametrize("content", [b"<html>page</html>", b"\x00" * 64, b"PK\x03\x04zip", bytes(range(256))])
def test_a_foreign_file(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"m{suffix}").write_bytes(content)
    assert refusal(tmp_path / f"m{suffix}", ArtefactError).__cause__ is not None


def test_an_ir_without_its_weights_names_them(tmp_path: Path) -> None:
    path = ir(tmp_path)
    path.with_suffix(".bin").unlink()
    assert f"{path.with_suffix('.bin')} is missing" in refusal(path, ArtefactError).message


@pytest.mark.parametrize(
    ("length", "said"), [(0, "m.bin is empty"), (20, "m.bin is truncated or of another model (20")]
)
def test_an_ir_with_short_weights_names_them(tmp_path: Path, length: int, said: str) -> None:
    path = ir(tmp_path)
    weights = path.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:length])
    assert said in refusal(path, ArtefactError).message


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_every_truncation_is_an_artefact_error_or_a_model(tmp_path: Path, suffix: str) -> None:
    path = ir(tmp_path) if suffix == ".xml" else save(SOUND, tmp_path)
    whole = path.read_bytes()
    refused = 0
    lengths = range(1, len(whole) - 1, max(1, len(whole) // 60))
    for length in lengths:
        path.write_bytes(whole[:length])
        try:
            RUNTIME.open(path, "cpu", {}).close()
        except (ArtefactError, UnsupportedModelError):
            refused += 1
    assert refused > len(lengths) * 0.8


@pytest.mark.parametrize(
    ("built", "named"),
    [
        (one_node("Swirl", domain="my.domain", domains=["my.domain"]), "my.domain.Swirl"),
        (one_node("Swirl"), "Swirl-13"),
    ],
    ids=["custom operator", "unknown operator"],
)
def test_what_openvino_lacks_is_named(tmp_path: Path, built: onnx.ModelProto, named: str) -> None:
    assert f"the operator {named} of m.onnx." in refusal(save(built, tmp_path), UnsupportedModelError).message


def test_an_unknown_operator_of_an_ir_is_named(tmp_path: Path) -> None:
    path = ir(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'type="MatMul"', b'type="Swirl"'))
    assert "the operator Swirl of m.xml" in refusal(path, UnsupportedModelError).message


def test_an_invalid_graph(tmp_path: Path) -> None:
    built = model([helper.make_node("Relu", ["nowhere"], ["y"])], [value("x", [1])], [value("y", [1])])
    assert "not a valid graph" in refusal(save(built, tmp_path), ArtefactError).message


@pytest.mark.parametrize("kind", [TensorProto.BFLOAT16, TensorProto.FLOAT8E4M3FN, TensorProto.STRING])
def test_types_that_are_not_exchanged_are_refused_by_name(tmp_path: Path, kind: int) -> None:
    path = save(one_node("Identity", kind, opset=21, ir=10), tmp_path)
    assert "'x'" in refusal(path, UnsupportedModelError).message


@pytest.mark.parametrize("location", ["/etc/hostname", "../w.bin"])
def test_external_data_outside_the_folder_is_refused_before_opening(tmp_path: Path, location: str) -> None:
    (tmp_path / "w.bin").write_bytes(b"\0" * 8)
    (tmp_path / "model").mkdir()
    assert "outside its folder" in refusal(save(external(location), tmp_path / "model"), ArtefactError).message


TFLITE_TEXTS = {
    "edgetpu-custom-op": "Check 'translate_map.count(decoder->get_op_type())' failed at src/frontends/a.cpp:221:\n"
    "FrontEnd API failed with OpConversionFailure:\nNo translator found for edgetpu-custom-op node.\n",
    "ethos-u": "Check 'false' failed at src/frontends/a.cpp:180:\nFrontEnd API failed with GeneralFailure:\nThis tensor "
    "should be either input, constant or should be already produced by previous operators: _split_1_scratch. Error is "
    "encountered while working with operation of type ethos-u and name 0.\n",
}


@pytest.mark.parametrize("operator", TFLITE_TEXTS)
def test_an_operator_of_a_compiler_is_told_with_what_to_give_instead(operator: str) -> None:
    error = reading_error(RuntimeError(TFLITE_TEXTS[operator]), Path("m.tflite"), "openvino:cpu")
    assert type(error) is UnsupportedModelError
    assert f"the operator {operator} of m.tflite" in error.message
    assert "from before" in error.remedy


def test_only_the_telling_lines_of_an_error_are_kept() -> None:
    error = RuntimeError("Exception from src/a.cpp:84:\nCheck 'x' failed at b.cpp:1:\nThe rank has to be static.\n\n")
    assert shortened(error) == "The rank has to be static"
    assert shortened(RuntimeError("Exception from src/a.cpp:84:")) == "Exception from src/a.cpp:84:"
    assert len(shortened(RuntimeError("word " * 1000))) == 300


@pytest.mark.parametrize("make", [reading_error, compiling_error, inference_error])
def test_running_out_of_memory_is_the_workers(make) -> None:
    assert isinstance(make(RuntimeError("std::bad_alloc"), Path("m.xml"), "openvino:cpu"), WorkerOutOfMemoryError)


def test_any_other_error_of_an_inference_is_ours() -> None:
    error = inference_error(RuntimeError("Exception from a:\nno luck\n"), Path("m.xml"), "openvino:cpu")
    assert type(error) is InferenceError
    assert "no luck" in error.message


# Options


def test_threads_are_given_and_told(tmp_path: Path) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {"threads": 1}) as session:
        assert session.placement.detail["threads"] == 1


def test_the_defaults_are_one_stream_for_latency(tmp_path: Path) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {}) as session:
        compiled = session._compiled
        assert compiled.get_property("NUM_STREAMS") == 1
        assert str(compiled.get_property("PERFORMANCE_HINT")) in ("LATENCY", "PerformanceMode.LATENCY")


def test_a_property_of_the_caller_wins_over_a_default(tmp_path: Path) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {"threads": 2, "config.NUM_STREAMS": 2}) as session:
        assert session._compiled.get_property("NUM_STREAMS") == 2


def test_a_property_goes_to_the_compiled_model(tmp_path: Path) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {"config.ENABLE_CPU_PINNING": False}) as session:
        assert session._compiled.get_property("ENABLE_CPU_PINNING") is False


@pytest.mark.parametrize("key", ["NOSUCH", "NUM_STREAMS", "LP_TRANSFORMS_MODE", "INFERENCE_NUM_THREADS"])
def test_a_property_that_cannot_be_is_refused_by_name(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError, match=r"NOSUCH|pig|option"):
        RUNTIME.open(save(SOUND, tmp_path), "cpu", {f"config.{key}": "pig"})


@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
def test_auto_refuses_unknown_properties_too(tmp_path: Path, accelerator: str) -> None:
    with pytest.raises(UsageError, match="NOSUCH"):
        RUNTIME.open(save(SOUND, tmp_path), accelerator, {"config.NOSUCH": "1"})


def test_the_precision_is_that_of_the_compiled_model(tmp_path: Path) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {"precision": "f32"}) as session:
        assert session.placement.detail["precision"] == "f32"
        assert session.placement.detail["node_precisions"] == "f32 ×1"


def test_a_precision_that_the_device_lacks_is_refused_unless_allowed(tmp_path: Path) -> None:
    path = save(SOUND, tmp_path)
    able = make_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    lacking = [name for name, capability in (("f16", "FP16"), ("bf16", "BF16")) if capability not in able]
    if not lacking:
        pytest.skip(f"this CPU computes in every precision: {able}")
    with pytest.raises(TargetMissingError, match=f"does not compute in {lacking[0]} here"):
        RUNTIME.open(path, "cpu", {"precision": lacking[0]})
    with RUNTIME.open(path, "cpu", {"precision": lacking[0], "allow_fallback": True}) as session:
        assert session.placement.detail["precision"] != lacking[0]


def test_an_unknown_precision_offers_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'f32'"):
        RUNTIME.open(save(SOUND, tmp_path), "cpu", {"precision": "fp32"})


# Placement


def test_auto_is_the_device_that_was_chosen(tmp_path: Path) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "auto", {}) as session:
        assert session.placement.accelerator in RUNTIME.info.accelerators
        assert session.placement.elsewhere == ()


def test_the_nodes_of_the_cpu_are_traced(tmp_path: Path) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {}) as session:
        assert session.placement.evidence is Evidence.TRACED
        assert session.placement.nodes == {"cpu": 1}
        assert session.placement.share == 1.0


@pytest.fixture
def compiled(tmp_path: Path):
    core = make_core()
    return core.compile_model(core.read_model(save(SOUND, tmp_path)), "CPU")


def test_a_split_model_tells_what_went_elsewhere(compiled) -> None:
    placement = read_placement(compiled, "gpu", {}, {"a": "GPU.0", "b": "CPU", "c": "GPU.0"})
    assert (placement.evidence, placement.nodes) == (Evidence.PLANNED, {"gpu": 2, "cpu": 1})
    assert placement.elsewhere == ("b on cpu",)


def test_a_model_that_ran_on_another_device_is_elsewhere(compiled) -> None:
    placement = read_placement(compiled, "npu", {}, None)
    assert placement.elsewhere == ("the model on cpu",)
    assert placement.accelerator == "npu"


def test_streams_compile_for_throughput(tmp_path: Path) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {"threads": 2, "streams": 2}) as session:
        compiled = session._compiled
    assert compiled.get_property("NUM_STREAMS") == 2
    assert str(compiled.get_property("PERFORMANCE_HINT")).endswith("THROUGHPUT")


def test_two_numbers_of_streams_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"streams=2 and config.NUM_STREAMS=3"):
        RUNTIME.open(save(SOUND, tmp_path), "cpu", {"streams": 2, "config.NUM_STREAMS": 3})


def test_a_placement_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_edgert.runtimes import openvino_session

    path = save(SOUND, tmp_path)
    monkeypatch.setattr(openvino_session, "device_of", lambda _: "CPU")
    core = make_core()
    with pytest.raises(PlacementError, match=r"m\.onnx was asked onto npu; elsewhere: the model on cpu"):
        openvino_session.reader(core, path, "npu", {})()
    with openvino_session.reader(core, path, "npu", {"allow_fallback": True})() as session:
        assert session.placement.nodes == {"cpu": 1}
