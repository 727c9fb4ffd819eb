"""Quantised graphs against values worked out by hand, and against slow exact implementations."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper
from reference_models import evaluate, exact, graph_of, one_operator, qdq_conv, round_half_even, saturate

from pytest_edgert.runtimes.reference.rounding import half_away, half_even, quantize
from pytest_edgert.runtimes.reference.values import LITERAL, Term, from_terms

# Known exact values


def test_matmul_integer_at_the_rails_is_exact(tmp_path):
    feeds = {"a": np.full((1, 64), 255, np.uint8), "b": np.full((64, 1), 127, np.int8)}
    model = one_operator("MatMulInteger", feeds, out="int32")
    assert evaluate(model, feeds, tmp_path)["y"].tolist() == [[64 * 255 * 127]]
    assert 64 * 255 * 127 == 2072640


def test_matmul_integer_wraps_at_int32(tmp_path):
    k = 67_000  # 67000 * 255 * 127 = 2169795000 passes 2**31 - 1
    feeds = {"a": np.full((1, k), 255, np.uint8), "b": np.full((k, 1), 127, np.int8)}
    assert evaluate(one_operator("MatMulInteger", feeds, out="int32"), feeds, tmp_path)["y"][0, 0] == 2169795000 - 2**32


def test_matmul_integer_takes_zero_points_per_row_and_column(tmp_path):
    rng = np.random.default_rng(1)
    feeds = {
        "a": rng.integers(0, 256, (3, 5), np.uint8),
        "b": rng.integers(0, 256, (5, 4), np.uint8),
        "az": np.array([1, 128, 255], np.uint8),
        "bz": np.array([0, 7, 128, 255], np.uint8),
    }
    a = feeds["a"].astype(np.int64) - feeds["az"][:, None]
    b = feeds["b"].astype(np.int64) - feeds["bz"][None, :]
    found = evaluate(one_operator("MatMulInteger", feeds, out="int32"), feeds, tmp_path)["y"]
    np.testing.assert_array_equal(found, a @ b)


@pytest.mark.parametrize(("act", "top"), [("uint8", 255), ("int8", 127)])
def test_a_convolution_at_the_rails_is_what_hand_arithmetic_says(tmp_path, act, top):
    # C = 64 taps of (top, 127), scales 2**-7 and 2**-7, output scale 1/2: 64·top·127 / 16384 / 0.5
    x, w = np.full((1, 64, 1, 1), top, act), np.full((1, 64, 1, 1), 127, np.int8)
    model = qdq_conv(x, w, None, (2**-7, 2**-7, 1.0), (0, 0), out="int16")
    assert evaluate(model, {"x": x}, tmp_path)["y"].item() == round_half_even(Fraction(64 * top * 127, 2**14))


def vpmaddubsw(u: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Sum u8·s8 the way of AVX2 without VNNI: pairs of products are added in int16 and saturate."""
    products = u.astype(np.int64) * s.astype(np.int64)
    return np.clip(products.reshape(-1, 2).sum(axis=1), -(2**15), 2**15 - 1).sum()


def dequantised(tmp_path, x, scale_x, scale_w):
    """Return Conv(DQ(x), DQ(127s)) in float32: what the fault of pairs of int16 is seen in."""
    w = np.full((1, 64, 1, 1), 127, np.int8)
    constants = {"w": w, "sx": np.float32(scale_x), "sw": np.float32(scale_w)}
    constants |= {"zx": np.zeros((), x.dtype), "zw": np.zeros((), np.int8)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["y"]),
    ]
    return evaluate(graph_of(nodes, {"x": x}, constants, {"y": "float32"}), {"x": x}, tmp_path)["y"].item()


def test_the_oracle_sees_pair_saturation_of_unsigned_activations(tmp_path):
    x = np.full((1, 64, 1, 1), 255, np.uint8)
    faulty = vpmaddubsw(x.reshape(-1), np.full(64, 127, np.int8)) / (255 * 127)
    found = dequantised(tmp_path, x, 1 / 255, 1 / 127)
    assert found == pytest.approx(64, rel=1e-6)
    assert faulty == pytest.approx(32.4, abs=0.1)


def test_the_oracle_sees_pair_saturation_of_signed_activations(tmp_path):
    # s8 is shifted to u8 by 128 for the instruction and compensated by 128·Σw afterwards.
    x, w = np.full((1, 64, 1, 1), 127, np.int8), np.full(64, 127, np.int8)
    shifted = vpmaddubsw((x.reshape(-1).astype(np.int64) + 128), w) - 128 * int(w.astype(np.int64).sum())
    found = dequantised(tmp_path, x, 1 / 127, 1 / 127)
    assert found == pytest.approx(64, rel=1e-6)
    assert shifted / 127**2 == pytest.approx(0.5, abs=0.2)


# Ties


def test_every_pair_of_a_power_of_two_sum_rounds_half_to_even(tmp_path):
    a, b = (part.reshape(-1).astype(np.int8) for part in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    feeds = {"a": a, "b": b}
    constants = {"s": np.float32(0.5), "one": np.float32(1), "z": np.int8(0)}
    nodes = [
        helper.make_node("DequantizeLinear", ["a", "s", "z"], ["ad"]),
        helper.make_node("DequantizeLinear", ["b", "s", "z"], ["bd"]),
        helper.make_node("Add", ["ad", "bd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "one", "z"], ["y"]),
    ]
    found = evaluate(graph_of(nodes, feeds, constants, {"y": "int8"}), feeds, tmp_path)["y"]
    wanted = [saturate(round_half_even(Fraction(int(i) + int(j), 2)), "int8") for i, j in zip(a, b, strict=True)]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("operator", ["QLinearAdd", "QLinearMul"])
def test_every_pair_of_a_qlinear_operator_is_exact(tmp_path, operator):
    a, b = (part.reshape(-1).astype(np.int8) for part in np.meshgrid(np.arange(-128, 128, 3), np.arange(-128, 128)))
    s = (0.1, 0.3, 0.7)
    z = (3, -7, 5)
    constants = {name: np.float32(one) for name, one in zip(("sa", "sb", "sy"), s, strict=True)}
    constants |= {name: np.int8(one) for name, one in zip(("za", "zb", "zy"), z, strict=True)}
    node = helper.make_node(operator, ["a", "sa", "za", "b", "sb", "zb", "sy", "zy"], ["y"], domain="com.microsoft")
    feeds = {"a": a, "b": b}
    found = evaluate(graph_of([node], feeds, constants, {"y": "int8"}), feeds, tmp_path)["y"]
    sa, sb, sy = map(exact, s)
    for got, i, j in list(zip(found, a, b, strict=True))[::7]:
        left, right = (int(i) - z[0]) * sa, (int(j) - z[1]) * sb
        real = left + right if operator == "QLinearAdd" else left * right
        assert got == saturate(round_half_even(real / sy) + z[2], "int8")


@pytest.mark.parametrize(
    ("half", "off", "wanted"), [(1, 1, 1), (1, -1, 0), (5, -1, 2), (5, 1, 3), (3, -1, 1), (-5, 1, -2)]
)
def test_what_lies_beside_a_tie_closer_than_float64_tells_is_none(half, off, wanted):
    one = np.float64(1).reshape(())
    terms = [Term(np.array([float(half)]), np.asarray(0.5), 1), Term(np.array([off * 2.0**-70]), one, LITERAL)]
    value = from_terms(terms, "float32")
    assert value.array.item() == half / 2
    assert quantize(value, one, np.asarray(0), "int8").array.item() == wanted


@pytest.mark.parametrize(
    ("decision", "wanted"), [(half_even, [-2, -2, 0, 0, 2, 2, 4]), (half_away, [-3, -2, -1, 1, 2, 3, 4])]
)
def test_ties_go_where_the_rounding_says(decision, wanted):
    count = np.array([-5.0, -3.0, -1.0, 1.0, 3.0, 5.0, 7.0])
    value = from_terms([Term(count, np.asarray(0.5), 1)], "float32")
    assert quantize(value, np.asarray(1.0), np.asarray(0), "int8", decision).array.tolist() == wanted


@pytest.mark.parametrize(
    ("s", "t", "n"), [(0.1, 0.2, 1), (0.1, 0.2, 7), (0.3, 0.6, 12345), (1e-3, 2e-3, 999), (0.7, 1.4, 3)]
)
def test_a_sum_of_terms_cancels_to_an_exact_tie(s, t, n):
    # n·s = (n/2)·t exactly, for float32(2s) = 2·float32(s); a large term and its negative cancel besides.
    big = np.array([2.0**30 + 1])
    terms = [
        Term(np.array([float(n)]), np.float64(np.float32(s)).reshape(()), 1),
        Term(big, np.float64(np.float32(0.123)).reshape(()), 1),
        Term(-big, np.float64(np.float32(0.123)).reshape(()), 1),
    ]
    assert np.float32(t) == np.float32(s) * 2
    found = quantize(from_terms(terms, "float32"), np.asarray(np.float64(np.float32(t))), np.asarray(0), "int32")
    assert found.array.item() == round_half_even(Fraction(n, 2))


# Convolution against nested loops in Python integers


def looped(x, w, bias, scales, zero_points, *, out, stride, pad, groups):
    """Return the quantised convolution by its definition, in Python integers and fractions."""
    sx, sw, sy = exact(scales[0]), [exact(s) for s in np.broadcast_to(scales[1], w.shape[0])], exact(scales[2])
    n, _, h, v = x.shape
    m, c, kh, kw = w.shape
    oh, ow = (h + 2 * pad - kh) // stride + 1, (v + 2 * pad - kw) // stride + 1
    y = np.zeros((n, m, oh, ow), out)
    for b, f, i, j in itertools.product(range(n), range(m), range(oh), range(ow)):
        total = 0
        for g, p, q in itertools.product(range(c), range(kh), range(kw)):
            row, column = i * stride + p - pad, j * stride + q - pad
            if 0 <= row < h and 0 <= column < v:
                channel = f // (m // groups) * c + g
                total += (int(x[b, channel, row, column]) - zero_points[0]) * int(w[f, g, p, q])
        real = total * sx * sw[f]
        if bias is not None:
            real += int(bias[f]) * exact(
                np.float32(np.float32(scales[0]) * np.float32(np.broadcast_to(scales[1], m)[f]))
            )
        y[b, f, i, j] = saturate(round_half_even(real / sy) + zero_points[1], out)
    return y


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**31),
    act=st.sampled_from(["int8", "uint8"]),
    groups=st.sampled_from([1, 2, 4]),
    kernel=st.sampled_from([(1, 1), (3, 3), (2, 1)]),
    stride=st.integers(1, 2),
    pad=st.integers(0, 1),
    scale=st.sampled_from([0.5, 0.1, 1 / 255, 0.037, 2.0**-7]),
    per_filter=st.booleans(),
    with_bias=st.booleans(),
)
def test_a_random_quantised_convolution_equals_nested_loops(  # noqa: PLR0917 - what Hypothesis draws
    tmp_path, seed, act, groups, kernel, stride, pad, scale, per_filter, with_bias
):
    rng = np.random.default_rng(seed)
    info = np.iinfo(act)
    x = rng.integers(info.min, info.max, (1, 4, 4, 5), act, endpoint=True)
    w = rng.integers(-127, 127, (4, 4 // groups, *kernel), np.int8, endpoint=True)
    sw = rng.choice([0.01, 0.02, 0.5, 2.0**-6], 4).astype(np.float32) if per_filter else 0.02
    bias = rng.integers(-5000, 5000, 4, np.int32) if with_bias else None
    if bias is not None and not per_filter:
        sw = np.full(4, sw, np.float32)
    scales, zero_points = (scale, sw, float(rng.choice([0.25, 0.3, 1.0]))), (int(rng.integers(info.min, info.max)), 3)
    attributes = {"strides": [stride] * 2, "pads": [pad] * 4, "group": groups}
    found = evaluate(qdq_conv(x, w, bias, scales, zero_points, out=act, **attributes), {"x": x}, tmp_path)["y"]
    np.testing.assert_array_equal(
        found, looped(x, w, bias, scales, zero_points, out=act, stride=stride, pad=pad, groups=groups)
    )


def test_a_dead_channel_stays_at_its_zero_point(tmp_path):
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (1, 4, 3, 3)).astype(np.int8)
    w = rng.integers(-127, 128, (3, 4, 3, 3)).astype(np.int8)
    w[1] = 0
    model = qdq_conv(x, w, None, (0.1, np.array([0.02, 0.5, 0.03]), 0.5), (5, -9), out="int8", pads=[1] * 4)
    found = evaluate(model, {"x": x}, tmp_path)["y"]
    assert (found[0, 1] == -9).all()
    assert len(np.unique(found[0, 0])) > 3


def test_qlinear_conv_means_the_same_as_its_parts(tmp_path):
    rng = np.random.default_rng(4)
    x = rng.integers(0, 256, (1, 4, 5, 5)).astype(np.uint8)
    w = rng.integers(-127, 128, (2, 4, 3, 3)).astype(np.int8)
    sw = np.array([0.02, 0.013], np.float32)
    bias = rng.integers(-3000, 3000, 2).astype(np.int32)
    names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"]
    constants = {"sx": np.float32(0.1), "zx": np.uint8(128), "w": w, "sw": sw, "zw": np.zeros(2, np.int8)}
    constants |= {"sy": np.float32(0.4), "zy": np.uint8(100), "b": bias}
    node = helper.make_node("QLinearConv", names, ["y"], pads=[1] * 4)
    found = evaluate(graph_of([node], {"x": x}, constants, {"y": "uint8"}), {"x": x}, tmp_path)["y"]
    total = np.zeros(found.shape)
    for f, i, j in itertools.product(range(2), range(5), range(5)):
        padded = np.pad(x[0].astype(int) - 128, ((0, 0), (1, 1), (1, 1)))
        acc = int((padded[:, i : i + 3, j : j + 3] * w[f]).sum()) + int(bias[f])
        total[0, f, i, j] = saturate(round_half_even(acc * exact(0.1) * exact(sw[f]) / exact(0.4)) + 100, "uint8")
    np.testing.assert_array_equal(found, total)


def test_qlinear_matmul_takes_a_scale_per_column(tmp_path):
    rng = np.random.default_rng(5)
    a, b = rng.integers(-128, 128, (2, 3, 6)).astype(np.int8), rng.integers(-128, 128, (6, 4)).astype(np.int8)
    sb = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    constants = {"sa": np.float32(0.05), "za": np.int8(3), "b": b, "sb": sb, "zb": np.array([0, 1, -2, 3], np.int8)}
    constants |= {"sy": np.float32(0.9), "zy": np.int8(-1)}
    node = helper.make_node("QLinearMatMul", ["a", "sa", "za", "b", "sb", "zb", "sy", "zy"], ["y"])
    found = evaluate(graph_of([node], {"a": a}, constants, {"y": "int8"}), {"a": a}, tmp_path)["y"]
    acc = (a.astype(int) - 3) @ (b.astype(int) - constants["zb"].astype(int))
    wanted = [
        saturate(round_half_even(int(n) * exact(0.05) * exact(sb[index % 4]) / exact(0.9)) - 1, "int8")
        for index, n in enumerate(acc.reshape(-1))
    ]
    np.testing.assert_array_equal(found.reshape(-1), wanted)
