"""Figures of two tensors: the blocks give what one plain formula gives, whatever the values and the strides."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.agreement import blocks
from pytest_edgert.agreement.integers import integer_distance
from pytest_edgert.agreement.metrics import Limits, measure
from pytest_edgert.errors import UsageError

TINY = 2.0**-126
SIZES = (0, 1, 2, 7, 255, 256, 257, blocks.BLOCK - 1, blocks.BLOCK, blocks.BLOCK + 1, 2 * blocks.BLOCK + 17)


def reference_figures(left, right, rtol, atol):
    """The figures by plain formulas in float64 on the whole tensors."""
    x, y = left.astype(np.float64).ravel(), right.astype(np.float64).ravel()
    finite = np.isfinite(x) & np.isfinite(y)
    rms = math.sqrt((y[np.isfinite(y)] ** 2).mean()) if np.isfinite(y).any() else 0.0
    nan = np.isnan(x) != np.isnan(y)
    inf = (np.isinf(x) | np.isinf(y)) & ~np.isnan(x) & ~np.isnan(y) & (x != y)
    x, y = x[finite], y[finite]
    d = x - y
    offenders = np.flatnonzero(finite)[np.abs(d) > atol + rtol * np.abs(y)]
    return {
        "max_abs": np.abs(d).max(initial=0.0),
        "max_rel": (np.abs(d) / np.maximum(np.abs(y), TINY)).max(initial=0.0),
        "max_scaled": (np.abs(d) / np.maximum(np.abs(y), max(rms, TINY))).max(initial=0.0),
        "rms_error": math.sqrt((d**2).mean()) if d.size else 0.0,
        "mean_error": d.mean() if d.size else 0.0,
        "rms_reference": rms,
        "product": x @ y,
        "norms": (np.linalg.norm(x), np.linalg.norm(y)),
        "nan_mismatch": int(nan.sum()),
        "inf_mismatch": int(inf.sum()),
        "beyond": offenders.size,
        "first_beyond": int(offenders[0]) if offenders.size else -1,
        "n_finite": int(finite.sum()),
    }


@st.composite
def float_pairs(draw):
    """A pair of tensors from a seed, a size class, a value class and a few sparse edits."""
    size, dtype = draw(st.sampled_from(SIZES)), draw(st.sampled_from(["float16", "float32", "float64"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    magnitude = draw(st.sampled_from([1.0, 1e-3, 1e3] if dtype == "float16" else [1.0, 1e-30, 1e-12, 1e25]))
    noise = draw(st.sampled_from([0.0, 1e-7, 1e-3, 1.0]))
    right = rng.standard_normal(size) * magnitude
    right[rng.random(size) < draw(st.sampled_from([0.0, 0.5, 1.0]))] = 0.0
    left = right + rng.standard_normal(size) * noise * magnitude
    left, right = left.astype(dtype), right.astype(dtype)
    for _ in range(draw(st.integers(0, 4)) if size else 0):
        side = left if draw(st.booleans()) else right
        side[draw(st.integers(0, size - 1))] = draw(st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, -0.0]))
    return left, right


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(pair=float_pairs())
def test_blocks_give_what_the_plain_formulas_give(pair):
    left, right = pair
    found = measure(left, right, Limits(rtol=1e-3, atol=1e-20))
    wanted = reference_figures(left, right, 1e-3, 1e-20)
    for exact in ("n_finite", "nan_mismatch", "inf_mismatch", "beyond", "first_beyond"):
        assert getattr(found, exact) == wanted[exact], exact
    for close in ("max_abs", "max_rel", "max_scaled", "rms_reference"):
        assert getattr(found, close) == pytest.approx(wanted[close], rel=1e-5), close
    assert found.rms_error == pytest.approx(wanted["rms_error"], rel=1e-5)
    assert found.mean_error == pytest.approx(wanted["mean_error"], abs=1e-5 * wanted["rms_error"])
    norms = wanted["norms"]
    if all(norms):
        assert found.norm_ratio == pytest.approx(norms[0] / norms[1], rel=1e-5)
        assert found.cosine == pytest.approx(wanted["product"] / norms[0] / norms[1], abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(pair=float_pairs())
def test_the_absolute_figures_do_not_depend_on_the_side(pair):
    left, right = pair
    there, back = measure(left, right), measure(right, left)
    assert there.max_abs == pytest.approx(back.max_abs, rel=1e-6)
    assert (there.nan_mismatch, there.inf_mismatch) == (back.nan_mismatch, back.inf_mismatch)
    assert there.rms_error == pytest.approx(back.rms_error, rel=1e-5)
    assert there.mean_error == pytest.approx(-back.mean_error, abs=1e-5 * there.rms_error)


@settings(deadline=None, max_examples=30)
@given(pair=float_pairs())
def test_a_copy_is_equal_in_every_figure(pair):
    found = measure(pair[0], pair[0].copy(), Limits(rtol=0.0, atol=0.0))
    assert (found.max_abs, found.beyond, found.nan_mismatch, found.inf_mismatch) == (0.0, 0, 0, 0)
    assert found.sqnr_db == math.inf


@settings(deadline=None, max_examples=40)
@given(size=st.sampled_from(SIZES[1:]), seed=st.integers(0, 2**32 - 1), where=st.floats(0, 1, exclude_max=True))
def test_one_element_beyond_the_tolerance_is_always_found(size, seed, where):
    right = np.random.default_rng(seed).standard_normal(size, dtype=np.float32)
    left, index = right.copy(), int(where * size)
    left[index] += np.float32(0.01) * max(1.0, abs(right[index]))
    found = measure(left, right, Limits(rtol=1e-3, atol=1e-3))
    assert (found.beyond, found.first_beyond, found.max_abs_index) == (1, index, index)


def test_a_difference_just_above_the_tolerance_counts_and_one_at_it_does_not():
    right = np.full(1000, 1.0, np.float32)
    left = right.copy()
    left[3] = np.float32(1) + np.float32(2**-10)
    assert measure(left, right, Limits(atol=2.0**-10)).beyond == 0
    assert measure(left, right, Limits(atol=2.0**-10 * (1 - 1e-9))).beyond == 1


@pytest.mark.parametrize("order", ["permuted", "reversed", "broadcast", "strided", "swapped"])
def test_any_strides_and_byte_order_give_the_same_figures(order):
    rng = np.random.default_rng(1)
    base = rng.standard_normal((5, 63, 129), dtype=np.float32)
    views = {
        "permuted": base.transpose(2, 0, 1),
        "reversed": base[::-1, :, ::-1],
        "broadcast": np.broadcast_to(base[:1], base.shape),
        "strided": base[:, ::3, ::2],
        "swapped": base.astype(">f4"),
    }
    right = views[order]
    left = np.ascontiguousarray(right).astype(np.float32)
    left.flat[77] += np.float32(3)
    found = measure(left, right, Limits(atol=1.0))
    assert (found.n, found.beyond, found.first_beyond) == (right.size, 1, 77)
    assert found.max_abs == pytest.approx(3, rel=1e-6)


def test_subnormal_noise_is_not_lost():
    right = np.zeros(10, np.float32)
    left = right.copy()
    left[4] = np.float32(1e-45)
    found = measure(left, right, Limits(atol=0.0))
    assert found.beyond == 1
    assert found.max_abs == pytest.approx(1.4e-45, rel=0.1)
    assert found.sqnr_db == -math.inf


def test_squares_beyond_float64_do_not_overflow():
    right = np.array([1e300, -1e300, 1e299])
    found = measure(right * (1 + 1e-6), right)
    assert found.sqnr_db == pytest.approx(120, abs=0.01)
    assert found.cosine == pytest.approx(1)
    assert found.rms_reference == pytest.approx(np.sqrt(2.01 / 3) * 1e300)


def test_opposite_extremes_of_float64_have_their_true_ratio():
    found = measure(np.array([1.5e308]), np.array([-1.5e308]), Limits(rtol=1.0))
    assert found.sqnr_db == pytest.approx(-6.02, abs=0.01)
    assert (found.beyond, found.cosine) == (1, -1.0)


def test_squares_beyond_float32_do_not_overflow():
    right = np.array([1e30, -2e30, 3e30], np.float32)
    found = measure(right * np.float32(2), right)
    assert found.norm_ratio == pytest.approx(2)
    assert found.sqnr_db == pytest.approx(0, abs=1e-6)


def test_the_difference_of_the_largest_float32_numbers_is_exact():
    top = np.finfo(np.float32).max
    found = measure(np.array([top], np.float32), np.array([-top], np.float32))
    assert found.max_abs == 2 * float(top)


def test_zero_signal_with_noise_is_minus_infinity_decibels_and_no_noise_is_plus_infinity():
    zeros = np.zeros(4, np.float32)
    assert measure(np.ones(4, np.float32), zeros).sqnr_db == -math.inf
    assert measure(zeros, np.zeros(4, np.float32)).sqnr_db == math.inf


def test_a_scaled_output_has_cosine_one_and_a_norm_ratio_that_tells():
    right = np.random.default_rng(0).standard_normal(1000, dtype=np.float32)
    found = measure(right * 2, right)
    assert found.cosine == pytest.approx(1)
    assert found.norm_ratio == pytest.approx(2)
    assert found.sqnr_db == pytest.approx(0, abs=1e-4)


def test_errors_of_one_sign_have_bias_one():
    right = np.random.default_rng(0).standard_normal(1000)
    assert measure(right + 0.5, right).bias == pytest.approx(1)
    assert measure(right - 0.5, right).bias == pytest.approx(-1)


def test_bfloat16_is_read_from_raw_bits():
    bits = np.array([0x3F80, 0x4000, 0x7FC0], np.uint16)  # 1, 2, NaN
    other = np.array([0x3F80, 0x4001, 0x7FC0], np.uint16)  # 1, 2 + 2^-6, NaN
    found = measure(bits, other, left_dtype="bfloat16", right_dtype="bfloat16")
    assert (found.max_abs, found.nan_both) == (2.0**-6, 1)
    swapped = measure(bits.astype(">u2"), other, left_dtype="bfloat16", right_dtype="bfloat16")
    assert swapped == found


def test_bfloat16_as_an_extension_type_is_read_too():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    left = np.array([1.0, 2.0], ml_dtypes.bfloat16)
    assert measure(left, np.array([1.0, 3.0], ml_dtypes.bfloat16)).max_abs == 1.0
    with pytest.raises(UsageError, match="float8_e4m3fn"):
        measure(left.astype(ml_dtypes.float8_e4m3fn), left)


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]"])
def test_types_without_a_distance_are_refused_by_name(dtype):
    values = np.zeros(2, dtype)
    with pytest.raises(UsageError, match=np.dtype(dtype).name[:8]):
        measure(values, values.copy())


@pytest.mark.skipif(np.dtype("longdouble").itemsize == 8, reason="longdouble is float64")
def test_wider_floats_than_float64_are_refused_by_name():
    values = np.zeros(2, np.longdouble)
    with pytest.raises(UsageError, match=values.dtype.name):
        measure(values, values.copy())


def test_a_float_and_an_integer_have_no_common_unit():
    with pytest.raises(UsageError, match="int8 tensor"):
        measure(np.zeros(2, np.float32), np.zeros(2, np.int8))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,)])
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "uint64", "<U3"])
def test_scalars_and_empty_tensors_are_compared(shape, dtype):
    found = measure(np.zeros(shape, dtype), np.zeros(shape, dtype))
    assert found.n == math.prod(shape)
    assert (found.max_abs, found.beyond) == (0.0, 0)


INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"]


@settings(deadline=None, max_examples=150)
@given(data=st.data(), left=st.sampled_from(INTEGERS), right=st.sampled_from(INTEGERS))
def test_integer_distance_is_exact_for_every_pair_of_types(data, left, right):
    def value(dtype):
        if dtype == "bool":
            return data.draw(st.integers(0, 1))
        info = np.iinfo(dtype)
        return data.draw(st.one_of(st.sampled_from([info.min, info.max, 0, 1]), st.integers(info.min, info.max)))

    one, other = value(left), value(right)
    found = integer_distance(np.array([one]).astype(left), np.array([other]).astype(right))
    assert int(found[0]) == min(abs(one - other), 2**64 - 1)


def test_int32_extremes_do_not_wrap():
    left = np.array([-(2**31), -(2**31)], np.int32)
    found = measure(left, np.array([2**31 - 1, 0], np.int32), Limits(atol=1.0))
    assert (found.beyond, found.max_abs) == (2, 4294967295.0)
    assert measure(left[:1], np.zeros(1, np.int32), Limits(atol=0.0)).beyond == 1


def test_a_large_uint64_is_not_minus_one():
    found = measure(np.array([2**64 - 1], np.uint64), np.array([-1], np.int64), Limits(atol=1.0))
    assert found.beyond == 1


def test_int64_neighbours_above_two_to_the_53_differ():
    found = measure(np.array([2**53 + 1]), np.array([2**53]), Limits(atol=0.0))
    assert (found.beyond, found.max_abs) == (1, 1.0)


def test_strings_are_equal_or_not_and_bytes_are_text():
    found = measure(np.array(["a", "b"], object), np.array([b"a", b"c"], object))
    assert (found.beyond, found.first_beyond) == (1, 1)


def test_integers_take_a_relative_tolerance():
    found = measure(np.array([110, 121]), np.array([100, 100]), Limits(rtol=0.2))
    assert (found.beyond, found.first_beyond) == (1, 1)


def test_noise_whose_squares_vanish_beside_the_signal_is_still_noise():
    found = measure(np.array([1.0, 2e-200]), np.array([1.0, 1e-200]))
    assert found.max_abs == 1e-200
    assert found.sqnr_db == pytest.approx(4000, abs=5)


def test_two_shapes_have_no_figures():
    with pytest.raises(UsageError, match="one shape"):
        measure(np.zeros((2, 3)), np.zeros((3, 2)))
