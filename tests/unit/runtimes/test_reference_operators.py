"""Own rules for operators that shape, order and normalise, against ONNX Runtime with optimisation off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from reference_models import evaluate, graph_of, run_onnxruntime

from pytest_edgert.errors import UnsupportedModelError

RNG = np.random.default_rng(20261124)
X = RNG.normal(size=(2, 4, 6, 5)).astype(np.float32)
ROWS = RNG.normal(size=(3, 5)).astype(np.float32)
WHOLE = RNG.integers(-100, 100, (3, 5)).astype(np.int32)
CHANNELS = {"s": RNG.uniform(0.5, 2, 4).astype(np.float32), "b": RNG.normal(size=4).astype(np.float32)}
LAST = {"s": RNG.uniform(0.5, 2, 5).astype(np.float32), "b": RNG.normal(size=5).astype(np.float32)}
I64 = np.int64


def numbers(*values: Any) -> np.ndarray:
    return np.array(values, I64)


#: Name -> (operator, input, constants in order, operator set, attributes).
CASES: dict[str, tuple[str, np.ndarray, dict[str, np.ndarray], int, dict[str, Any]]] = {
    "layer normalisation": ("LayerNormalization", X, LAST, 17, {}),
    "layer normalisation from an axis": ("LayerNormalization", ROWS, {"s": ROWS * 0 + 2}, 17, {"axis": 0}),
    "instance normalisation": ("InstanceNormalization", X, CHANNELS, 17, {"epsilon": 1e-2}),
    "group normalisation 21": ("GroupNormalization", X, CHANNELS, 21, {"num_groups": 2}),
    "lrn": ("LRN", X, {}, 13, {"size": 3, "alpha": 0.3, "beta": 0.6, "bias": 1.5}),
    "l1 normalisation": ("LpNormalization", ROWS, {}, 17, {"p": 1, "axis": 0}),
    "l2 normalisation": ("LpNormalization", ROWS, {}, 17, {}),
    "mean variance normalisation": ("MeanVarianceNormalization", X, {}, 13, {}),
    "gather elements": ("GatherElements", ROWS, {"i": numbers([0, -1, 2], [1, 1, -3])}, 17, {"axis": 0}),
    "gather nd": ("GatherND", X, {"i": numbers([[1, 0], [0, -1]])}, 17, {}),
    "gather nd of a batch": ("GatherND", X, {"i": numbers([[1], [3]], [[0], [-1]])}, 17, {"batch_dims": 1}),
    "scatter elements": (
        "ScatterElements", ROWS, {"i": numbers([0, 4], [-1, 1]), "u": ROWS[:2, :2]}, 18, {"axis": 1, "reduction": "add"},
    ),
    "scatter 9": ("Scatter", ROWS, {"i": numbers([0, 2, 1, 0, 0]), "u": ROWS[:1] + 9}, 10, {}),
    "scatter nd": ("ScatterND", X, {"i": numbers([1, 0], [0, 3]), "u": X[0, :2]}, 18, {"reduction": "max"}),
    "cumulative sum": ("CumSum", ROWS, {"a": np.array(1, I64)}, 14, {}),
    "cumulative sum backwards": ("CumSum", ROWS, {"a": np.array(-2, I64)}, 14, {"exclusive": 1, "reverse": 1}),
    "upper triangle": ("Trilu", X, {"k": np.array(1, I64)}, 14, {}),
    "lower triangle": ("Trilu", X, {"k": np.array(-1, I64)}, 14, {"upper": 0}),
    "space to depth": ("SpaceToDepth", X[..., :4], {}, 13, {"blocksize": 2}),
    "depth to space": ("DepthToSpace", X, {}, 13, {"blocksize": 2}),
    "depth to space by columns": ("DepthToSpace", X, {}, 13, {"blocksize": 2, "mode": "CRD"}),
    "compress": ("Compress", ROWS, {"c": np.array([True, False, True])}, 11, {"axis": 0}),
    "compress all": ("Compress", ROWS, {"c": np.array([False, True, True])}, 11, {}),
    "eye": ("EyeLike", ROWS, {}, 9, {"k": 1}),
    "reverse sequence": ("ReverseSequence", ROWS, {"n": numbers(1, 3, 2)}, 10, {"batch_axis": 0, "time_axis": 1}),
    "hardmax": ("Hardmax", X, {}, 13, {"axis": 1}),
    "hardmax 11": ("Hardmax", X, {}, 11, {"axis": 2}),
    "reduce log sum exp": ("ReduceLogSumExp", ROWS * 300, {}, 17, {"axes": [1], "keepdims": 0}),
    "reduce log sum": ("ReduceLogSum", np.abs(ROWS), {}, 17, {"axes": [0]}),
    "mod": ("Mod", WHOLE, {"d": np.array([7, -7, 3, -3, 5], np.int32)}, 13, {}),
    "mod of floats": ("Mod", ROWS, {"d": np.float32(0.3)}, 13, {"fmod": 1}),
    "round": ("Round", np.arange(-5, 5, dtype=np.float32) / 2, {}, 11, {}),
    "shift": ("BitShift", np.arange(6, dtype=np.uint8), {"n": np.array([1, 2, 3, 4, 5, 6], np.uint8)}, 11, {"direction": "LEFT"}),
    "selu": ("Selu", X, {}, 17, {}),
    "celu": ("Celu", X, {}, 17, {"alpha": 0.7}),
    "shrink": ("Shrink", X, {}, 17, {"lambd": 0.4, "bias": 0.1}),
    "thresholded relu": ("ThresholdedRelu", X, {}, 17, {"alpha": 0.3}),
    "mish": ("Mish", X, {}, 18, {}),
    "softsign": ("Softsign", X, {}, 17, {}),
    "atan": ("Atan", X, {}, 17, {}),
    "sign": ("Sign", X, {}, 17, {}),
    "conv transpose": (
        "ConvTranspose", X, {"w": RNG.normal(size=(4, 3, 3, 2)).astype(np.float32), "b": ROWS[:, 0]}, 17,
        {"strides": [2, 3], "pads": [1, 0, 2, 1], "output_padding": [1, 0]},
    ),
    "conv transpose in groups": (
        "ConvTranspose", X, {"w": RNG.normal(size=(4, 3, 2, 2)).astype(np.float32)}, 17, {"group": 2, "dilations": [2, 1]},
    ),
    "conv transpose to a shape": (
        "ConvTranspose", X, {"w": RNG.normal(size=(4, 2, 3, 3)).astype(np.float32)}, 17,
        {"strides": [2, 2], "output_shape": [12, 10], "auto_pad": "SAME_UPPER"},
    ),
}  # fmt: skip


def one(operator: str, x: np.ndarray, constants: dict[str, np.ndarray], opset: int, out: str = "", **more: Any) -> Any:
    node = helper.make_node(operator, ["x", *constants], ["y"], **more)
    return graph_of([node], {"x": x}, constants, {"y": out or x.dtype.name}, opset=opset)


@pytest.mark.parametrize("name", CASES)
def test_an_operator_agrees_with_onnxruntime(name, tmp_path):
    operator, x, constants, opset, attributes = CASES[name]
    model = one(operator, x, constants, opset, **attributes)
    found, wanted = evaluate(model, {"x": x}, tmp_path)["y"], run_onnxruntime(model, {"x": x})["y"]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


PER_ELEMENT = {name: RNG.uniform(0.5, 2, X.shape[1:]).astype(np.float32) for name in ("s", "b", "m", "v")}
#: What operator set 7 has as attributes: (operator, constants, attributes).
OLD = [
    ("Pad", {}, {"pads": [0, 0, 1, 0, 0, 0, 0, 2], "value": 0.5}),
    ("Pad", {}, {"pads": [0, 0, 1, 0, 0, 0, 0, 2], "mode": "reflect"}),
    ("Slice", {}, {"starts": [1, -3], "ends": [9, -1], "axes": [1, 2]}),
    ("Unsqueeze", {}, {"axes": [0, 3]}),
    ("Upsample", {}, {"scales": [1.0, 1.0, 2.0, 1.5], "mode": "nearest"}),
    ("ReduceMax", {}, {"axes": [1], "keepdims": 0}),
    ("Hardmax", {}, {"axis": 1}),
    ("Dropout", {}, {"ratio": 0.3}),
    ("Reshape", {"r": numbers(0, -1)}, {}),
    ("BatchNormalization", {k: v[:, 0, 0].copy() for k, v in PER_ELEMENT.items()}, {}),
    ("PRelu", {"p": CHANNELS["s"].reshape(4, 1, 1)}, {}),
    ("LpPool", {}, {"kernel_shape": [2, 3], "p": 3, "strides": [2, 1]}),
    ("GlobalLpPool", {}, {"p": 1}),
]


@pytest.mark.parametrize(
    ("operator", "constants", "attributes"), OLD, ids=lambda one: one if isinstance(one, str) else ""
)
def test_an_operator_of_set_7_takes_its_attributes(operator, constants, attributes, tmp_path):
    model = one(operator, X, constants, 7, **attributes)
    found, wanted = evaluate(model, {"x": X}, tmp_path)["y"], run_onnxruntime(model, {"x": X})["y"]
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


def test_batch_normalisation_of_set_7_may_be_of_each_element(tmp_path):
    model = one("BatchNormalization", X, PER_ELEMENT, 7, spatial=0)
    p = PER_ELEMENT
    wanted = (X - p["m"]) / np.sqrt(p["v"] + 1e-5) * p["s"] + p["b"]
    np.testing.assert_allclose(evaluate(model, {"x": X}, tmp_path)["y"], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("largest", [0, 1])
def test_top_k_gives_equal_values_by_the_lower_index(largest, tmp_path):
    x = np.array([[3, 1, 3, 2, 1]], np.float32)
    node = helper.make_node("TopK", ["x", "k"], ["y", "i"], largest=largest)
    model = graph_of([node], {"x": x}, {"k": numbers(3)}, {"y": "float32", "i": "int64"}, opset=11)
    found = evaluate(model, {"x": x}, tmp_path)
    assert found["i"].tolist() == [[0, 2, 3] if largest else [1, 4, 3]]
    assert found["y"].tolist() == [[3, 3, 2] if largest else [1, 1, 2]]


def test_boxes_that_overlap_by_just_the_threshold_are_kept(tmp_path):
    boxes = np.array([[[0, 0, 2, 2], [0, 1, 2, 3], [0, 0, 2, 2.1]]], np.float32)  # the second overlaps by a third
    feeds = {"b": boxes, "s": np.array([[[0.9, 0.8, 0.7]]], np.float32)}
    constants = {"n": numbers(5), "t": np.float32([1 / 3 + 1e-6]), "u": np.float32([0.1])}
    node = helper.make_node("NonMaxSuppression", ["b", "s", *constants], ["y"])
    model = graph_of([node], feeds, constants, {"y": "int64"}, opset=11)
    assert evaluate(model, feeds, tmp_path)["y"].tolist() == [[0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(("start", "limit", "step"), [(1, 10, 3), (10, 1, -4), (5, 5, 1), (3, 1, 1)])
def test_range_counts_as_python_does(start, limit, step, tmp_path):
    feeds = {name: np.array(value, np.int32) for name, value in zip("abc", (start, limit, step), strict=True)}
    model = graph_of([helper.make_node("Range", list(feeds), ["y"])], feeds, {}, {"y": "int32"})
    assert evaluate(model, feeds, tmp_path)["y"].tolist() == list(range(start, limit, step))


@pytest.mark.parametrize(
    ("operator", "constants", "said"),
    [
        ("GatherElements", {"i": numbers([5, 0, 0])}, "beyond a length of 3"),
        ("ScatterND", {"i": numbers([-4]), "u": ROWS[:1]}, "beyond a length of 3"),
        ("TopK", {"k": numbers(9)}, "9 of 5 elements"),
    ],
)
def test_indices_out_of_range_are_refused_by_the_node(operator, constants, said, tmp_path):
    more = {"outputs": ["y", "i"]} if operator == "TopK" else {"outputs": ["y"]}
    node = helper.make_node(operator, ["x", *constants], **more)
    model = graph_of([node], {"x": ROWS}, constants, {"y": "float32"}, opset=16)
    with pytest.raises(UnsupportedModelError, match=rf"y \({operator}\).*{said}"):
        evaluate(model, {"x": ROWS}, tmp_path)


def test_a_transposed_convolution_of_grids_rounds_once(tmp_path):
    x, w = RNG.integers(-128, 128, (1, 3, 4, 4)).astype(np.int8), RNG.integers(-127, 128, (3, 2, 2, 2)).astype(np.int8)
    constants = {"w": w, "s": np.float32(0.25), "z": np.array(0, np.int8)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        helper.make_node("ConvTranspose", ["xd", "wd"], ["c"], strides=[2, 2]),
        helper.make_node("QuantizeLinear", ["c", "t", "v"], ["y"]),
    ]
    model = graph_of(
        nodes, {"x": x}, {**constants, "t": np.float32(8), "v": np.array(0, np.int16)}, {"y": "int16"}, opset=21
    )
    whole = np.zeros((1, 2, 8, 8), np.int64)  # stride 2 and kernel 2: windows lie side by side
    for row, column in np.ndindex(2, 2):
        whole[:, :, row::2, column::2] = np.einsum(
            "nchw,co->nohw", x.astype(np.int64), w[:, :, row, column].astype(np.int64)
        )
    np.testing.assert_array_equal(evaluate(model, {"x": x}, tmp_path)["y"], np.rint(whole / 16 / 8))


def test_einsum_is_that_of_numpy_and_a_wrong_equation_is_named(tmp_path):
    feeds = {"a": ROWS, "b": ROWS.T.copy()}
    node = helper.make_node("Einsum", ["a", "b"], ["y"], equation="ij, jk -> ki")
    model = graph_of([node], feeds, {}, {"y": "float32"})
    np.testing.assert_allclose(evaluate(model, feeds, tmp_path)["y"], (ROWS @ ROWS.T).T, rtol=1e-5)
    node = helper.make_node("Einsum", ["a", "b"], ["y"], equation="ij,ij->ij")
    with pytest.raises(UnsupportedModelError, match=r"ij,ij->ij"):
        evaluate(graph_of([node], feeds, {}, {"y": "float32"}), feeds, tmp_path)


def test_the_first_output_of_layer_normalisation_has_company_when_asked(tmp_path):
    node = helper.make_node("LayerNormalization", ["x", "s"], ["y", "m", "d"])
    model = graph_of([node], {"x": ROWS}, {"s": LAST["s"]}, dict.fromkeys("ymd", "float32"))
    found = evaluate(model, {"x": ROWS}, tmp_path)
    np.testing.assert_allclose(found["m"][:, 0], ROWS.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found["d"][:, 0], 1 / np.sqrt(ROWS.var(axis=1) + 1e-5), rtol=1e-5)


def test_eye_takes_the_type_it_is_told(tmp_path):
    model = one("EyeLike", ROWS, {}, 9, out="int32", dtype=TensorProto.INT32)
    assert evaluate(model, {"x": ROWS}, tmp_path)["y"].dtype == np.int32
