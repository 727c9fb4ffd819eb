"""Opening with the real ONNX Runtime: what is refused, in which words; options; placement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_models import external, model, one_node, save, value

from pytest_edgert.errors import (
    ArtefactError,
    EdgertError,
    PlacementError,
    TargetMissingError,
    UnsupportedModelError,
    UsageError,
)
from pytest_edgert.records import Evidence
from pytest_edgert.runtimes.onnxruntime import RUNTIME
from pytest_edgert.runtimes.onnxruntime_session import make_session, tells_assignment

SOUND = one_node("Relu")


def refusal(path: Path, kind: type[EdgertError], **options: object) -> EdgertError:
    with pytest.raises(kind) as caught:
        RUNTIME.open(path, "cpu", options)
    assert path.name in caught.value.message
    assert caught.value.remedy
    return caught.value


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").touch()
    assert "is empty" in refusal(tmp_path / "m.onnx", ArtefactError).message


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").mkdir()
    refusal(tmp_path / "m.onnx", ArtefactError)


@pytest.mark.parametrize("suffix", [".onnx", ".ort"])
@pytest.mark.parametrize("content", [b"<html>page</html>", b"\x00" * 64, b"PK\x03\x04zip", bytes(range(256))])
def test_a_foreign_file(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"m{suffix}").write_bytes(content)
    assert refusal(tmp_path / f"m{suffix}", ArtefactError).__cause__ is not None


def test_every_truncation_is_an_artefact_error_or_a_model(tmp_path: Path) -> None:
    whole = SOUND.SerializeToString()
    refused = 0
    for length in range(1, len(whole)):
        path = tmp_path / "m.onnx"
        path.write_bytes(whole[:length])
        try:
            RUNTIME.open(path, "cpu", {}).close()
        except (ArtefactError, UnsupportedModelError):
            refused += 1
    assert refused > len(whole) * 0.9


@pytest.mark.parametrize(
    ("built", "named"),
    [
        (one_node("Swirl", domain="my.domain", domains=["my.domain"]), "my.domain:Swirl"),
        (one_node("Swirl"), "ai.onnx:Swirl"),
        (one_node("Erf", TensorProto.DOUBLE), "ai.onnx:Erf (version 13) of m.onnx, node 'n0'"),
        (one_node("Abs", opset=99), "pset 99"),
        (one_node("Abs", ir=99), "IR version: 99"),
    ],
    ids=["custom operator", "unknown operator", "no kernel", "opset", "ir version"],
)
def test_what_the_runtime_lacks_is_named(tmp_path: Path, built: onnx.ModelProto, named: str) -> None:
    assert named in refusal(save(built, tmp_path), UnsupportedModelError).message


def test_an_invalid_graph(tmp_path: Path) -> None:
    built = model([helper.make_node("Relu", ["nowhere"], ["y"])], [value("x", [1])], [value("y", [1])])
    assert "not a valid graph" in refusal(save(built, tmp_path), ArtefactError).message


@pytest.mark.parametrize("kind", [TensorProto.BFLOAT16, TensorProto.FLOAT8E4M3FN])
def test_types_that_numpy_lacks_are_refused_by_name(tmp_path: Path, kind: int) -> None:
    path = save(one_node("Identity", kind, opset=21, ir=10), tmp_path)
    assert "'x'" in refusal(path, UnsupportedModelError).message


def test_an_input_that_is_no_tensor_is_refused_by_name(tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("frames", TensorProto.FLOAT, None)
    node = helper.make_node("SequenceAt", ["frames", "i"], ["y"])
    path = save(model([node], [sequence, value("i", [], TensorProto.INT64)], [value("y", None)]), tmp_path)
    assert "'frames'" in refusal(path, UnsupportedModelError).message


@pytest.mark.parametrize("location", ["/etc/hostname", "../w.bin", "sub/../../w.bin"])
def test_external_data_outside_the_folder_is_refused_before_opening(tmp_path: Path, location: str) -> None:
    (tmp_path / "w.bin").write_bytes(b"\0" * 8)
    (tmp_path / "model" / "sub").mkdir(parents=True)
    error = refusal(save(external(location), tmp_path / "model"), ArtefactError)
    assert location in error.message
    assert "outside its folder" in error.message


def test_external_data_through_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"\0" * 8)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w.bin").symlink_to(tmp_path / "w.bin")
    assert "outside its folder" in refusal(save(external("w.bin"), tmp_path / "model"), ArtefactError).message


def test_missing_external_data_is_named(tmp_path: Path) -> None:
    assert "w.bin" in refusal(save(external("w.bin"), tmp_path), ArtefactError).message


def test_short_external_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"\0" * 3)
    assert "external data" in refusal(save(external("w.bin"), tmp_path), ArtefactError).message


def test_external_data_beside_the_model_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(np.array([1, 2], np.float32).tobytes())
    with RUNTIME.open(save(external("w.bin"), tmp_path), "cpu", {}) as session:
        np.testing.assert_array_equal(session.infer({"x": np.zeros(2, np.float32)})["y"], [1, 2])


def test_an_ort_file_opens(tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(SOUND.SerializeToString(), options, providers=["CPUExecutionProvider"])
    with RUNTIME.open(tmp_path / "m.ort", "cpu", {}) as session:
        np.testing.assert_array_equal(session.infer({"x": np.array([-1, 1], np.float32)})["y"], [0, 1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"treads": 1}, "threads"),
        ({"threads": 0}, "threads"),
        ({"optimization": "none"}, "optimization"),
        ({"allow_fallback": "perhaps"}, "allow_fallback"),
        ({"shape.x": "3"}, "contradicts"),
        ({"shape.z": "3"}, "no input"),
        ({"config.session.disable_cpu_ep_fallback": "0"}, "set by the adapter"),
    ],
)
def test_an_option_that_is_wrong_is_refused(tmp_path: Path, options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        RUNTIME.open(save(SOUND, tmp_path), "cpu", options)


@pytest.mark.parametrize("level", ["all", "extended", "basic", "disabled"])
def test_every_level_of_optimisation_opens_and_is_told(tmp_path: Path, level: str) -> None:
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {"optimization": level, "threads": 2}) as session:
        assert session.placement.detail == {"optimization": level, "threads": 2}


def test_configuration_entries_reach_the_session(tmp_path: Path) -> None:
    entry = "session.intra_op.allow_spinning"
    with RUNTIME.open(save(SOUND, tmp_path), "cpu", {f"config.{entry}": "0"}) as session:
        assert session._session.get_session_options().get_session_config_entry(entry) == "0"


@pytest.mark.skipif(not tells_assignment(), reason="needs an onnxruntime that tells its assignment, such as 1.24")
def test_placement_is_traced_node_by_node(tmp_path: Path) -> None:
    placement = RUNTIME.open(save(SOUND, tmp_path), "cpu", {}).placement
    assert (placement.evidence, placement.nodes, placement.share) == (Evidence.TRACED, {"cpu": 1}, 1.0)


def test_a_version_that_does_not_tell_its_assignment_only_plans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = onnxruntime.InferenceSession.__mro__[1]
    monkeypatch.delattr(base, "get_provider_graph_assignment_info", raising=False)
    placement = RUNTIME.open(save(SOUND, tmp_path), "cpu", {}).placement
    assert (placement.evidence, placement.share) == (Evidence.PLANNED, None)


def test_an_accelerator_that_the_build_lacks_is_missing_with_a_remedy(tmp_path: Path) -> None:
    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has TensorRT")
    with pytest.raises(TargetMissingError, match="no TensorrtExecutionProvider") as caught:
        RUNTIME.open(save(SOUND, tmp_path), "tensorrt", {})
    assert "onnxruntime-gpu" in caught.value.remedy


def test_auto_is_resolved(tmp_path: Path) -> None:
    assert RUNTIME.open(save(SOUND, tmp_path), "auto", {}).placement.accelerator in RUNTIME.info.accelerators


@pytest.mark.skipif(not tells_assignment(), reason="needs an onnxruntime that tells its assignment, such as 1.24")
def test_a_fall_back_that_the_runtime_tells_is_refused(tmp_path: Path) -> None:
    path = save(SOUND, tmp_path)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    on_cpu = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with pytest.raises(PlacementError, match=r"n0 \(Relu\) on CPUExecutionProvider"):
        make_session(on_cpu, path, "cuda", {})
    placement = make_session(on_cpu, path, "cuda", {"allow_fallback": True}).placement
    assert (placement.accelerator, placement.share, placement.nodes) == ("cuda", 0.0, {"cuda": 0, "cpu": 1})


needs_openvino = pytest.mark.skipif(
    "OpenVINOExecutionProvider" not in onnxruntime.get_available_providers(), reason="needs onnxruntime-openvino"
)


@needs_openvino
def test_nodes_that_a_real_provider_leaves_to_the_cpu_are_refused_by_name(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["r"], name="first"), helper.make_node("Unique", ["r"], ["y"], name="odd")]
    path = save(model(nodes, [value("x", [2])], [value("y", ["n"])]), tmp_path)
    with pytest.raises(PlacementError, match=r"odd \(Unique\) on CPUExecutionProvider"):
        RUNTIME.open(path, "openvino", {})
    assert RUNTIME.open(path, "openvino", {"allow_fallback": True}).placement.share < 1


@needs_openvino
def test_a_provider_whose_device_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TargetMissingError, match="OpenVINOExecutionProvider"):
        RUNTIME.open(save(SOUND, tmp_path), "openvino", {"provider.device_type": "NPU.9"})


@needs_openvino
def test_an_option_that_the_provider_refuses_is_a_mistake_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nonsense"):
        RUNTIME.open(save(SOUND, tmp_path), "openvino", {"provider.nonsense": "1"})
