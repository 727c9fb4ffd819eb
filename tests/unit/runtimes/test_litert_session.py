"""Sessions of the real LiteRT: signatures, types, state, and bound runs beside other inferences."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from tflite_models import Graph, Operator, Tensor, float_model, int8_model, one_operator, passing, save, stateful_model

from pytest_edgert.contracts import Session
from pytest_edgert.errors import FeedsError, InferenceError
from pytest_edgert.runtimes.litert import RUNTIME
from pytest_edgert.tensors import Quantization

VARIANTS = ["xnnpack", "builtin", "reference"]
DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool"]


def open_on(folder: Path, graph: Graph, **options: object) -> Session:
    return RUNTIME.open(save(folder / "m.tflite", graph), "cpu", options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3)], ids=str)
def test_every_type_goes_in_and_out_bit_for_bit(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    given = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    with open_on(tmp_path, passing(dtype, shape)) as session:
        assert session.signature.inputs[0].dtype == dtype
        np.testing.assert_array_equal(session.infer({"x": given})["y"], given, strict=True)
        run = session.bind({"x": given})
        run()
        np.testing.assert_array_equal(run.outputs()["y"], given, strict=True)


def test_quantisation_per_tensor_is_told(tmp_path: Path) -> None:
    signature = open_on(tmp_path, int8_model()).signature
    assert signature.inputs[0].quantization == Quantization((0.5,), (3,))
    assert signature.outputs[0].quantization == Quantization((2.0,), (-1,))


def test_quantisation_per_axis_is_told(tmp_path: Path) -> None:
    tensors = [
        Tensor("w", (2, 3), "int8", np.ones((2, 3), np.int8), [0.5, 0.25], [0, 0], axis=0),
        Tensor("to", (2,), "int32", np.array([2, 3], np.int32)),
        Tensor("x", (1,)),
        Tensor("y", (1,)),
    ]
    graph = Graph(tensors, [Operator("ABS", [2], [3])], [2], [3, 0])
    assert open_on(tmp_path, graph).signature.outputs[1].quantization == Quantization((0.5, 0.25), (0, 0), 0)


def test_a_float_tensor_has_no_quantisation(tmp_path: Path) -> None:
    graph = one_operator()
    graph.tensors[0].scale = [0.5]
    assert open_on(tmp_path, graph).signature.inputs[0].quantization is None


@pytest.mark.parametrize("kernels", VARIANTS)
def test_each_inference_begins_without_a_past(tmp_path: Path, kernels: str) -> None:
    three = {"x": np.full((1, 1), 3, np.float32)}
    with open_on(tmp_path, stateful_model(), kernels=kernels) as session:
        run = session.bind(three)
        for _ in range(3):
            assert session.infer(three)["y"] == 3
            run()
            assert run.outputs()["y"] == 3


def test_the_state_would_be_kept_otherwise(tmp_path: Path) -> None:
    with open_on(tmp_path, stateful_model()) as session:
        run = session.bind({"x": np.full((1, 1), 3, np.float32)})
        run()
        run.interpreter.invoke()
        assert run.outputs()["y"] == 6


@pytest.mark.parametrize("kernels", VARIANTS)
def test_free_dimensions_take_any_length_and_go_back(tmp_path: Path, kernels: str) -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    q = np.arange(3, dtype=np.int32)
    with open_on(tmp_path, float_model(), kernels=kernels) as session:
        assert session.signature.inputs[0].shape == (None, 4)
        three = session.infer({"x": x, "q": q})["y"]
        rows = [session.infer({"x": x[row : row + 1], "q": q})["y"] for row in range(3)]
    assert three.shape == (3, 5)
    np.testing.assert_allclose(three, np.concatenate(rows), rtol=1e-6)  # the order of sums may differ with the batch


def test_an_empty_batch_is_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    q = np.arange(3, dtype=np.int32)
    with open_on(tmp_path, float_model()) as session:
        with pytest.raises(FeedsError, match="empty"):
            session.infer({"x": np.zeros((0, 4), np.float32), "q": q})
        assert session.infer({"x": np.zeros((1, 4), np.float32), "q": q})["y"].shape == (1, 5)


def test_lengths_that_the_graph_cannot_take_are_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    tensors = [
        Tensor("x", (1, 2), free=[0]),
        Tensor("c", (3, 2), values=np.ones((3, 2), np.float32)),
        Tensor("y", (3, 2)),
    ]
    graph = Graph(tensors, [Operator("ADD", [0, 1], [2])], [0], [2])
    with open_on(tmp_path, graph, kernels="builtin") as session:
        with pytest.raises(InferenceError, match=r"m\.tflite") as caught:
            session.infer({"x": np.ones((2, 2), np.float32)})
        assert caught.value.__cause__ is not None
        assert session.infer({"x": np.ones((3, 2), np.float32)})["y"].shape == (3, 2)
        assert session.infer({"x": np.ones((1, 2), np.float32)})["y"].shape == (3, 2)


@pytest.mark.parametrize("written", [0, 1])
def test_an_output_whose_shape_depends_on_values_stays_free(tmp_path: Path, written: int) -> None:
    tensors = [Tensor("x", (4,), "bool"), Tensor("y", (written, 1), "int64", free=[0])]
    with open_on(tmp_path, Graph(tensors, [Operator("WHERE", [0], [1])], [0], [1])) as session:
        assert session.signature.outputs[0].shape == (None, 1)
        assert session.infer({"x": np.array([0, 1, 1, 0], bool)})["y"].tolist() == [[1], [2]]
        assert session.infer({"x": np.zeros(4, bool)})["y"].shape == (0, 1)


def test_a_passed_through_input_and_a_constant_are_the_callers_own(tmp_path: Path) -> None:
    tensors = [Tensor("x"), Tensor("c", values=np.array([4, 5], np.float32)), Tensor("y")]
    graph = Graph(tensors, [Operator("ABS", [0], [2])], [0], [0, 1, 2])
    x = np.array([-1, 2], np.float32)
    with open_on(tmp_path, graph) as session:
        found = session.infer({"x": x})
        assert not np.shares_memory(found["x"], x)
        found["c"][:] = 99
        assert session.infer({"x": x})["c"].tolist() == [4, 5]


def test_an_inference_between_bound_runs_changes_nothing_of_theirs(tmp_path: Path) -> None:
    q = np.arange(3, dtype=np.int32)
    ones, twos = ({"x": np.full((1, 4), value, np.float32), "q": q} for value in (1, 2))
    wide = {"x": np.full((3, 4), 5, np.float32), "q": q}
    with open_on(tmp_path, float_model()) as session:
        expected, other = session.infer(ones)["y"], session.infer(twos)["y"]
        run = session.bind(ones)
        run()
        for feeds in (twos, wide):
            session.infer(feeds)
            np.testing.assert_array_equal(run.outputs()["y"], expected)
            run()
            np.testing.assert_array_equal(run.outputs()["y"], expected)
        np.testing.assert_array_equal(session.infer(twos)["y"], other)


def test_two_bound_runs_keep_their_feeds_apart(tmp_path: Path) -> None:
    q = np.arange(3, dtype=np.int32)
    with open_on(tmp_path, float_model()) as session:
        runs = [session.bind({"x": np.full((rows, 4), rows, np.float32), "q": q}) for rows in (1, 2)]
        for run in (*runs, *runs):
            run()
        assert [run.outputs()["y"].shape for run in runs] == [(1, 5), (2, 5)]


def test_a_bound_run_that_is_gone_costs_no_interpreter(tmp_path: Path) -> None:
    with open_on(tmp_path, one_operator()) as session:
        first = session.bind({"x": np.ones(2, np.float32)})
        interpreter = first.interpreter
        del first
        gc.collect()
        assert session.bind({"x": np.ones(2, np.float32)}).interpreter is interpreter


def test_a_closed_session_says_so(tmp_path: Path) -> None:
    session = open_on(tmp_path, one_operator())
    session.close()
    with pytest.raises(InferenceError, match="closed"):
        session.infer({"x": np.ones(2, np.float32)})
