"""Scales that no one should write, integers at their ends: a defined result or a clear error, never a crash."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from reference_models import evaluate, exact, graph_of, helper, one_operator, round_half_even, saturate

X = np.array([-3.0, -1e-44, 0.0, 1e-44, 0.5, 3.0], np.float32)


def quantised(x: np.ndarray, scale: float, zero_point: int, tmp_path, dtype: str = "int8") -> list[int]:
    constants = {"s": np.float32(scale), "z": np.array(zero_point, dtype)}
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    return evaluate(graph_of([node], {"x": x}, constants, {"y": dtype}), {"x": x}, tmp_path)["y"].tolist()


@pytest.mark.parametrize("scale", [1e-45, 1e-38, -0.5, -1e-45, 3.4e38])
def test_any_scale_but_zero_gives_the_rounded_real_quotient(scale, tmp_path):
    wanted = [saturate(round_half_even(exact(x) / exact(scale)) + 5, "int8") for x in X]
    assert quantised(X, scale, 5, tmp_path) == wanted


def test_a_scale_of_zero_goes_to_the_rails_and_zero_to_the_zero_point(tmp_path):
    assert quantised(X, 0.0, 5, tmp_path) == [-128, -128, 5, 127, 127, 127]


def test_an_infinite_scale_and_one_that_is_no_number_give_the_zero_point(tmp_path):
    assert quantised(X, np.inf, 5, tmp_path) == [5] * 6
    assert quantised(X, np.nan, 5, tmp_path) == [5] * 6


@pytest.mark.parametrize("scale", [0.0, 1e-45, -0.5, np.inf])
def test_dequantising_by_any_scale_is_its_product(scale, tmp_path):
    x = np.array([-128, 0, 127], np.int8)
    constants = {"s": np.float32(scale)}
    node = helper.make_node("DequantizeLinear", ["x", "s"], ["y"])
    found = evaluate(graph_of([node], {"x": x}, constants, {"y": "float32"}), {"x": x}, tmp_path)["y"]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(found, x.astype(np.float32) * np.float32(scale))


@pytest.mark.parametrize("scale", [0.0, 1e-45, -0.25, np.inf])
def test_a_convolution_between_grids_of_hostile_scales_ends_on_its_grid(scale, tmp_path):
    x, w = np.full((1, 2, 3, 3), 127, np.int8), np.full((1, 2, 2, 2), -128, np.int8)
    constants = {"w": w, "s": np.float32(scale), "t": np.float32(0.5), "z": np.array(3, np.int8)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "t"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "t", "z"], ["y"]),
    ]
    found = evaluate(graph_of(nodes, {"x": x}, constants, {"y": "int8"}), {"x": x}, tmp_path)["y"]
    if np.isfinite(scale):
        real = Fraction(8 * (127 - 3) * -128) * exact(scale) / 2
        assert set(found.reshape(-1).tolist()) == {saturate(round_half_even(real / Fraction(1, 2)) + 3, "int8")}
    else:
        assert set(found.reshape(-1).tolist()) == {-128}


@pytest.mark.parametrize(
    ("operator", "other", "wanted"),
    [("Neg", None, -(2**31)), ("Abs", None, -(2**31)), ("Div", -1, -(2**31)), ("Sub", 1, 2**31 - 1), ("Mul", -1, -(2**31))],
)  # fmt: skip
def test_the_lowest_integer_wraps(operator, other, wanted, tmp_path):
    feeds = {"a": np.array([-(2**31)], np.int32)}
    if other is not None:
        feeds["b"] = np.array([other], np.int32)
    assert evaluate(one_operator(operator, feeds, out="int32"), feeds, tmp_path)["y"].tolist() == [wanted]


def test_the_ends_of_int32_dequantise_exactly(tmp_path):
    feeds = {"x": np.array([-(2**31), 2**31 - 1], np.int32)}
    node = helper.make_node("DequantizeLinear", ["x", "s"], ["y"])
    model = graph_of([node], feeds, {"s": np.float64(1)}, {"y": "float64"}, opset=23)
    assert evaluate(model, feeds, tmp_path)["y"].tolist() == [-(2.0**31), 2.0**31 - 1]


@pytest.mark.parametrize(
    "x", [np.zeros(3), np.full(3, np.nan), np.array([np.inf, 1, 0]), np.array([1e-45, 0, 0]), np.zeros(0)], ids=str
)
def test_dynamic_quantisation_of_hostile_tensors_ends_on_a_grid(x, tmp_path):
    feeds = {"x": x.astype(np.float32)}
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"])
    found = evaluate(graph_of([node], feeds, {}, {"y": "uint8", "s": "float32", "z": "uint8"}), feeds, tmp_path)
    assert found["y"].shape == x.shape
    assert found["y"].dtype == np.uint8
    if not x.any():
        assert (found["s"].item(), found["z"].item()) == (1, 0)


def test_division_of_integers_by_zero_is_a_number_and_no_crash(tmp_path):
    feeds = {"a": np.array([1, 0, -1], np.int32), "b": np.zeros(3, np.int32)}
    assert evaluate(one_operator("Div", feeds, out="int32"), feeds, tmp_path)["y"].shape == (3,)
