"""Sessions of the real ONNX Runtime: signatures, types, memory and bound runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import model, one_node, quantized, save, value

from pytest_edgert.errors import InferenceError, UsageError
from pytest_edgert.runtimes.onnxruntime import RUNTIME

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


@pytest.mark.parametrize(
    "given", [np.array(["ä", "bc"]), np.array(["ä", "bc"], object), np.array(["ä".encode(), b"bc"])]
)
def test_text_goes_in_and_out_whatever_holds_it(tmp_path: Path, given: np.ndarray) -> None:
    with RUNTIME.open(save(one_node("Identity", TensorProto.STRING), tmp_path), "cpu", {}) as session:
        assert session.infer({"x": given})["y"].tolist() == ["ä", "bc"]
        run = session.bind({"x": given})
        run()
        assert run.outputs()["y"].tolist() == ["ä", "bc"]


def test_free_dimensions_are_told_by_name_or_none(tmp_path: Path) -> None:
    with RUNTIME.open(save(one_node("Relu", shape=("batch", None, 3)), tmp_path), "cpu", {}) as session:
        assert session.signature.inputs[0].shape == ("batch", None, 3)
        assert session.infer({"x": np.ones((4, 5, 3), np.float32)})["y"].shape == (4, 5, 3)


def test_bound_dimensions_reach_the_outputs(tmp_path: Path) -> None:
    options = {"shape.x": "2x5x3"}
    with RUNTIME.open(save(one_node("Relu", shape=("batch", None, 3)), tmp_path), "cpu", options) as session:
        assert session.signature.inputs[0].shape == (2, 5, 3)
        assert session.signature.outputs[0].shape[0] == 2


@pytest.mark.parametrize(("name", "first"), [("n", "n"), ("batch", "n"), ("batch", "batch"), ("batch", None)])
def test_a_dimension_is_bound_by_name(tmp_path: Path, name: str, first: str | None) -> None:
    options = {f"dimension.{name}": 4}
    with RUNTIME.open(save(one_node("Relu", shape=(first, 3)), tmp_path), "cpu", options) as session:
        assert session.signature.inputs[0].shape == (4, 3)
        assert session.infer({"x": np.ones((4, 3), np.float32)})["y"].shape == (4, 3)


def test_an_unknown_dimension_names_the_models_own(tmp_path: Path) -> None:
    path = save(one_node("Relu", shape=("rows", "columns")), tmp_path)
    with pytest.raises(UsageError, match=r"no free dimension 'row'\. Its free dimensions: columns, rows"):
        RUNTIME.open(path, "cpu", {"dimension.row": 4})


def test_one_name_bound_to_two_lengths_is_refused(tmp_path: Path) -> None:
    path = save(one_node("Relu", shape=("n", "n")), tmp_path)
    with pytest.raises(UsageError, match="'n'"):
        RUNTIME.open(path, "cpu", {"shape.x": "2x3"})


def test_a_passed_through_input_does_not_alias_the_feed(tmp_path: Path) -> None:
    x = np.ones(2, np.float32)
    with RUNTIME.open(save(model([], [value("x", [2])], [value("x", [2])]), tmp_path), "cpu", {}) as session:
        assert not np.shares_memory(session.infer({"x": x})["x"], x)


def test_a_constant_output_survives_being_written_to(tmp_path: Path) -> None:
    constant = numpy_helper.from_array(np.arange(3, dtype=np.float32), "c")
    built = model(
        [helper.make_node("Relu", ["x"], ["y"])], [value("x", [1])], [value("y", [1]), value("c", [3])], [constant]
    )
    x = {"x": np.ones(1, np.float32)}
    with RUNTIME.open(save(built, tmp_path), "cpu", {}) as session:
        session.infer(x)["c"][:] = 99
        np.testing.assert_array_equal(session.infer(x)["c"], [0, 1, 2])


def test_a_failing_inference_is_ours_with_its_cause(tmp_path: Path) -> None:
    node = helper.make_node("Reshape", ["x", "s"], ["y"], name="squash")
    built = model([node], [value("x", ["n"]), value("s", [2], TensorProto.INT64)], [value("y", ["a", "b"])])
    with RUNTIME.open(save(built, tmp_path), "cpu", {}) as session:
        with pytest.raises(InferenceError, match="squash") as caught:
            session.infer({"x": np.ones(3, np.float32), "s": np.array([2, 2])})
        assert caught.value.__cause__ is not None
        assert "m.onnx" in caught.value.message


def test_a_closed_session_says_so(tmp_path: Path) -> None:
    session = RUNTIME.open(save(one_node("Relu"), tmp_path), "cpu", {})
    session.close()
    with pytest.raises(InferenceError, match="closed"):
        session.infer({"x": np.ones(2, np.float32)})


def test_a_bound_run_of_free_shapes_is_right(tmp_path: Path) -> None:
    with RUNTIME.open(save(one_node("Relu", shape=("n",)), tmp_path), "cpu", {}) as session:
        for n in (3, 0, 5):
            run = session.bind({"x": np.arange(n, dtype=np.float32)})
            run()
            run()
            np.testing.assert_array_equal(run.outputs()["y"], np.arange(n))


def test_a_bound_run_keeps_its_feeds_alive(tmp_path: Path) -> None:
    with RUNTIME.open(save(one_node("Relu", shape=(1000,)), tmp_path), "cpu", {}) as session:
        run = session.bind({"x": np.arange(2000, dtype=np.float32)[::2]})
        for _ in range(20):
            np.full(1000, -1, np.float32)
        run()
        np.testing.assert_array_equal(run.outputs()["y"], np.arange(2000)[::2])


def test_quantisation_of_the_edges_is_in_the_signature(tmp_path: Path) -> None:
    with RUNTIME.open(save(quantized(), tmp_path), "cpu", {}) as session:
        found = session.signature.inputs[0].quantization
        assert found == session.signature.outputs[0].quantization
        assert (found.scale, found.zero_point, found.axis) == ((0.5,), (3,), None)
