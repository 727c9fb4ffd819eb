"""Resize, Upsample and GridSample: against ONNX Runtime, and where the package onnx reads the definition another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper
from reference_models import evaluate, graph_of, run_onnxruntime

from pytest_edgert.errors import UnsupportedModelError

RNG = np.random.default_rng(7)
X = RNG.normal(size=(1, 2, 7, 6)).astype(np.float32)
SCALES = [(1.7, 0.6), (0.5, 2.0), (2.0, 3.0)]
COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]


def resized(constants: dict[str, np.ndarray], opset: int = 18, operator: str = "Resize", **attributes: Any) -> Any:
    names = ["x", "", *constants] if operator == "Resize" and opset > 10 else ["x", *constants]
    if "sizes" in constants:
        names = ["x", "", "", "sizes"]
    node = helper.make_node(operator, names, ["y"], **attributes)
    return graph_of([node], {"x": X}, constants, {"y": "float32"}, opset=opset)


def agree(model: Any, tmp_path: Any) -> None:
    found, wanted = evaluate(model, {"x": X}, tmp_path)["y"], run_onnxruntime(model, {"x": X})["y"]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize_by_scales_agrees_with_onnxruntime(mode, coordinates, scales, tmp_path):
    constants = {"scales": np.array([1, 1, *scales], np.float32)}
    agree(resized(constants, mode=mode, coordinate_transformation_mode=coordinates), tmp_path)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize_to_sizes_agrees_with_onnxruntime(mode, tmp_path):
    agree(resized({"sizes": np.array([1, 2, 10, 4])}, mode=mode), tmp_path)


@pytest.mark.parametrize("rounding", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_the_nearest_is_rounded_as_asked(rounding, tmp_path):
    constants = {"scales": np.array([1, 1, 2.0, 0.5], np.float32)}
    agree(resized(constants, nearest_mode=rounding, coordinate_transformation_mode="asymmetric"), tmp_path)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_antialiasing_and_what_lies_outside_agree_with_onnxruntime(mode, tmp_path):
    agree(resized({"scales": np.array([1, 1, 0.4, 0.7], np.float32)}, mode=mode, antialias=1), tmp_path)
    if mode == "cubic":
        agree(resized({"scales": np.array([1, 1, 1.5, 0.7], np.float32)}, mode=mode, exclude_outside=1), tmp_path)


def test_resize_10_and_upsample_have_no_offset(tmp_path):
    constants = {"scales": np.array([1, 1, 2, 3], np.float32)}
    agree(resized(constants, 10, mode="nearest"), tmp_path)
    agree(resized(constants, 9, "Upsample", mode="linear"), tmp_path)


def test_corners_are_aligned_to_the_length_that_the_output_has(tmp_path):
    # onnx issue 2462: 4 elements by 0.6 are 2, whose corners are 1 and 4; the package onnx says 3.14 for the last.
    x = np.array([[[[1, 2, 3, 4]]]], np.float32)
    node = helper.make_node(
        "Resize", ["x", "", "s"], ["y"], mode="linear", coordinate_transformation_mode="align_corners"
    )
    model = graph_of([node], {"x": x}, {"s": np.array([1, 1, 1, 0.6], np.float32)}, {"y": "float32"}, opset=18)
    assert evaluate(model, {"x": x}, tmp_path)["y"].tolist() == [[[[1, 4]]]]


def test_a_neighbour_of_weight_zero_passes_no_nan_on(tmp_path):
    x = np.array([[[[1, np.nan, 3]]]], np.float32)
    node = helper.make_node("Resize", ["x", "", "s"], ["y"], mode="linear", coordinate_transformation_mode="asymmetric")
    model = graph_of([node], {"x": x}, {"s": np.array([1, 1, 1, 2], np.float32)}, {"y": "float32"}, opset=18)
    found = evaluate(model, {"x": x}, tmp_path)["y"].reshape(-1)
    assert np.isnan(found).tolist() == [False, True, True, True, False, False]


def test_unknown_coordinates_are_refused_by_name(tmp_path):
    model = resized({"scales": np.array([1, 1, 2, 2], np.float32)}, coordinate_transformation_mode="sideways")
    with pytest.raises(UnsupportedModelError, match="sideways"):
        evaluate(model, {"x": X}, tmp_path)


@pytest.mark.parametrize("corners", [0, 1])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
def test_grid_sample_agrees_with_onnxruntime(mode, padding, corners, tmp_path):
    feeds = {"x": X, "g": RNG.uniform(-1.6, 1.6, (1, 5, 4, 2)).astype(np.float32)}
    node = helper.make_node("GridSample", ["x", "g"], ["y"], mode=mode, padding_mode=padding, align_corners=corners)
    model = graph_of([node], feeds, {}, {"y": "float32"}, opset=20)
    found, wanted = evaluate(model, feeds, tmp_path)["y"], run_onnxruntime(model, feeds)["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
