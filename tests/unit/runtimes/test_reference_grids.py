"""What a file alone tells of its grids: each planted defect is found and named, and a sound file is silent."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
import tflite_models
from onnx import helper
from quantized_models import BIAS, FILTERS, SCALES, WRITERS, X_SCALE, qdq, qlinear, tflite
from reference_models import graph_of, one_operator
from tflite_models import Graph, Operator, Tensor, save

from pytest_edgert.errors import ArtefactError, EdgertError, UnsupportedModelError
from pytest_edgert.runtimes.reference import RUNTIME

TINY = np.float32(2.0**-140)


@pytest.fixture(autouse=True)
def more_operators(monkeypatch):
    monkeypatch.setitem(tflite_models.OPERATORS, "CONV_2D", (3, 1))
    monkeypatch.setitem(tflite_models.OPERATORS, "QUANTIZE", (114, 0))


def read(path):
    return {one.name: one for one in RUNTIME.read_quantization(path).tensors}


def faults(path):
    return {one.name: one.faults for one in RUNTIME.read_quantization(path).tensors if one.faults}


def changed(array, index, value):
    """Return a copy with one element replaced."""
    copy = np.array(array)
    copy[index] = value
    return copy


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_sound_file_has_no_fault(tmp_path, write):
    assert faults(write(tmp_path)) == {}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_weights_and_their_filters_are_recognised(tmp_path, write):
    found = read(write(tmp_path))["w"]
    assert (found.role, found.dtype, found.scales, found.channels, found.n) == ("weight", "int8", 4, 4, FILTERS.size)
    assert (found.dead, found.codes) == (0, len(np.unique(FILTERS)))
    assert found.unused == 1 / 256  # a symmetric grid has no use for -128
    assert (found.scale_min, found.scale_max) == (SCALES[0], SCALES[3])
    assert found.reach == np.abs(FILTERS.astype(int)).sum(axis=(1, 2, 3)).max() * 131  # x reaches from -131 to 124


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (0.0, "the scale is 0 (0 in 1 of 4 channels, the first is 2)"),
        (-0.5, "the scale is negative (-0.5 in 1 of 4 channels, the first is 2)"),
        (np.inf, "the scale is infinite (inf in 1 of 4 channels, the first is 2)"),
        (np.nan, "the scale is not a number (nan in 1 of 4 channels, the first is 2)"),
        (TINY, "the scale is subnormal (7.17465e-43 in 1 of 4 channels, the first is 2)"),
    ],
)
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_scale_of_one_channel_that_cannot_be_is_named(tmp_path, write, scale, words):
    assert faults(write(tmp_path, sw=changed(SCALES, 2, scale)))["w"] == (words,)


@pytest.mark.parametrize("scale", [0.0, -0.5, np.inf, np.nan, TINY])
@pytest.mark.parametrize(("part", "named"), [("sx", {"x", "xq"}), ("sy", {"y", "yq"})])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_scale_of_an_activation_that_cannot_be_is_named(tmp_path, write, part, named, scale):
    found = faults(write(tmp_path, **{part: np.float32(scale)}))
    assert set(found) <= named | ({"b"} if scale == TINY else set())  # then that of the bias is subnormal too
    assert all("the scale is" in one for words in found.values() for one in words)
    assert found


def test_the_smallest_normal_scale_is_no_fault(tmp_path):
    assert faults(qdq(tmp_path, sy=np.float32(2.0**-126))) == {}


@pytest.mark.parametrize("zero_point", [128, -129, 2**40])
def test_a_zero_point_beyond_its_type_is_named(tmp_path, zero_point):
    found = faults(tflite(tmp_path, zy=np.int64(zero_point)))
    assert found == {"y": (f"the zero point lies outside int8, -128 to 127 ({zero_point:g})",)}


@pytest.mark.parametrize("write", [qdq, tflite])
def test_a_bias_in_steps_of_its_own_is_named(tmp_path, write):
    scales = changed(X_SCALE * SCALES, 1, 0.002)
    assert faults(write(tmp_path, sb=scales)) == {
        "b": ("the scale is not input scale · weight scale, 0.001 (0.002 in 1 of 4 channels, the first is 1)",)
    }


@pytest.mark.parametrize("write", [qdq, tflite])
def test_a_bias_scale_is_allowed_its_rounding_and_where_it_scales_nothing(tmp_path, write):
    rounded = np.float32(X_SCALE * SCALES * np.float32(1.0005))
    assert faults(write(tmp_path, sb=rounded)) == {}
    wrong = changed(X_SCALE * SCALES, 1, 0.002)
    assert faults(write(tmp_path, sb=wrong, b=changed(BIAS, 1, 0))) == {}


def test_a_bias_with_a_zero_point_is_named(tmp_path):
    (words,) = faults(qdq(tmp_path, zb=np.array([0, 7, 0, 0], np.int32)))["b"]
    assert words == "the zero point of a bias is not 0 (7 in 1 of 4 channels, the first is 1)"


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_filter_of_nothing_is_dead_and_its_scale_counts_for_nothing(tmp_path, write):
    found = read(write(tmp_path, w=changed(FILTERS, 1, 0), sw=changed(SCALES, 1, 1e-20)))["w"]
    assert (found.dead, found.channels, found.unused) == (1, 4, 1 / 256)
    assert found.scale_min == SCALES[0]


def test_a_filter_is_dead_at_its_own_zero_point(tmp_path):
    weights = np.full((4, 2, 2, 2), 9, np.uint8)
    weights[0, 0, 0, 0] = 255
    found = read(qlinear(tmp_path, w=weights, zw=np.array([9, 9, 9, 8], np.uint8)))["w"]
    assert (found.dead, found.channels) == (2, 4)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_filter_that_uses_half_its_grid_says_so(tmp_path, write):
    half = changed(FILTERS, 3, np.clip(FILTERS[3], -31, 31))
    assert read(write(tmp_path, w=half))["w"].unused == 1 - 63 / 256


def test_a_grid_that_is_not_symmetric_is_not_mirrored(tmp_path):
    weights = np.zeros((4, 2, 2, 2), np.uint8)
    weights[..., 0] = 63
    found = read(qlinear(tmp_path, w=weights, zw=np.uint8(0), sw=np.float32(0.1)))["w"]
    assert found.unused == 1 - 64 / 256


@pytest.mark.parametrize("write", [qdq, tflite])
def test_biases_on_the_rails_of_int32_are_counted(tmp_path, write):
    assert read(write(tmp_path, b=np.array([2**31 - 1, -(2**31), 5, 7], np.int32)))["b"].clipped == 0.5


def test_a_bias_of_sixty_four_bits_has_no_rails(tmp_path):
    names = ("x", "w", "b", "y")
    kinds, shapes = ("int16", "int8", "int64", "int16"), ((1, 4), (3, 4), (3,), (1, 3))
    values = (None, np.ones((3, 4), np.int8), np.zeros(3, np.int64), None)
    scales = ([0.5], [0.25], [0.125], [1.0])
    parts = zip(names, shapes, kinds, values, scales, strict=True)
    graph = Graph([Tensor(*part, [0]) for part in parts], [Operator("FULLY_CONNECTED", [0, 1, 2], [3])], [0], [3])
    found = read(save(tmp_path / "net.tflite", graph))
    assert (found["b"].role, found["b"].clipped, found["w"].reach) == ("bias", None, None)


@pytest.mark.parametrize("axis", [1, 9, -7])
def test_an_axis_that_does_not_fit_is_read_without_an_error_of_ours(tmp_path, axis):
    scales = [0.1, 0.2, 0.3]
    tensors = [
        Tensor("x", (1, 4), "int8", None, [0.5], [0]),
        Tensor("w", (3, 4), "int8", np.ones((3, 4), np.int8), scales, [0, 0, 0], axis),
        Tensor("y", (1, 3), "int8", None, [0.5], [0]),
    ]
    path = save(tmp_path / "net.tflite", Graph(tensors, [Operator("FULLY_CONNECTED", [0, 1, -1], [2])], [0], [2]))
    assert read(path)["w"].dead is None


def test_a_node_without_its_inputs_is_refused_as_no_sound_file(tmp_path):
    path = tmp_path / "net.onnx"
    node = helper.make_node("QLinearConv", ["x"], ["y"])
    onnx.save(graph_of([node], {"x": np.zeros((1, 1, 2, 2), np.int8)}, {}, {"y": "int8"}), path)
    with pytest.raises(ArtefactError, match="make no sense"):
        RUNTIME.read_quantization(path)


def test_scales_fewer_than_channels_stop_nothing(tmp_path):
    assert read(tflite(tmp_path, sw=SCALES[:3], zw=np.zeros(3, np.int64)))["w"].dead is None


@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_has_its_filters_where_it_says(tmp_path, transposed):
    weights = np.full((5, 3), 4, np.int8)
    weights[1] = 0
    constants = {"w": weights if transposed else weights.T.copy(), "s": np.float32(0.1), "z": np.int8(0)}
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        helper.make_node("Gemm", ["x", "wd"], ["y"], transB=transposed),
    ]
    path = tmp_path / "net.onnx"
    onnx.save(graph_of(nodes, {"x": np.zeros((2, 3), np.float32)}, constants, {"y": "float32"}), path)
    found = read(path)["w"]
    assert (found.role, found.dead, found.channels) == ("weight", 1, 5)


def test_integer_products_have_weights_without_scales(tmp_path):
    weights = np.full((3, 4), 200, np.uint8)
    weights[:, 2] = 7
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "zx"]),
        helper.make_node("MatMulInteger", ["q", "w", "zx", "zw"], ["y"]),
    ]
    path = tmp_path / "net.onnx"
    constants = {"w": weights, "zw": np.uint8(7)}
    onnx.save(graph_of(nodes, {"x": np.zeros((2, 3), np.float32)}, constants, {"y": "int32"}), path)
    found = read(path)
    assert (found["w"].role, found["w"].dead, found["w"].channels, found["w"].scales) == ("weight", 1, 4, 0)
    assert found["q"].role == "activation"


def test_the_range_of_an_inputs_grid_is_told(tmp_path):
    assert RUNTIME.read_quantization(qdq(tmp_path)).input_ranges == {"x": (-131 * float(X_SCALE), 124 * float(X_SCALE))}
    tensors = [Tensor("x", (2,)), Tensor("y", (2,), "int8", scale=[0.5], zero_point=[-128])]
    path = save(tmp_path / "net.tflite", Graph(tensors, [Operator("QUANTIZE", [0], [1])], [0], [1]))
    assert RUNTIME.read_quantization(path).input_ranges == {"x": (0.0, 127.5)}


def test_a_range_without_sense_is_not_told(tmp_path):
    assert RUNTIME.read_quantization(qdq(tmp_path, sx=np.float32(0))).input_ranges == {}


def test_float_models_are_not_quantised(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(one_operator("Relu", {"x": np.zeros(3, np.float32)}), path)
    assert not RUNTIME.read_quantization(path).quantized
    assert not RUNTIME.read_quantization(save(tmp_path / "net.tflite", tflite_models.float_model())).quantized


def test_quantised_operators_that_are_not_looked_into_are_named(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(one_operator("QLinearSoftmax", {"x": np.zeros(3, np.int8)}, domain="com.microsoft", out="int8"), path)
    found = RUNTIME.read_quantization(path)
    assert (found.quantized, found.unread) == (True, ("QLinearSoftmax",))


def test_tensors_without_names_are_told_apart(tmp_path):
    tensors = [Tensor("", (2,), "int8", scale=[0.5]), Tensor("", (2,), "int8", scale=[0.25])]
    path = save(tmp_path / "net.tflite", Graph(tensors, [Operator("ABS", [0], [1])], [0], [1]))
    assert list(read(path)) == ["tensor#0", "tensor#1"]


@pytest.mark.parametrize(("name", "content"), [("a.onnx", b"\x08\x0a\xff"), ("a.tflite", b"abc"), ("b.tflite", b"")])
def test_what_is_no_model_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((ArtefactError, UnsupportedModelError)):
        RUNTIME.read_quantization(path)


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_bytes_that_were_changed_are_read_or_refused_in_our_words(tmp_path, write):
    path = write(tmp_path)
    sound = path.read_bytes()
    for seed in range(150):
        draw = np.random.default_rng(seed)
        content = bytearray(sound)
        for _ in range(draw.integers(1, 6)):
            content[draw.integers(len(content))] = draw.integers(256)
        path.write_bytes(content[: draw.integers(len(content))] if seed % 5 == 0 else content)
        with contextlib.suppress(EdgertError):
            RUNTIME.read_quantization(path)
