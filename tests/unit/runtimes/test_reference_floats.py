"""Float operators in float64, against ONNX Runtime in float32 and against the evaluator of the package `onnx`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from reference_models import evaluate, graph_of, one_operator, run_onnxruntime

from pytest_edgert.runtimes.reference import RUNTIME

DIGITS = Path(__file__).parents[3] / "examples/digits"
X = (2, 4, 7, 6)
W = (6, 4, 3, 3)

#: Name -> (operator, shapes of the feeds, operator set, attributes).
CASES: dict[str, tuple[str, list[tuple[int, ...]], int, dict]] = {
    "conv": ("Conv", [X, W, (6,)], 17, {}),
    "conv without bias": ("Conv", [X, W], 7, {"pads": [1, 0, 2, 1]}),
    "conv strided": ("Conv", [X, W], 17, {"strides": [2, 3], "pads": [1] * 4}),
    "conv dilated": ("Conv", [X, W], 17, {"dilations": [2, 1]}),
    "conv in groups": ("Conv", [X, (6, 2, 3, 3), (6,)], 17, {"group": 2}),
    "conv depthwise": ("Conv", [X, (8, 1, 3, 3)], 17, {"group": 4, "pads": [1] * 4}),
    "conv same upper": ("Conv", [X, (6, 4, 2, 4)], 17, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "conv same lower": ("Conv", [X, (6, 4, 2, 4)], 17, {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    "conv valid": ("Conv", [X, W], 17, {"auto_pad": "VALID"}),
    "conv of one dimension": ("Conv", [(1, 3, 90), (5, 3, 40)], 17, {"strides": [3]}),
    "conv of three dimensions": ("Conv", [(1, 2, 4, 5, 6), (3, 2, 2, 2, 3)], 17, {}),
    "matmul": ("MatMul", [(2, 3, 5), (5, 4)], 17, {}),
    "matmul of a vector": ("MatMul", [(5,), (3, 5, 4)], 17, {}),
    "gemm": ("Gemm", [(3, 5), (5, 4), (4,)], 17, {"alpha": 0.5, "beta": 2.0}),
    "gemm transposed": ("Gemm", [(5, 3), (4, 5), (3, 1)], 17, {"transA": 1, "transB": 1}),
    "add": ("Add", [(2, 3, 4), (3, 1)], 17, {}),
    "sub": ("Sub", [(4,), (2, 3, 4)], 17, {}),
    "mul": ("Mul", [(2, 3, 4), ()], 17, {}),
    "div": ("Div", [(2, 3), (2, 3)], 17, {}),
    "relu": ("Relu", [X], 17, {}),
    "leaky relu": ("LeakyRelu", [X], 17, {"alpha": 0.2}),
    "elu": ("Elu", [X], 17, {"alpha": 0.7}),
    "clip 6": ("Clip", [X], 6, {"min": -0.3, "max": 0.8}),
    "sigmoid": ("Sigmoid", [X], 17, {}),
    "tanh": ("Tanh", [X], 17, {}),
    "hard swish": ("HardSwish", [X], 17, {}),
    "hard sigmoid": ("HardSigmoid", [X], 17, {"alpha": 0.17, "beta": 0.4}),
    "erf": ("Erf", [X], 17, {}),
    "softplus": ("Softplus", [X], 17, {}),
    "softmax along an axis": ("Softmax", [(2, 3, 4)], 17, {"axis": 1}),
    "softmax over the rest": ("Softmax", [(2, 3, 4)], 11, {"axis": 1}),
    "softmax by default 11": ("Softmax", [(2, 3, 4)], 11, {}),
    "log softmax": ("LogSoftmax", [(2, 3, 4)], 13, {}),
    "max pool": ("MaxPool", [X], 17, {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
    "max pool ceil": ("MaxPool", [X], 17, {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1}),
    "max pool dilated": ("MaxPool", [X], 17, {"kernel_shape": [2, 2], "dilations": [2, 3]}),
    "average pool": ("AveragePool", [X], 17, {"kernel_shape": [3, 3], "pads": [1] * 4}),
    "average pool with padding": (
        "AveragePool",
        [X],
        17,
        {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1},
    ),
    "average pool same": (
        "AveragePool",
        [X],
        17,
        {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
    ),
    "average pool ceil": ("AveragePool", [X], 19, {"kernel_shape": [2, 2], "strides": [3, 2], "ceil_mode": 1}),
    "global average pool": ("GlobalAveragePool", [X], 17, {}),
    "global max pool": ("GlobalMaxPool", [X], 17, {}),
    "reduce mean": ("ReduceMean", [X], 17, {"axes": [1, -1], "keepdims": 0}),
    "reduce sum of all": ("ReduceSum", [X], 17, {}),
    "reduce l2": ("ReduceL2", [X], 17, {"axes": [2]}),
    "flatten": ("Flatten", [X], 17, {"axis": -2}),
    "transpose": ("Transpose", [X], 17, {"perm": [0, 2, 3, 1]}),
    "concat": ("Concat", [(2, 3), (2, 1), (2, 4)], 17, {"axis": -1}),
    "squeeze 11": ("Squeeze", [(1, 3, 1)], 11, {"axes": [2]}),
    "unsqueeze 11": ("Unsqueeze", [(3, 2)], 11, {"axes": [0, 3]}),
    "space to depth, of the package onnx": ("SpaceToDepth", [(1, 2, 4, 6)], 17, {"blocksize": 2}),
    "instance normalization, of the package onnx": ("InstanceNormalization", [X, (4,), (4,)], 17, {}),
}


def draw(shapes: list[tuple[int, ...]], seed: int = 7) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"x{index}": rng.normal(0, 1.5, shape).astype(np.float32) for index, shape in enumerate(shapes)}


@pytest.mark.parametrize("name", CASES)
def test_a_float_operator_agrees_with_onnxruntime(name, tmp_path):
    operator, shapes, opset, attributes = CASES[name]
    feeds = draw(shapes)
    model = one_operator(operator, feeds, opset=opset, **attributes)
    found, wanted = evaluate(model, feeds, tmp_path)["y"], run_onnxruntime(model, feeds)["y"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=3e-6)


#: Operators that evaluator is known to be right about, fed in float64: it must agree to the last bits.
DOUBLE = ["conv", "conv in groups", "gemm", "matmul", "softmax along an axis", "reduce mean", "global average pool"]


@pytest.mark.parametrize("name", DOUBLE)
def test_a_float64_model_agrees_with_the_evaluator_of_onnx(name, tmp_path):
    operator, shapes, opset, attributes = CASES[name]
    feeds = {key: array.astype(np.float64) for key, array in draw(shapes).items()}
    model = one_operator(operator, feeds, opset=opset, out="float64", **attributes)
    wanted = ReferenceEvaluator(model).run(None, feeds)[0]
    np.testing.assert_allclose(evaluate(model, feeds, tmp_path)["y"], wanted, rtol=1e-12, atol=1e-13)


def with_constants(operator, x, constants, opset=17, **attributes):
    names = list(constants)
    node = helper.make_node(operator, ["x", *names], ["y"], **attributes)
    return graph_of([node], {"x": x}, {k: v for k, v in constants.items() if k}, {"y": x.dtype.name}, opset=opset)


@pytest.mark.parametrize(
    ("operator", "constants", "attributes"),
    [
        ("Reshape", {"s": np.array([0, -1], np.int64)}, {}),
        (
            "Slice",
            {"s": np.array([-1, 5]), "e": np.array([-99, 1]), "a": np.array([0, 2]), "t": np.array([-1, -2])},
            {},
        ),
        ("Gather", {"i": np.array([[0, -1], [1, 1]])}, {"axis": 2}),
        ("Pad", {"p": np.array([0, 1, 0, -1, 1, 0, 2, 0]), "v": np.float32(0.25)}, {}),
        ("Pad", {"p": np.array([0, 0, 2, 1, 0, 0, 1, 2])}, {"mode": "reflect"}),
        ("Pad", {"p": np.array([0, 0, 2, 1, 0, 0, 1, 2])}, {"mode": "edge"}),
        ("Expand", {"s": np.array([3, 1, 4, 1, 1])}, {}),
        ("Tile", {"r": np.array([1, 2, 1, 3])}, {}),
        ("Clip", {"lo": np.float32(-0.5), "hi": np.float32(0.5)}, {}),
        ("Squeeze", {}, {}),
        ("ReduceSum", {"a": np.array([1, -1])}, {"keepdims": 0}),
        (
            "BatchNormalization",
            {k: np.linspace(0.5, 1, 4, dtype=np.float32) for k in ("s", "b", "m", "v")},
            {"epsilon": 1e-3},
        ),
        ("Mul", {"c": np.float32(0.1)}, {}),
        ("Pow", {"c": np.float32(2)}, {}),
        ("PRelu", {"c": np.full((4, 1, 1), 0.3, np.float32)}, {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_operator_with_constants_agrees_with_onnxruntime(operator, constants, attributes, tmp_path):
    x = draw([X])["x0"]
    model = with_constants(operator, x, constants, **attributes)
    wanted = run_onnxruntime(model, {"x": x})["y"]
    np.testing.assert_allclose(evaluate(model, {"x": x}, tmp_path)["y"], wanted, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrent_layers_agree_with_onnxruntime(operator, gates, direction, tmp_path):
    d, hidden = 1 + (direction == "bidirectional"), 5
    feeds = draw([(6, 2, 3), (d, gates * hidden, 3), (d, gates * hidden, hidden), (d, 2 * gates * hidden)])
    node = helper.make_node(operator, list(feeds), ["y", "h"], direction=direction, hidden_size=hidden)
    model = graph_of([node], feeds, {}, {"y": "float32", "h": "float32"})
    found, wanted = evaluate(model, feeds, tmp_path), run_onnxruntime(model, feeds)
    for name in ("y", "h"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5, atol=1e-6)


def test_sums_are_carried_in_float64(tmp_path):
    # In float32 the one is lost; only the output is rounded.
    feeds = {"a": np.full((1, 3), 1, np.float32), "b": np.array([[2.0**30], [1], [-(2.0**30)]], np.float32)}
    assert evaluate(one_operator("MatMul", feeds), feeds, tmp_path)["y"].item() == 1.0


def test_nan_goes_through_relu_clip_and_pooling(tmp_path):
    x = np.full((1, 1, 2, 2), np.nan, np.float32)
    for operator, attributes in (("Relu", {}), ("MaxPool", {"kernel_shape": [2, 2]}), ("HardSwish", {})):
        assert np.isnan(evaluate(one_operator(operator, {"x": x}, **attributes), {"x": x}, tmp_path)["y"]).all()


def test_integers_divide_towards_zero_and_wrap(tmp_path):
    feeds = {"a": np.array([-7, 7], np.int32), "b": np.array([2, -2], np.int32)}
    assert evaluate(one_operator("Div", feeds, out="int32"), feeds, tmp_path)["y"].tolist() == [-3, -3]
    feeds = {"a": np.array([127], np.int8), "b": np.array([1], np.int8)}
    assert evaluate(one_operator("Add", feeds, out="int8"), feeds, tmp_path)["y"].tolist() == [-128]


@pytest.mark.parametrize("name", ["digits.onnx", "digits_int8.onnx"])
def test_the_demo_model_agrees_with_onnxruntime_unoptimised(name):
    rng = np.random.default_rng(11)
    model = onnx.load(DIGITS / name)
    with RUNTIME.open(DIGITS / name, "cpu", {}) as session:
        for _ in range(20):
            feeds = {"image": rng.uniform(0, 1, (1, 1, 8, 8)).astype(np.float32)}
            found, wanted = session.infer(feeds)["probabilities"], run_onnxruntime(model, feeds)["probabilities"]
            lsb = 2.0**-8  # of the int8 model's output grid
            assert np.abs(found - wanted).max() <= (1e-6 if name == "digits.onnx" else lsb)
