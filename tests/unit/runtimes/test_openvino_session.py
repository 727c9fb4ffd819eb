"""Sessions of the real OpenVINO: signatures, types, state, precision and bound runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import model, one_node, quantized, save, value

from pytest_edgert.errors import InferenceError, UsageError
from pytest_edgert.runtimes.openvino import RUNTIME
from pytest_edgert.runtimes.openvino_devices import import_openvino, make_core
from pytest_edgert.tensors import Quantization

KINDS = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "bool": TensorProto.BOOL,
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3)], ids=str)
def test_every_type_goes_in_and_out_bit_for_bit(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    given = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    with RUNTIME.open(save(one_node("Identity", KINDS[dtype], shape), tmp_path), "cpu", {}) as session:
        assert session.signature.inputs[0].dtype == dtype
        np.testing.assert_array_equal(session.infer({"x": given})["y"], given, strict=True)
        run = session.bind({"x": given})
        run()
        np.testing.assert_array_equal(run.outputs()["y"], given, strict=True)


def test_free_dimensions_keep_the_names_of_the_onnx_file(tmp_path: Path) -> None:
    with RUNTIME.open(save(one_node("Relu", shape=("batch", None, 3)), tmp_path), "cpu", {}) as session:
        assert session.signature.inputs[0].shape == ("batch", None, 3)
        assert session.signature.outputs[0].shape == (None, None, 3)
        assert session.infer({"x": np.ones((4, 5, 3), np.float32)})["y"].shape == (4, 5, 3)


def test_bound_dimensions_reach_the_compiled_model(tmp_path: Path) -> None:
    options = {"shape.x": "2x5x3"}
    with RUNTIME.open(save(one_node("Relu", shape=("batch", None, 3)), tmp_path), "cpu", options) as session:
        assert session.signature.inputs[0].shape == session.signature.outputs[0].shape == (2, 5, 3)
        assert list(session._compiled.inputs[0].shape) == [2, 5, 3]


def test_a_name_that_two_inputs_share_is_bound_in_both(tmp_path: Path) -> None:
    built = model(
        [helper.make_node("Add", ["a", "b"], ["y"])], [value("a", ["n"]), value("b", ["n"])], [value("y", ["n"])]
    )
    with RUNTIME.open(save(built, tmp_path), "cpu", {"shape.a": "3"}) as session:
        assert [spec.shape for spec in (*session.signature.inputs, *session.signature.outputs)] == [(3,)] * 3


def test_a_shape_that_contradicts_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contradicts"):
        RUNTIME.open(save(one_node("Relu"), tmp_path), "cpu", {"shape.x": "3"})


def test_a_shape_that_the_graph_does_not_take_is_refused(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    built = model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", ["n", "k"])], [value("y", None)], [weight]
    )
    with pytest.raises(UsageError, match=r"does not work with the shape x=1x3") as caught:
        RUNTIME.open(save(built, tmp_path), "cpu", {"shape.x": "1x3"})
    assert caught.value.__cause__ is not None


def test_outputs_of_one_tensor_have_names_of_their_own(tmp_path: Path) -> None:
    openvino = import_openvino()
    from openvino import opset13 as ops

    x = ops.parameter([2], np.float32, name="x")
    same = ops.relu(x)
    same.output(0).set_names({"b", "a"})
    built = openvino.Model([ops.result(same), ops.result(same)], [x], "m")
    openvino.save_model(built, tmp_path / "m.xml")
    with RUNTIME.open(tmp_path / "m.xml", "cpu", {}) as session:
        names = [spec.name for spec in session.signature.outputs]
        assert names == ["a", "a#1"]
        given = {session.signature.inputs[0].name: np.array([-1, 2], np.float32)}
        assert [array.tolist() for array in session.infer(given).values()] == [[0, 2], [0, 2]]


def test_a_failing_inference_is_ours_with_its_cause(tmp_path: Path) -> None:
    node = helper.make_node("Reshape", ["x", "s"], ["y"], name="squash")
    built = model([node], [value("x", ["n"]), value("s", [2], TensorProto.INT64)], [value("y", ["a", "b"])])
    with RUNTIME.open(save(built, tmp_path), "cpu", {}) as session:
        with pytest.raises(InferenceError, match=r"openvino:cpu failed an inference of .*m\.onnx") as caught:
            session.infer({"x": np.ones(3, np.float32), "s": np.array([2, 2])})
        assert caught.value.__cause__ is not None
        assert "\n" not in caught.value.message


def test_a_closed_session_says_so(tmp_path: Path) -> None:
    session = RUNTIME.open(save(one_node("Relu"), tmp_path), "cpu", {})
    session.close()
    with pytest.raises(InferenceError, match="closed"):
        session.infer({"x": np.ones(2, np.float32)})
    with pytest.raises(InferenceError, match="closed"):
        session.bind({"x": np.ones(2, np.float32)})


def test_a_bound_run_of_free_shapes_is_right(tmp_path: Path) -> None:
    with RUNTIME.open(save(one_node("Relu", shape=("n",)), tmp_path), "cpu", {}) as session:
        for n in (3, 0, 5):
            run = session.bind({"x": np.arange(n, dtype=np.float32)})
            run()
            run()
            np.testing.assert_array_equal(run.outputs()["y"], np.arange(n))


def test_a_bound_run_keeps_its_own_feeds(tmp_path: Path) -> None:
    given = np.arange(1000, dtype=np.float32)
    with RUNTIME.open(save(one_node("Relu", shape=(1000,)), tmp_path), "cpu", {}) as session:
        run = session.bind({"x": given})
        given[:] = -1
        run()
        np.testing.assert_array_equal(run.outputs()["y"], np.arange(1000))


def test_two_bound_runs_and_an_inference_do_not_touch_each_other(tmp_path: Path) -> None:
    with RUNTIME.open(save(one_node("Relu"), tmp_path), "cpu", {}) as session:
        one, two = (session.bind({"x": np.full(2, number, np.float32)}) for number in (1, 2))
        one()
        two()
        assert session.infer({"x": np.full(2, 3, np.float32)})["y"].tolist() == [3, 3]
        assert (one.outputs()["y"].tolist(), two.outputs()["y"].tolist()) == ([1, 1], [2, 2])


# Quantisation and precision


def test_quantisation_of_an_onnx_file_is_in_the_signature(tmp_path: Path) -> None:
    with RUNTIME.open(save(quantized(), tmp_path), "cpu", {}) as session:
        expected = Quantization((0.5,), (3,))
        assert (session.signature.inputs[0].quantization, session.signature.outputs[0].quantization) == (expected,) * 2


@pytest.mark.parametrize("kind", [TensorProto.INT8, TensorProto.UINT8])
def test_quantisation_survives_the_conversion_to_an_ir(tmp_path: Path, kind: int) -> None:
    read = make_core().read_model(save(quantized(kind, (0.25,), (7,)), tmp_path))
    import_openvino().save_model(read, tmp_path / "m.xml")
    with RUNTIME.open(tmp_path / "m.xml", "cpu", {}) as session:
        expected = Quantization((0.25,), (7,))
        assert (session.signature.inputs[0].quantization, session.signature.outputs[0].quantization) == (expected,) * 2


def test_per_channel_quantisation_of_an_ir_is_not_guessed(tmp_path: Path) -> None:
    read = make_core().read_model(save(quantized(TensorProto.INT8, (0.5, 0.25, 1.0), (0, 0, 0), 1), tmp_path))
    import_openvino().save_model(read, tmp_path / "m.xml")
    with RUNTIME.open(tmp_path / "m.xml", "cpu", {}) as session:
        assert session.signature.inputs[0].quantization is None


def convolution(kind: int) -> object:
    """A 1x1 convolution over 64 channels, quantised, that is 64 everywhere for ones: the int8 weights are all 127."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    top = np.iinfo(dtype).max
    constants = [
        numpy_helper.from_array(np.full((64, 64, 1, 1), 127, np.int8), "w"),
        numpy_helper.from_array(np.float32(1 / top), "sx"),
        numpy_helper.from_array(np.array(0, dtype), "zx"),
        numpy_helper.from_array(np.float32(1 / 127), "sw"),
        numpy_helper.from_array(np.array(0, np.int8), "zw"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "sx", "zx"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["v"]),
        helper.make_node("Conv", ["d", "v"], ["y"]),
    ]
    shape = [1, 64, 8, 8]
    return model(nodes, [value("x", shape)], [value("y", shape)], constants)


def test_nolpt_computes_a_quantised_model_in_float(tmp_path: Path) -> None:
    path = save(convolution(TensorProto.INT8), tmp_path)
    feeds = {"x": np.ones((1, 64, 8, 8), np.float32)}
    with RUNTIME.open(path, "cpu", {"threads": 1}) as session:
        assert "_I8" in session.placement.detail["kernels"]
        assert session.placement.detail["low_precision"] is True
    with RUNTIME.open(path, "cpu", {"threads": 1, **RUNTIME.info.variants["nolpt"]}) as session:
        assert "I8" not in session.placement.detail["kernels"].replace("reorder_I8", "")
        assert session.placement.detail["low_precision"] is False
        np.testing.assert_allclose(session.infer(feeds)["y"], 64, rtol=1e-5)


#: Prints the value that should be 64, and what OpenVINO says of the instructions it uses. Always in float32: OpenVINO
#: asks the CPU itself whether it has bfloat16, and with instructions held below that its convolutions leave NaN.
FAULT_PROBE = """
import sys, numpy as np
from pathlib import Path
from pytest_edgert.runtimes.openvino import RUNTIME
with RUNTIME.open(Path(sys.argv[1]), "cpu", {"threads": 1, **RUNTIME.info.variants[sys.argv[2]]}) as session:
    y = session.infer({"x": np.ones((1, 64, 8, 8), np.float32)})["y"]
    print(float(y.flat[0]), session.placement.detail["instruction_set"], sep=";")
"""


def probe(path: Path, variant: str, **environment: str) -> tuple[float, str]:
    done = subprocess.run(
        [sys.executable, "-c", FAULT_PROBE, str(path), variant],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    number, _, instructions = done.stdout.strip().partition(";")
    return float(number), instructions


@pytest.mark.slow
@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
@pytest.mark.parametrize(
    ("kind", "expected"), [(TensorProto.INT8, 0.5), (TensorProto.UINT8, 32.4)], ids=["s8s8", "u8s8"]
)
def test_without_vnni_an_int8_convolution_saturates_and_nolpt_is_right(
    tmp_path: Path, variable: str, kind: int, expected: float
) -> None:
    path = save(convolution(kind), tmp_path)
    found, instructions = probe(path, "f32", **{variable: "AVX2"})
    if instructions != "Intel AVX2":
        pytest.skip(
            f"needs a CPU that can be held to AVX2 by {variable}: it uses {instructions or 'unknown instructions'}"
        )
    assert found == pytest.approx(expected, abs=0.1)
    assert probe(path, "nolpt", **{variable: "AVX2"})[0] == pytest.approx(64, rel=1e-5)


@pytest.mark.slow
def test_with_vnni_an_int8_convolution_is_right(tmp_path: Path) -> None:
    found, instructions = probe(save(convolution(TensorProto.INT8), tmp_path), "f32")
    if not any(name in instructions for name in ("DL Boost", "AMX", "VNNI")):
        pytest.skip(f"needs a CPU with VNNI: OpenVINO uses {instructions or 'unknown instructions'}")
    assert found == pytest.approx(64, rel=1e-2)
