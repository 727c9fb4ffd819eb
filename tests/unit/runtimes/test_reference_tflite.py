"""The reference on .tflite files: exact between grids, against fractions, and against LiteRT's kernels where installed."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import tflite_models
from tflite_models import Graph, Operator, Tensor, save

from pytest_edgert.errors import ArtefactError, UnsupportedModelError
from pytest_edgert.runtimes.litert import RUNTIME as LITERT
from pytest_edgert.runtimes.reference import RUNTIME
from pytest_edgert.tensors import Quantization

#: Operators that the writer of models does not know by itself: number, and number of their options.
MORE = {
    "AVERAGE_POOL_2D": (1, 5),
    "CONV_2D": (3, 1),
    "DEPTHWISE_CONV_2D": (4, 2),
    "DEQUANTIZE": (6, 0),
    "MAX_POOL_2D": (17, 5),
    "SOFTMAX": (25, 9),
    "QUANTIZE": (114, 0),
    "HARD_SWISH": (117, 0),
}
RELU6 = 3


@pytest.fixture(autouse=True)
def more_operators(monkeypatch):
    for name, numbers in MORE.items():
        monkeypatch.setitem(tflite_models.OPERATORS, name, numbers)


def infer(path: Path, feeds, **options):
    with RUNTIME.open(path, "cpu", options) as session:
        return session.infer(feeds)


def litert(path: Path, feeds, kernels):
    pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert to compare with")
    with LITERT.open(path, "cpu", {"kernels": kernels}) as session:
        return session.infer(feeds)


def grid(name, shape, scale, zero_point=0, *, dtype="int8", values=None, axis=0):
    scales, zero_points = (
        np.atleast_1d(scale).tolist(),
        np.broadcast_to(zero_point, np.atleast_1d(scale).shape).tolist(),
    )
    return Tensor(name, shape, dtype, values, scales, zero_points, axis)


def convolution(folder, *, depthwise=False, stride=2, activation=0, seed=3):
    rng = np.random.default_rng(seed)
    shape = (1, 3, 3, 4) if depthwise else (5, 3, 3, 4)
    w = rng.integers(-127, 128, shape).astype(np.int8)
    outputs = 4 if depthwise else 5
    scales = rng.uniform(0.005, 0.02, outputs).astype(np.float32)
    bias = rng.integers(-3000, 3000, outputs).astype(np.int32)
    bias_scales = (scales * np.float32(0.05)).astype(np.float32)
    out = -(-7 // stride), -(-6 // stride)
    tensors = [
        grid("x", (1, 7, 6, 4), 0.05, 7),
        grid("w", shape, scales, 0, values=w, axis=3 if depthwise else 0),
        grid("b", (outputs,), bias_scales, 0, dtype="int32", values=bias),
        grid("y", (1, *out, outputs), 0.1, -11),
    ]
    last = {4: ("b", activation), 3: ("i", 1)} if depthwise else {3: ("b", activation)}
    options = {0: ("b", 0), 1: ("i", stride), 2: ("i", stride), **last}
    name = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    graph = Graph(tensors, [Operator(name, [0, 1, 2], [3], options, 3)], [0], [3])
    return save(folder / "conv.tflite", graph), w, scales, bias


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("activation", [0, 1, RELU6])
@pytest.mark.parametrize("stride", [1, 2])
def test_an_int8_convolution_is_what_xnnpack_computes(tmp_path, depthwise, activation, stride):
    path, *_ = convolution(tmp_path, depthwise=depthwise, stride=stride, activation=activation)
    x = np.random.default_rng(5).integers(-128, 128, (1, 7, 6, 4)).astype(np.int8)
    np.testing.assert_array_equal(infer(path, {"x": x})["y"], litert(path, {"x": x}, "xnnpack")["y"])


def test_an_int8_convolution_is_what_fractions_say(tmp_path):
    path, w, scales, bias = convolution(tmp_path, stride=1)
    x = np.random.default_rng(6).integers(-128, 128, (1, 7, 6, 4)).astype(np.int8)
    found = infer(path, {"x": x})["y"]
    padded = np.pad(x[0].astype(int) - 7, ((1, 1), (1, 1), (0, 0)))
    sx, sy = Fraction(float(np.float32(0.05))), Fraction(float(np.float32(0.1)))
    for i, j, f in itertools.product(range(7), range(6), range(5)):
        acc = int((padded[i : i + 3, j : j + 3] * w[f]).sum()) + int(bias[f])
        real = round(acc * sx * Fraction(float(scales[f])) / sy) - 11
        assert found[0, i, j, f] == max(-128, min(127, real))


def sum_of_halves(folder):
    tensors = [grid("a", (256, 256), 0.5), grid("b", (256, 256), 0.5), grid("y", (256, 256), 1.0)]
    return save(folder / "add.tflite", Graph(tensors, [Operator("ADD", [0, 1], [2], version=2)], [0, 1], [2]))


@pytest.mark.parametrize("rounding", ["half-even", "half-away"])
def test_every_pair_of_a_power_of_two_sum_is_rounded_as_declared(tmp_path, rounding):
    grid_of = np.arange(-128, 128, dtype=np.int8)
    a, b = np.ascontiguousarray(np.broadcast_to(grid_of, (256, 256))), np.repeat(grid_of[:, None], 256, 1)
    found = infer(sum_of_halves(tmp_path), {"a": a, "b": b}, rounding=rounding)["y"]
    total = a.astype(int) + b
    even = np.array([round(Fraction(n, 2)) for n in range(-256, 256)])[total + 256]
    away = np.sign(total) * ((np.abs(total) + 1) // 2)
    np.testing.assert_array_equal(found, np.clip(even if rounding == "half-even" else away, -128, 127))


def quantiser(folder):
    tensors = [Tensor("x", (8,)), grid("y", (8,), 1.0)]
    return save(folder / "quantize.tflite", Graph(tensors, [Operator("QUANTIZE", [0], [1])], [0], [1]))


@pytest.mark.parametrize(("rounding", "kernels"), [("half-even", "xnnpack"), ("half-away", "reference")])
def test_the_roundings_are_those_of_litert(tmp_path, rounding, kernels):
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 500, -500], np.float32)
    path = quantiser(tmp_path)
    np.testing.assert_array_equal(infer(path, {"x": x}, rounding=rounding)["y"], litert(path, {"x": x}, kernels)["y"])


@pytest.mark.parametrize("operator", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_pooling_stays_on_its_grid(tmp_path, operator):
    tensors = [grid("x", (1, 4, 5, 3), 0.07, 3), grid("y", (1, 2, 3, 3), 0.07, 3)]
    options = dict.fromkeys(range(1, 5), ("i", 2)) | {0: ("b", 0)}
    path = save(tmp_path / "pool.tflite", Graph(tensors, [Operator(operator, [0], [1], options, 2)], [0], [1]))
    x = np.random.default_rng(8).integers(-128, 128, (1, 4, 5, 3)).astype(np.int8)
    wanted = np.zeros((1, 2, 3, 3), np.int8)
    for i, j, c in itertools.product(range(2), range(3), range(3)):
        window = x[0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c].astype(int) - 3
        real = window.max() if operator == "MAX_POOL_2D" else round(Fraction(int(window.sum()), window.size))
        wanted[0, i, j, c] = real + 3  # ties are even before the zero point is added
    np.testing.assert_array_equal(infer(path, {"x": x})["y"], wanted)


def test_float_operators_agree_with_litert(tmp_path):
    rng = np.random.default_rng(9)
    w, bias = rng.normal(size=(6, 10)).astype(np.float32), rng.normal(size=6).astype(np.float32)
    tensors = [
        Tensor("x", (2, 10)),
        Tensor("w", (6, 10), values=w),
        Tensor("b", (6,), values=bias),
        Tensor("h", (2, 6)),
        Tensor("s", (2, 6)),
        Tensor("y", (2, 6)),
    ]
    operators = [
        Operator("FULLY_CONNECTED", [0, 1, 2], [3]),
        Operator("HARD_SWISH", [3], [4]),
        Operator("SOFTMAX", [4], [5], {0: ("I", int(np.float32(1).view(np.uint32)))}),
    ]
    path = save(tmp_path / "float.tflite", Graph(tensors, operators, [0], [5]))
    x = rng.normal(size=(2, 10)).astype(np.float32)
    np.testing.assert_allclose(
        infer(path, {"x": x})["y"], litert(path, {"x": x}, "reference")["y"], rtol=2e-6, atol=1e-7
    )


def test_the_signature_carries_grids_and_names(tmp_path):
    path, *_ = convolution(tmp_path)
    with RUNTIME.open(path, "cpu", {}) as session:
        assert session.signature.inputs[0].quantization == Quantization((float(np.float32(0.05)),), (7,))
        assert session.signature.quantized
        assert session.placement.detail["exact"] == 1


def test_missing_operators_are_named(tmp_path):
    path = save(tmp_path / "custom.tflite", tflite_models.one_operator("ethos-u"))
    with pytest.raises(UnsupportedModelError, match="ethos-u"):
        RUNTIME.open(path, "cpu", {})


def test_missing_operators_that_are_builtin_are_called_by_their_names(tmp_path):
    path = save(tmp_path / "state.tflite", tflite_models.stateful_model())
    with pytest.raises(UnsupportedModelError, match="SVDF"):
        RUNTIME.open(path, "cpu", {})


def test_assigned_variables_are_refused(tmp_path):
    path = save(tmp_path / "counting.tflite", *tflite_models.counting_model())
    with pytest.raises(UnsupportedModelError, match="VAR_HANDLE"):
        RUNTIME.open(path, "cpu", {})


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, share):
    path, *_ = convolution(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ArtefactError, match=r"conv\.tflite"):
        RUNTIME.open(path, "cpu", {})
