"""Opening: the signature, the trust told in the placement, and refusals in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import external, model, one_node, quantized, save, value
from reference_models import evaluate, graph_of, one_operator, qdq_conv

from pytest_edgert.errors import ArtefactError, InferenceError, UnsupportedModelError, UsageError
from pytest_edgert.records import Evidence
from pytest_edgert.runtimes.onnxruntime import RUNTIME as ONNXRUNTIME
from pytest_edgert.runtimes.reference import RUNTIME

DIGITS = Path(__file__).parents[3] / "examples/digits"


def opened(built, folder, **options):
    return RUNTIME.open(save(built, folder), "cpu", options)


def test_the_signature_is_that_of_onnxruntime(tmp_path):
    for built in (
        quantized(axis=1, scale=(0.5, 0.25, 1), zero_point=(1, 2, 3)),
        one_node("Relu", shape=["n", 3, None]),
    ):
        path = save(built, tmp_path)
        with RUNTIME.open(path, "cpu", {}) as ours, ONNXRUNTIME.open(path, "cpu", {}) as theirs:
            assert ours.signature == theirs.signature


def test_trust_is_told_for_every_node():
    with RUNTIME.open(DIGITS / "digits_int8.onnx", "cpu", {}) as session:
        placement = session.placement
    assert placement.evidence is Evidence.TRACED
    assert placement.nodes == {"cpu": 37}
    detail = placement.detail
    assert detail["exact"] + detail["float64"] + detail["onnx_reference"] == 37
    # Inexact are two HardSwish and Softmax, and the rounding of what they approximate.
    assert detail["float64"] == 6
    assert "own-exact: Conv" in detail["trust"]


def test_an_operator_of_the_package_onnx_is_told_as_such(tmp_path):
    feeds = {"x": np.zeros((1, 1, 2, 2), np.float32)}
    with opened(one_operator("CenterCropPad", {**feeds, "s": np.array([1, 1, 1, 1])}, opset=18), tmp_path) as session:
        assert session.placement.detail["onnx_reference"] == 1
        assert "onnx-reference: CenterCropPad" in session.placement.detail["trust"]


def test_missing_operators_are_all_named(tmp_path):
    nodes = [
        helper.make_node("Nonesuch", ["x"], ["a"], domain="org.example"),
        helper.make_node("RandomNormalLike", ["a"], ["y"]),
    ]
    with pytest.raises(UnsupportedModelError, match=r"RandomNormalLike, org\.example\.Nonesuch"):
        opened(model(nodes, [value("x", [2])], [value("y", [2])], domains=["org.example"]), tmp_path)


def test_a_cycle_is_refused_by_the_tensor(tmp_path):
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    with pytest.raises(ArtefactError, match="'b'"):
        opened(model(nodes, [value("x", [2])], [value("b", [2])]), tmp_path)


def test_an_output_that_nothing_makes_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match="'z'"):
        opened(model([helper.make_node("Relu", ["x"], ["y"])], [value("x", [2])], [value("z", [2])]), tmp_path)


def test_weights_outside_the_folder_are_refused(tmp_path):
    with pytest.raises(ArtefactError, match="outside"):
        opened(external("../weights.bin"), tmp_path)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes((DIGITS / "digits.onnx").read_bytes()[:3000])
    with pytest.raises(ArtefactError, match=r"cut\.onnx"):
        RUNTIME.open(path, "cpu", {})


def test_text_is_refused_by_name(tmp_path):
    with pytest.raises(UnsupportedModelError, match="'x'"):
        opened(one_node("Identity", TensorProto.STRING), tmp_path)


def test_onnx_has_one_rounding(tmp_path):
    with pytest.raises(UsageError, match="half to even"):
        opened(one_node("Relu"), tmp_path, rounding="half-away")


def test_an_unknown_rounding_is_refused(tmp_path):
    with pytest.raises(UsageError, match="rounding"):
        opened(one_node("Relu"), tmp_path, rounding="up")


def test_shapes_that_do_not_fit_are_an_inference_error(tmp_path):
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    built = model([*nodes], [value("x", ["n"]), value("w", [3])], [value("y", ["n"])])
    with opened(built, tmp_path) as session, pytest.raises(InferenceError, match=r"m\.onnx"):
        session.infer({"x": np.zeros(2, np.float32), "w": np.zeros(3, np.float32)})


def test_a_closed_session_says_so(tmp_path):
    session = opened(one_node("Relu"), tmp_path)
    session.close()
    with pytest.raises(InferenceError, match="closed"):
        session.infer({"x": np.zeros(2, np.float32)})


def test_a_branch_sees_the_tensors_around_it(tmp_path):
    def branch(operator):
        return helper.make_graph([helper.make_node(operator, ["a"], ["r"])], operator, [], [value("r", [2])])

    nodes = [
        helper.make_node("Add", ["x", "x"], ["a"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch("Neg"), else_branch=branch("Abs")),
    ]
    built = model(nodes, [value("x", [2]), value("c", [], TensorProto.BOOL)], [value("y", [2])])
    x = np.array([1, -2], np.float32)
    assert evaluate(built, {"x": x, "c": np.array(True)}, tmp_path)["y"].tolist() == [-2, 4]
    assert evaluate(built, {"x": x, "c": np.array(False)}, tmp_path)["y"].tolist() == [2, 4]


def test_local_functions_are_followed(tmp_path):
    opset = helper.make_opsetid("", 13)
    body = [helper.make_node("Add", ["p", "p"], ["q"])]
    function = helper.make_function("local", "Twice", ["p"], ["q"], body, [opset])
    built = model(
        [helper.make_node("Twice", ["x"], ["y"], domain="local")],
        [value("x", [1])],
        [value("y", [1])],
        domains=["local"],
    )
    built.functions.append(function)
    onnx.checker.check_model(built)
    assert evaluate(built, {"x": np.array([3], np.float32)}, tmp_path)["y"].item() == 6


def test_inference_repeats_to_the_bit(tmp_path):
    rng = np.random.default_rng(2)
    x = rng.integers(-128, 128, (1, 3, 6, 6)).astype(np.int8)
    w = rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    built = qdq_conv(x, w, None, (0.1, 0.02, 0.3), (0, 0), out="int8")
    with opened(built, tmp_path) as session:
        np.testing.assert_array_equal(session.infer({"x": x})["y"], session.infer({"x": x})["y"])


def test_a_cast_rounds_where_the_model_says(tmp_path):
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["h"], ["y"], to=TensorProto.FLOAT),
    ]
    x = np.array([0.1], np.float32)
    found = evaluate(graph_of(nodes, {"x": x}, {}, {"y": "float32"}), {"x": x}, tmp_path)["y"]
    assert found.item() == float(np.float16(0.1))
