"""Distances in steps of a scale (LSB) and of a float format (ULP)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.agreement.metrics import Limits
from pytest_edgert.agreement.steps import QuantizedPair, measure_quantized, ulp_distance
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Quantization

ONE = Quantization((0.5,), (3,))


def test_equal_parameters_compare_as_exact_steps():
    pair = QuantizedPair(np.array([-128, 127, 5], np.int8), np.array([127, 127, 6], np.int8), ONE, ONE)
    real, lsb = measure_quantized(pair, lsb=3)
    assert (lsb.maximum, lsb.index, lsb.over_one, lsb.beyond) == (255.0, 0, 1, 1)
    assert real.max_abs == 127.5
    assert lsb.over_one_share == pytest.approx(1 / 3)


def test_one_step_is_not_over_one_whatever_the_scale():
    scale = Quantization((0.1,), (0,))
    left, right = np.arange(-100, 100, dtype=np.int8), np.arange(-99, 101, dtype=np.int8)
    assert measure_quantized(QuantizedPair(left, right, scale, scale), lsb=1)[1].beyond == 0
    shifted = Quantization((0.1,), (5,))
    other = (right.astype(np.int16) + 5).astype(np.int8)
    found = measure_quantized(QuantizedPair(left, other, scale, shifted), lsb=1)[1]
    assert found.maximum == pytest.approx(1)
    assert (found.over_one, found.beyond) == (0, 0)


def test_unequal_scales_are_dequantised_and_the_larger_is_the_step():
    pair = QuantizedPair(
        np.array([10], np.int8), np.array([10], np.uint8), Quantization((0.5,), (0,)), Quantization((0.25,), (0,))
    )
    real, lsb = measure_quantized(pair)
    assert (real.max_abs, lsb.maximum) == (2.5, 5.0)


def test_a_quantised_tensor_is_compared_with_a_float_one_in_its_steps():
    pair = QuantizedPair(np.array([3, 5], np.int8), np.array([0.0, 1.25], np.float32), ONE, None)
    real, lsb = measure_quantized(pair, Limits(atol=0.2))
    assert (real.max_abs, real.beyond, lsb.maximum) == (0.25, 1, 0.5)


def test_the_signal_of_uint8_is_measured_from_its_zero_point():
    zero_at_128 = Quantization((0.01,), (128,))
    right = np.array([128 + 100, 128 - 100], np.uint8)
    real, _ = measure_quantized(QuantizedPair(right + np.uint8(10), right, zero_at_128, zero_at_128))
    assert real.sqnr_db == pytest.approx(20)


def test_per_channel_parameters_follow_their_axis():
    scales = Quantization((1.0, 0.01), (0, 0), axis=1)
    left = np.array([[1, 1], [0, 3]], np.int8)
    real, lsb = measure_quantized(QuantizedPair(left, np.zeros_like(left), scales, scales), lsb=2)
    assert real.max_abs == 1.0
    assert (lsb.maximum, lsb.index, lsb.beyond) == (pytest.approx(3), 3, 1)


def test_parameters_that_do_not_fit_are_refused():
    scales = Quantization((1.0, 0.01, 0.1), (0, 0, 0), axis=1)
    left = np.zeros((2, 2), np.int8)
    with pytest.raises(UsageError, match="3 scales along axis 1"):
        measure_quantized(QuantizedPair(left, left.copy(), scales, scales))


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_no_scale_is_refused(scale):
    bad = Quantization((scale,), (0,))
    left = np.zeros(2, np.int8)
    with pytest.raises(UsageError, match="finite and above zero"):
        measure_quantized(QuantizedPair(left, left.copy(), bad, bad))


def test_an_integer_side_without_parameters_has_no_real_value():
    with pytest.raises(UsageError, match="without quantisation parameters"):
        measure_quantized(QuantizedPair(np.zeros(2, np.int8), np.zeros(2, np.int8), ONE, None))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(["int8", "uint8", "int16", "int32"]))
def test_equal_parameters_give_the_integer_distance(seed, dtype):
    rng, info = np.random.default_rng(seed), np.iinfo(dtype)
    left, right = (rng.integers(info.min, info.max, 3000, dtype=dtype, endpoint=True) for _ in range(2))
    wanted = np.abs(left.astype(np.int64) - right.astype(np.int64))
    found = measure_quantized(QuantizedPair(left, right, ONE, ONE), lsb=5)[1]
    assert (found.maximum, found.over_one, found.beyond) == (wanted.max(), (wanted > 1).sum(), (wanted > 5).sum())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_neighbours_are_one_ulp_apart_everywhere(dtype):
    values = np.array([1.0, -1.0, 1000.0, 0.0, np.finfo(dtype).tiny, np.finfo(dtype).max / 2], dtype)
    found = ulp_distance(np.nextafter(values, np.array(np.inf, dtype)), values, ulp=0)
    assert (found.maximum, found.beyond, found.over_one) == (1.0, values.size, 0)


def test_both_zeros_are_one_place_and_both_smallest_numbers_two_apart():
    left, right = np.array([0.0, 1e-45], np.float32), np.array([-0.0, -1e-45], np.float32)
    found = ulp_distance(left, right, ulp=1)
    assert (found.maximum, found.index, found.beyond) == (2.0, 1, 1)


def test_the_ulp_of_the_extremes_of_float64_do_not_wrap():
    top = np.finfo(np.float64).max
    bits = int(np.array([top]).view(np.uint64)[0])
    assert ulp_distance(np.array([top]), np.array([-top])).maximum == float(2 * bits)


def test_elements_within_the_absolute_floor_are_never_beyond():
    found = ulp_distance(np.array([1e-30], np.float32), np.array([-1e-30], np.float32), ulp=4, atol=1e-20)
    assert found.maximum > 1e8
    assert found.beyond == 0


def test_nan_and_infinities_have_no_ulp():
    left, right = np.array([np.nan, np.inf, 1.0]), np.array([1.0, np.nan, 1.0])
    assert ulp_distance(left, right, ulp=0).maximum == 0.0


def test_bfloat16_has_its_own_ulp():
    found = ulp_distance(np.array([0x3F80], np.uint16), np.array([0x3F83], np.uint16), dtype="bfloat16")
    assert found.maximum == 3.0


def test_two_formats_have_no_common_ulp():
    with pytest.raises(UsageError, match="one float format"):
        ulp_distance(np.zeros(1, np.float32), np.zeros(1, np.float64))


def test_ulp_of_an_empty_tensor_is_zero():
    assert ulp_distance(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32), ulp=0).n == 0
