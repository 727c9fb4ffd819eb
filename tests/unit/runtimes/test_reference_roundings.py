"""What is counted while the oracle rounds, against the same definitions in whole numbers and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import tflite_models
from hypothesis import given, settings
from hypothesis import strategies as st
from quantized_models import FILTERS, IMAGE, WRITERS, qdq, tflite

from pytest_edgert.runtimes.reference import RUNTIME
from pytest_edgert.runtimes.reference.rounding import RANGES
from pytest_edgert.runtimes.reference.roundings import Tally
from pytest_edgert.runtimes.reference.watching import Rounding


@pytest.fixture(autouse=True)
def more_operators(monkeypatch):
    monkeypatch.setitem(tflite_models.OPERATORS, "CONV_2D", (3, 1))


def watch(path, *feeds):
    done = []
    with RUNTIME.open(path, "cpu", {}) as session:
        found = session.watch_quantization([{"x": one} for one in feeds], done.append)
    assert done == list(range(1, len(feeds) + 1))
    return {one.name: one for one in found}


def codes_of(numbers, scale, zero_point, dtype):
    """Return what numbers become, rounded half to even by Python's own fractions."""
    low, high = RANGES[dtype]
    exact = [round(Fraction(number) / Fraction(scale)) + zero_point for number in numbers]
    return exact, [min(max(code, low), high) for code in exact]


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.floats(-400, 400, width=32), min_size=1, max_size=30),
    scale=st.floats(0.0625, 4, width=32),
    zero_point=st.integers(-7, 7),
    dtype=st.sampled_from(["int8", "uint8", "int4", "int16"]),
    folds=st.booleans(),
)
def test_figures_are_those_of_fractions(numbers, scale, zero_point, dtype, folds):
    low, high = RANGES[dtype]
    zero_point = max(zero_point, low)
    exact, codes = codes_of(numbers, scale, zero_point, dtype)
    tally = Tally(dtype, None, folds=folds)
    for part in (slice(0, 7), slice(7, None)):
        made = np.array(codes[part], np.int64)
        tally.add(Rounding("t", np.array(numbers[part]), np.float64(scale), np.int64(zero_point), dtype, made))
    found = tally.health("t")

    at_zero = folds and zero_point == low
    at_six = at_zero and abs(Fraction(scale) * (high - zero_point) - 6) <= Fraction(scale)
    one = [Fraction(scale) * (high + 1 - zero_point) == 1 and code == high + 1 for code in exact]
    cut = [(code < low and at_zero) or (code > high and at_six and not i) for code, i in zip(exact, one, strict=True)]
    beyond = [not low <= code <= high and not i for code, i in zip(exact, one, strict=True)]
    kept = [
        Fraction(x) / Fraction(scale) + zero_point - q for x, q, c in zip(numbers, codes, cut, strict=True) if not c
    ]
    assert found.n == len(numbers)
    assert found.cut == sum(cut) / len(numbers)
    assert found.clipped == sum(b and not c for b, c in zip(beyond, cut, strict=True)) / len(numbers)
    assert found.codes == len(set(codes))
    assert found.unused == 1 - Fraction(max(codes) - min(codes) + 1, high - low + 1)
    if kept:
        assert found.rmse == pytest.approx(float(sum(e * e for e in kept) / len(kept)) ** 0.5, rel=1e-9, abs=1e-12)
    else:
        assert found.rmse is None


def test_rounding_alone_makes_one_over_the_root_of_twelve(tmp_path):
    x = np.random.default_rng(2).uniform(-6, 6, IMAGE).astype(np.float32)
    found = watch(qdq(tmp_path), *[x * np.float32(part) for part in (1, 0.9, 0.8, 0.7)])["xq"]
    assert found.rmse == pytest.approx(12**-0.5, rel=0.05)
    assert (found.clipped, found.n) == (0, 4 * x.size)


def test_numbers_beyond_the_grid_are_clipped_and_half_a_step_beyond_is_not(tmp_path):
    x = np.zeros(IMAGE, np.float32)
    x[0, 0, 0, :4] = [124.49 * 0.05, 124.6 * 0.05, -131.4 * 0.05, -200]
    found = watch(qdq(tmp_path), x)["xq"]
    assert found.clipped == 2 / x.size


@pytest.mark.parametrize(("scale", "zero_point"), [(1 / 256, -128), (1 / 128, 0)])
def test_one_on_the_grid_of_a_softmax_or_tanh_is_not_called_clipped(scale, zero_point):
    real = np.array([1.0, 1 + 2 * scale])
    tally = Tally("int8", None, folds=False)
    tally.add(Rounding("t", real, np.float64(scale), np.int64(zero_point), "int8", np.array([127, 127])))
    assert tally.health("t").clipped == 0.5


def test_not_a_number_counts_nowhere_and_an_infinity_is_clipped():
    real = np.array([np.nan, np.inf, -np.inf, 0.25])
    tally = Tally("int8", None, folds=False)
    tally.add(Rounding("t", real, np.float64(1), np.int64(0), "int8", np.array([0, 127, -128, 0])))
    found = tally.health("t")
    assert (found.n, found.clipped, found.rmse) == (3, 2 / 3, 0.25)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.inf, np.nan])
def test_a_grid_that_is_none_is_not_counted(scale):
    tally = Tally("int8", None, folds=False)
    tally.add(Rounding("t", np.ones(3), np.float64(scale), np.int64(0), "int8", np.zeros(3)))
    found = tally.health("t")
    assert (found.n, found.rmse, found.clipped, found.unused) == (0, None, None, None)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_an_output_channel_that_never_changes_is_counted(tmp_path, write):
    filters = np.array(FILTERS)
    filters[2] = 0
    path = write(tmp_path, w=filters)
    shape = (1, 9, 9, 2) if write is tflite else IMAGE
    feeds = np.random.default_rng(3).integers(-100, 100, shape)
    found = watch(path, feeds.astype(np.float32) / 20 if write is qdq else feeds.astype(np.int8))
    output = found["yq" if write is qdq else "y"]
    assert (output.constant, output.channels) == (1, 4)


def test_a_channel_of_which_little_was_seen_is_not_called_constant():
    tally = Tally("int8", -1, folds=False)
    for _ in range(63):
        tally.add(Rounding("t", np.zeros((1, 2)), np.float64(1), np.int64(0), "int8", np.zeros((1, 2), np.int8)))
    assert tally.health("t").constant is None
    tally.add(Rounding("t", np.ones((1, 2)), np.float64(1), np.int64(0), "int8", np.array([[0, 1]], np.int8)))
    assert (tally.health("t").constant, tally.health("t").channels) == (1, 2)


def test_what_a_grid_cuts_at_its_zero_is_told_apart_where_the_format_folds_relu(tmp_path):
    x = np.random.default_rng(4).uniform(-6, 6, IMAGE).astype(np.float32)
    found = watch(qdq(tmp_path, zy=np.int8(-128), sy=np.float32(0.5)), x)["yq"]
    assert found.cut > 0.2
    assert found.clipped == 0
    codes = np.random.default_rng(4).integers(-128, 128, (1, 9, 9, 2)).astype(np.int8)
    found = watch(tflite(tmp_path, zy=np.int64(-128)), codes)["y"]
    assert (found.cut, found.clipped > 0.2) == (0, True)


def test_what_a_grid_cuts_at_the_six_of_a_folded_relu6_is_no_clipping(tmp_path):
    x = np.random.default_rng(4).uniform(-6, 6, IMAGE).astype(np.float32)
    found = watch(qdq(tmp_path, zy=np.int8(-128), sy=np.float32(6 / 255)), x)["yq"]
    assert (found.cut > 0.6, found.clipped) == (True, 0)
    assert found.rmse < 0.35
    found = watch(qdq(tmp_path, zy=np.int8(-128), sy=np.float32(5 / 255)), x)["yq"]
    assert found.clipped > 0.2


def test_looking_on_changes_no_output_and_ends_with_the_call(tmp_path):
    x = np.random.default_rng(5).uniform(-6, 6, IMAGE).astype(np.float32)
    with RUNTIME.open(qdq(tmp_path), "cpu", {}) as session:
        before = session.infer({"x": x})["y"]
        first = session.watch_quantization([{"x": x}], lambda _: None)
        np.testing.assert_array_equal(session.infer({"x": x})["y"], before)
        assert session.watch_quantization([{"x": x}], lambda _: None) == first
