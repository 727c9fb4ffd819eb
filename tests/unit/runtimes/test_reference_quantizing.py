"""Quantising by itself, what lies between two grids, and pooling of sums, against definitions and ONNX Runtime."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from onnx import helper
from reference_models import evaluate, exact, graph_of, qdq_conv, round_half_even, run_onnxruntime, saturate

# Quantising alone


@pytest.mark.parametrize("opset", [10, 13, 19, 21])
def test_quantize_linear_saturates_at_both_rails_and_takes_infinities_there(tmp_path, opset):
    x = np.array([-1e30, -np.inf, -128.5, 127.5, 300, np.inf, 0.5, 1.5, np.nan], np.float32)
    constants = {"s": np.float32(1), "z": np.int8(0)}
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    found = evaluate(graph_of([node], {"x": x}, constants, {"y": "int8"}, opset=opset), {"x": x}, tmp_path)["y"]
    assert found.tolist() == [-128, -128, -128, 127, 127, 127, 0, 2, 0]


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_sixteen_bit_grids_saturate_at_their_own_rails(tmp_path, dtype):
    x = np.array([-1e6, 1e6, 2.5], np.float32)
    constants = {"s": np.float32(1), "z": np.zeros((), dtype)}
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    found = evaluate(graph_of([node], {"x": x}, constants, {"y": dtype}, opset=21), {"x": x}, tmp_path)["y"]
    assert found.tolist() == [np.iinfo(dtype).min, np.iinfo(dtype).max, 2]


def test_blocked_dequantisation_repeats_the_scale(tmp_path):
    x = np.arange(8, dtype=np.int8).reshape(2, 4)
    constants = {"s": np.array([[1, 10], [2, 20]], np.float32), "z": np.zeros((2, 2), np.int8)}
    node = helper.make_node("DequantizeLinear", ["x", "s", "z"], ["y"], axis=1, block_size=2)
    found = evaluate(graph_of([node], {"x": x}, constants, {"y": "float32"}, opset=21), {"x": x}, tmp_path)["y"]
    assert found.tolist() == [[0, 1, 20, 30], [8, 10, 120, 140]]


def test_dynamic_quantisation_follows_its_definition_in_float32(tmp_path):
    x = np.random.default_rng(6).normal(0.3, 2, 64).astype(np.float32)
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])
    outputs = {"y": "uint8", "s": "float32", "z": "uint8"}
    found = evaluate(graph_of([node], {"x": x}, {}, outputs), {"x": x}, tmp_path)
    scale = (np.maximum(x.max(), 0) - np.minimum(x.min(), 0)) / np.float32(255)
    zero_point = np.rint(np.clip(-np.minimum(x.min(), 0) / scale, 0, 255))
    assert found["s"] == scale
    assert found["z"] == zero_point
    np.testing.assert_array_equal(found["y"], np.clip(np.rint(x / scale) + zero_point, 0, 255))


# Sums of several terms through pooling


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool", "GlobalAveragePool"])
def test_pooling_a_convolution_with_bias_is_exact(tmp_path, operator):
    rng = np.random.default_rng(12)
    x = rng.integers(-128, 128, (1, 2, 4, 4)).astype(np.int8)
    w = rng.integers(-127, 128, (3, 2, 1, 1)).astype(np.int8)
    bias = rng.integers(-500, 500, 3).astype(np.int32)
    scales = (0.1, np.array([0.02, 0.03, 0.05], np.float32), 0.25)
    model = qdq_conv(x, w, bias, scales, (0, 4), out="int8")
    how = {} if operator == "GlobalAveragePool" else {"kernel_shape": [2, 2], "strides": [2, 2]}
    pool = helper.make_node(operator, ["c"], ["p"], **how)
    model.graph.node[-1].input[0] = "p"
    model.graph.node.insert(len(model.graph.node) - 1, pool)
    found = evaluate(model, {"x": x}, tmp_path)["y"]
    size = 4 if operator == "GlobalAveragePool" else 2
    for f, i, j in itertools.product(range(3), range(4 // size), range(4 // size)):
        patch = x[0, :, size * i : size * (i + 1), size * j : size * (j + 1)].reshape(2, -1).astype(int)
        unit, own = exact(0.1) * exact(scales[1][f]), exact(np.float32(0.1) * scales[1][f])
        reals = [int(w[f, :, 0, 0].astype(int) @ patch[:, n]) * unit + int(bias[f]) * own for n in range(size**2)]
        real = max(reals) if operator == "MaxPool" else sum(reals) / len(reals)
        assert found[0, f, i, j] == saturate(round_half_even(real / exact(0.25)) + 4, "int8")


# Operators of com.microsoft beside ONNX Runtime's kernels, which may differ by one step


QLINEAR = {
    "QLinearSigmoid": {},
    "QLinearLeakyRelu": {"alpha": 0.1},
    "QLinearAveragePool": {"kernel_shape": [2, 2], "strides": [2, 2]},
    "QLinearGlobalAveragePool": {"channels_last": 0},
}


@pytest.mark.parametrize("operator", QLINEAR)
def test_an_operator_between_grids_is_within_a_step_of_onnxruntime(tmp_path, operator):
    x = np.random.default_rng(13).integers(0, 256, (1, 3, 4, 6)).astype(np.uint8)
    constants = {"sx": np.float32(0.03), "zx": np.uint8(120), "sy": np.float32(0.02), "zy": np.uint8(100)}
    node = helper.make_node(operator, ["x", "sx", "zx", "sy", "zy"], ["y"], domain="com.microsoft", **QLINEAR[operator])
    model = graph_of([node], {"x": x}, constants, {"y": "uint8"})
    found, wanted = evaluate(model, {"x": x}, tmp_path)["y"], run_onnxruntime(model, {"x": x})["y"]
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("transposed", [0, 1])
def test_qgemm_is_within_a_step_of_onnxruntime(tmp_path, transposed):
    rng = np.random.default_rng(14)
    a = rng.integers(0, 256, (3, 8)).astype(np.uint8)
    b = rng.integers(-64, 64, (5, 8) if transposed else (8, 5)).astype(np.int8)
    constants = {"sa": np.float32(0.02), "za": np.uint8(9), "b": b, "sb": np.linspace(0.01, 0.05, 5, dtype=np.float32)}
    constants |= {"zb": np.zeros(5, np.int8), "c": rng.integers(-900, 900, 5).astype(np.int32)}
    constants |= {"sy": np.float32(0.1), "zy": np.uint8(77)}
    names = ["a", "sa", "za", "b", "sb", "zb", "c", "sy", "zy"]
    node = helper.make_node("QGemm", names, ["y"], domain="com.microsoft", transB=transposed)
    model = graph_of([node], {"a": a}, constants, {"y": "uint8"})
    found, wanted = evaluate(model, {"a": a}, tmp_path)["y"], run_onnxruntime(model, {"a": a})["y"]
    assert np.abs(found.astype(int) - wanted).max() <= 1
