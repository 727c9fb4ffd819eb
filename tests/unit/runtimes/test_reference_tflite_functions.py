"""Functions, comparisons, resampling and movement of elements of a .tflite, against LiteRT's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tflite_models
from tflite_models import Graph, Operator, Tensor, save

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.litert import RUNTIME as LITERT
from pytest_edgert.runtimes.reference import RUNTIME

#: Operators that the writer of models does not know by itself: number, and number of their options.
MORE = {
    "FLOOR": (8, 0), "L2_NORMALIZATION": (11, 12), "RELU_N1_TO_1": (20, 0), "RESIZE_BILINEAR": (23, 15),
    "GATHER": (36, 23), "SQUEEZE": (43, 30), "EXP": (47, 33), "LOG_SOFTMAX": (50, 36), "CAST": (53, 37), "PRELU": (54, 0),
    "MAXIMUM": (55, 39), "MINIMUM": (57, 39), "LESS": (58, 41), "GREATER": (61, 44), "GREATER_EQUAL": (62, 45),
    "LESS_EQUAL": (63, 46), "SLICE": (65, 48), "SIN": (66, 0), "TILE": (69, 51), "NOT_EQUAL": (72, 54), "RSQRT": (76, 0),
    "POW": (78, 56), "RESIZE_NEAREST_NEIGHBOR": (97, 74), "LEAKY_RELU": (98, 75), "SQUARED_DIFFERENCE": (99, 76),
    "CEIL": (104, 0), "COS": (108, 84), "GELU": (150, 116), "UNPACK": (88, 64),
}  # fmt: skip
RNG = np.random.default_rng(9)
IMAGE = RNG.normal(size=(1, 4, 5, 3)).astype(np.float32)
ROWS = RNG.normal(size=(2, 6)).astype(np.float32)
OTHER = ROWS.copy()
OTHER[0] += 0.5
OTHER[1, :2] -= 0.5


def i32(*values: Any) -> np.ndarray:
    return np.array(values, np.int32)


#: Name -> (operator, input, constant or None, shape and type of the output, options).
CASES: dict[str, tuple[str, np.ndarray, np.ndarray | None, tuple[tuple[int, ...], str], dict]] = {
    **{name: (name, ROWS, None, ((2, 6), "float32"), {}) for name in
       ("FLOOR", "RELU_N1_TO_1", "EXP", "LOG_SOFTMAX", "SIN", "CEIL", "COS", "GELU", "L2_NORMALIZATION")},
    **{name: (name, ROWS, OTHER, ((2, 6), "float32"), {}) for name in ("MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")},
    **{name: (name, ROWS, OTHER, ((2, 6), "bool"), {}) for name in
       ("LESS", "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "NOT_EQUAL")},
    "GELU by tanh": ("GELU", ROWS, None, ((2, 6), "float32"), {0: ("?", True)}),
    "RSQRT": ("RSQRT", np.abs(ROWS), None, ((2, 6), "float32"), {}),
    "POW": ("POW", np.abs(ROWS), OTHER, ((2, 6), "float32"), {}),
    "PRELU": ("PRELU", IMAGE, RNG.uniform(0, 1, (1, 1, 3)).astype(np.float32), ((1, 4, 5, 3), "float32"), {}),
    "LEAKY_RELU": ("LEAKY_RELU", ROWS, None, ((2, 6), "float32"), {0: ("I", int(np.float32(0.2).view(np.uint32)))}),
    "CAST": ("CAST", ROWS * 9, None, ((2, 6), "int32"), {0: ("b", 0), 1: ("b", 2)}),
    "GATHER": ("GATHER", ROWS, i32(5, 0, 2), ((2, 3), "float32"), {0: ("i", 1)}),
    "SQUEEZE": ("SQUEEZE", IMAGE, None, ((4, 5, 3), "float32"), {}),
    "TILE": ("TILE", ROWS, i32(2, 3), ((4, 18), "float32"), {}),
    **{
        f"RESIZE_BILINEAR corners {corners} halves {halves}": (
            "RESIZE_BILINEAR", IMAGE, i32(7, 3), ((1, 7, 3, 3), "float32"), {2: ("?", corners), 3: ("?", halves)},
        )
        for corners, halves in ((False, False), (True, False), (False, True))
    },
    **{
        f"RESIZE_NEAREST corners {corners} halves {halves}": (
            "RESIZE_NEAREST_NEIGHBOR", IMAGE, i32(7, 3), ((1, 7, 3, 3), "float32"), {0: ("?", corners), 1: ("?", halves)},
        )
        for corners, halves in ((False, False), (True, False), (False, True))
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def more_operators(monkeypatch):
    for name, numbers in MORE.items():
        monkeypatch.setitem(tflite_models.OPERATORS, name, numbers)


def one(path, name, *, x, constant, out, options):
    tensors = [Tensor("x", x.shape, x.dtype.name)]
    if constant is not None:
        tensors.append(Tensor("c", constant.shape, constant.dtype.name, values=constant))
    inputs = list(range(len(tensors)))
    tensors.append(Tensor("y", *out))
    return save(path, Graph(tensors, [Operator(name, inputs, [len(inputs)], options)], [0], [len(inputs)]))


@pytest.mark.parametrize("name", CASES)
def test_a_float_operator_agrees_with_litert(name, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert to compare with")
    operator, x, constant, out, options = CASES[name]
    path = one(tmp_path / "m.tflite", operator, x=x, constant=constant, out=out, options=options)
    with RUNTIME.open(path, "cpu", {}) as session, LITERT.open(path, "cpu", {"kernels": "builtin"}) as runtime:
        found, wanted = session.infer({"x": x})["y"], runtime.infer({"x": x})["y"]
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(found.astype(np.float64), wanted.astype(np.float64), rtol=2e-5, atol=2e-6)


def test_a_cut_ends_at_its_size_or_at_the_end(tmp_path):
    tensors = [
        Tensor("x", (2, 6)), Tensor("b", (2,), "int32", i32(1, 2)), Tensor("s", (2,), "int32", i32(1, -1)), Tensor("y", (1, 4)),
    ]  # fmt: skip
    path = save(tmp_path / "m.tflite", Graph(tensors, [Operator("SLICE", [0, 1, 2], [3])], [0], [3]))
    with RUNTIME.open(path, "cpu", {}) as session:
        np.testing.assert_array_equal(session.infer({"x": ROWS})["y"], ROWS[1:, 2:])


def test_what_is_unpacked_lies_in_order(tmp_path):
    tensors = [Tensor("x", (2, 6)), Tensor("a", (6,)), Tensor("b", (6,))]
    operator = Operator("UNPACK", [0], [1, 2], {0: ("i", 2), 1: ("i", 0)})
    path = save(tmp_path / "m.tflite", Graph(tensors, [operator], [0], [1, 2]))
    with RUNTIME.open(path, "cpu", {}) as session:
        found = session.infer({"x": ROWS})
    np.testing.assert_array_equal(np.stack([found["a"], found["b"]]), ROWS)


def test_the_larger_of_two_grids_is_rounded_once_onto_the_third(tmp_path):
    a, b = (RNG.integers(-128, 128, 40).astype(np.int8) for _ in range(2))
    tensors = [
        Tensor("a", (40,), "int8", scale=[0.5], zero_point=[3]),
        Tensor("b", (40,), "int8", scale=[0.25], zero_point=[-7]),
        Tensor("y", (40,), "int8", scale=[1.0], zero_point=[0]),
    ]
    path = save(tmp_path / "m.tflite", Graph(tensors, [Operator("MAXIMUM", [0, 1], [2])], [0, 1], [2]))
    with RUNTIME.open(path, "cpu", {}) as session:
        found = session.infer({"a": a, "b": b})["y"]
    wanted = np.maximum((a.astype(float) - 3) / 2, (b.astype(float) + 7) / 4)
    np.testing.assert_array_equal(found, np.clip(np.rint(wanted), -128, 127))


def test_a_cast_to_a_type_that_numpy_lacks_is_refused(tmp_path):
    path = one(
        tmp_path / "m.tflite", "CAST", x=ROWS, constant=None, out=((2, 6), "int32"), options={0: ("b", 0), 1: ("b", 18)}
    )
    with RUNTIME.open(path, "cpu", {}) as session, pytest.raises(UnsupportedModelError, match="CAST"):
        session.infer({"x": ROWS})
