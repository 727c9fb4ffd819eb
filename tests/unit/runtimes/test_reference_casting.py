"""Casts to narrow floating types against the list of all their numbers, and bits read as another type."""

from __future__ import annotations

import itertools
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper
from reference_models import evaluate, graph_of, one_operator

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.casting import NARROW, narrowed

FLOAT8 = [name for name in NARROW if name.startswith("float8")]


def all_numbers(name: str) -> list[tuple[Fraction, int]]:
    """Every finite number of a type, ascending, with its place in the order: even places have an even last bit."""
    kind = np.dtype(getattr(ml_dtypes, name))
    bits = 16 if name.startswith("float4") else 256
    found = {
        float(value) for value in np.arange(bits, dtype=np.uint8).view(kind).astype(np.float64) if np.isfinite(value)
    }
    positive = sorted(value for value in found if value >= 0)
    ordered = [-value for value in positive[:0:-1]] + positive
    zero = ordered.index(0.0)
    return [(Fraction(value), abs(index - zero)) for index, value in enumerate(ordered)]


def nearest(x: Fraction, numbers: list[tuple[Fraction, int]]) -> Fraction:
    return min(numbers, key=lambda one: (abs(one[0] - x), one[1] % 2))[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", NARROW)
def test_every_number_midpoint_and_what_is_beside_rounds_half_to_even(name):
    numbers = all_numbers(name)
    values = [value for value, _ in numbers]
    middles = [(a + b) / 2 for a, b in itertools.pairwise(values)]
    tiny = Fraction(1, 2**45)  # float32 would lose it beside most of them
    asked = [x for value in (*values, *middles) for x in (value * (1 - tiny), value, value * (1 + tiny))]
    found = narrowed(np.array([float(x) for x in asked]), name, saturates=True)
    top = values[-1]
    wanted = [float(nearest(max(-top, min(top, Fraction(float(x)))), numbers)) for x in asked]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", FLOAT8)
def test_what_is_too_large_saturates_only_where_it_may(name):
    top = float(ml_dtypes.finfo(getattr(ml_dtypes, name)).max)
    x = np.array([np.inf, -np.inf, 1e9, np.nan])
    assert narrowed(x, name, saturates=True)[:3].tolist() == [top, -top, top]
    assert not np.isfinite(narrowed(x, name, saturates=False)).any()
    assert np.isnan(narrowed(x, name, saturates=True)[3])


def test_quantising_to_float8_divides_and_rounds_once(tmp_path):
    x = np.array([0.0, 1.0, 2.0, 100000.0, 200.0], np.float32)
    constants = {"s": np.float32(2), "z": np.zeros((), np.float32).astype(ml_dtypes.float8_e4m3fn)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    model = graph_of(nodes, {"x": x}, constants, {"y": "float32"}, opset=19)
    assert evaluate(model, {"x": x}, tmp_path)["y"].tolist() == [0, 1, 2, 896, 192]  # 100 is halfway between 96 and 104


def test_cast_like_takes_the_type_of_its_second_input(tmp_path):
    feeds = {"x": np.array([1.9, -1.9], np.float32), "like": np.zeros(1, np.int16)}
    assert evaluate(one_operator("CastLike", feeds, out="int16"), feeds, tmp_path)["y"].tolist() == [1, -1]


def test_bits_are_read_as_another_type_of_the_same_width(tmp_path):
    feeds = {"x": np.array([1.0, -0.0], np.float32)}
    model = one_operator("BitCast", feeds, out="int32", opset=26, to=TensorProto.INT32)
    assert evaluate(model, feeds, tmp_path)["y"].tolist() == [0x3F800000, -(2**31)]
    model = one_operator("BitCast", feeds, out="int16", opset=26, to=TensorProto.INT16)
    with pytest.raises(UnsupportedModelError, match="another width"):
        evaluate(model, feeds, tmp_path)
