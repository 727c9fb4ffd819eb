"""Values that are wrong, planted anew over shapes, scales and seeds: rails, wraps, rounding, scales."""

from __future__ import annotations

import numpy as np
import pytest
from explain_planting import FEW, SCALES, SEEDS, SHAPES, best, normal, sides, smooth, steps
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pytest_edgert.agreement.explain.evidence import Context, Products
from pytest_edgert.agreement.explain.ranking import explain
from pytest_edgert.agreement.explain.words import sentence
from pytest_edgert.agreement.outcome import Sides
from pytest_edgert.tensors import Quantization

Q = Quantization((0.05,), (3,))
INSIDE = Context(quantized=True)


@FEW
@given(SEEDS, SHAPES, SCALES)
def test_values_clipped_at_a_rail(seed, shape, scale):
    reference = normal(seed, shape, scale)
    output = np.minimum(reference, np.float32(0.8 * scale))
    name, words = best(output, reference)
    assert name == "rail"
    assert "saturates" in words


@FEW
@given(SEEDS, SHAPES)
def test_steps_at_the_end_of_their_type(seed, shape):
    reference = steps(seed, shape, 60, np.int16)
    reference.flat[:4] = [250, 260, 270, 280]
    found = explain(Sides(np.clip(reference, -128, 127).astype(np.int8), reference, "int8", "int16", Q, Q))
    assert found[0].name == "rail"
    assert "the end of int8" in sentence(found[0])


@FEW
@given(SEEDS, st.sampled_from([(1, 64, 8), (4, 33, 3), (16, 8, 16)]), st.booleans())
def test_known_products_are_summed_as_vpmaddubsw_does(seed, sizes, signed):
    rng = np.random.default_rng(seed)
    rows, length, columns = sizes
    left = rng.integers(60, 128, (rows, length)).astype(np.int8 if signed else np.uint8)
    left = left if signed else (left + np.uint8(120)).astype(np.uint8)
    right = rng.integers(80, 128, (length, columns)).astype(np.int8)
    shifted = left.astype(int) + (128 if signed else 0)
    total = [
        [
            sum(
                min(
                    max(
                        shifted[r, k] * int(right[k, c])
                        + (shifted[r, k + 1] * int(right[k + 1, c]) if k + 1 < length else 0),
                        -32768,
                    ),
                    32767,
                )
                for k in range(0, length, 2)
            )
            - (128 * int(right[:, c].astype(int).sum()) if signed else 0)
            for c in range(columns)
        ]
        for r in range(rows)
    ]
    exact = left.astype(int) @ right.astype(int)
    products = Products(left, right, 0.001)
    output, reference = ((np.asarray(sums) * 0.001).astype(np.float32) for sums in (total, exact))
    name, words = best(output, reference, context=Context(quantized=True, products=products))
    assert name == "pairs_known"
    assert "x64quantprecision" in words


@FEW
@given(SEEDS)
def test_sums_that_fall_short_are_taken_for_saturated_pairs(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (49, 64))
    w = rng.integers(-60, 61, (64, 16))
    w[:, :8] = rng.integers(90, 128, (64, 8))
    pairs = x[:, ::2, None] * w[None, ::2] + x[:, 1::2, None] * w[None, 1::2]
    exact, wrong = pairs.sum(1), np.clip(pairs, -32768, 32767).sum(1)
    scale = np.abs(exact).max() / 120
    one, other = (np.rint(s / scale).astype(np.int8) for s in (wrong, exact))
    name, words = best(one, other, Quantization((float(scale),), (0,)), INSIDE)
    assert name == "pairs"
    assert "VPMADDUBSW" in words


def test_one_constant_for_another_in_a_quantised_model_falls_short():
    name, _ = best(np.full((1, 8, 8, 8), 0.5, np.float32), np.full((1, 8, 8, 8), 64, np.float32), None, INSIDE)
    assert name == "pairs"


@FEW
@given(SEEDS, st.sampled_from([8, 16, 32]))
def test_wide_integers_reduced_modulo_a_power_of_two(seed, bits):
    rng = np.random.default_rng(seed)
    reference = rng.integers(-(2 ** (bits + 4)), 2 ** (bits + 4), 200)
    span = 1 << bits
    name, words = best((reference + span // 2) % span - span // 2, reference)
    assert name == "wrap_modulus"
    assert f"2^{bits}" in words


@FEW
@given(SEEDS, st.sampled_from([np.int8, np.uint8, np.int16]), st.booleans())
def test_bytes_that_wrap_on_one_side_and_saturate_on_the_other(seed, dtype, swap):
    info = np.iinfo(dtype)
    a, b = np.random.default_rng(seed).integers(info.min, info.max + 1, (2, 4000))
    wrapped = (a + b).astype(dtype)
    saturated = np.clip(a + b, info.min, info.max).astype(dtype)
    name, _ = best(*((saturated, wrapped) if swap else (wrapped, saturated)))
    assert name == ("wrap_reference" if swap else "wrap_output")


@FEW
@given(SEEDS)
def test_an_accumulator_that_wraps_turns_the_largest(seed):
    reference = np.random.default_rng(seed).standard_normal(500) * 40
    output = np.where(np.abs(reference) > 60, reference - np.sign(reference) * 130, reference)
    one, other = (np.clip(np.rint(side), -128, 127).astype(np.int8) for side in (output, reference))
    assume(np.count_nonzero(one != other) >= 3)
    kept = np.abs(reference) < 125
    name, words = best(one[kept], other[kept], Quantization((0.1,), (0,)))
    assert name == "wrap_sum"
    assert "accumulator" in words


def half_away(values):
    return np.copysign(np.floor(np.abs(values) + 0.5), values)


@FEW
@given(SEEDS, st.sampled_from(["away", "up", "cut", "floor"]), st.integers(-5, 5))
def test_another_rounding_mode(seed, mode, zero_point):
    values = np.random.default_rng(seed).integers(-200, 200, 900) / (2 if mode in ("away", "up") else 7)
    rounded = {
        "away": half_away,
        "up": lambda v: np.floor(v + 0.5),
        "cut": np.trunc,
        "floor": np.floor,
    }[mode](values)
    output, reference = ((v + zero_point).clip(-128, 127).astype(np.int8) for v in (rounded, np.rint(values)))
    name, words = best(output, reference, Quantization((0.5,), (zero_point,)))
    assert name == "rounding"
    assert {"away": "away from zero", "up": "upwards", "cut": "cut off", "floor": "rounded down"}[mode] in words


@FEW
@given(SEEDS)
def test_an_output_with_ties_to_even_against_a_reference_away_from_zero(seed):
    values = np.random.default_rng(seed).integers(-200, 200, 900) / 2
    name, words = best(np.rint(values).astype(np.int8), half_away(values).astype(np.int8), Quantization((0.5,), (0,)))
    assert name == "rounding"
    assert "those of the reference away from zero" in words


@FEW
@given(SEEDS)
def test_two_roundings_in_place_of_one(seed):
    # First to 8 binary digits behind the point, then to whole numbers away from zero, as gemmlowp's two steps do.
    values = np.random.default_rng(seed).uniform(-100, 100, 60_000)
    twice = half_away(half_away(values * 256) / 256)
    once = np.rint(values)
    name, _ = best(twice.astype(np.int8), once.astype(np.int8), Quantization((1.0,), (0,)))
    assert name == "double_rounding"


@FEW
@given(SEEDS, SHAPES)
def test_subnormals_flushed_to_zero(seed, shape):
    reference = normal(seed, shape, 1e-38)
    output = np.where(np.abs(reference) < 2.0**-126, np.float32(0), reference)
    name, words = best(output, reference)
    assert name == "flush"
    assert "subnormals" in words


@FEW
@example(seed=0, ratio=2.984375, swap=False)
@given(SEEDS, st.floats(2.5, 6), st.booleans())
def test_a_rounding_to_a_coarser_grid_on_one_side(seed, ratio, swap):
    values = np.random.default_rng(seed).standard_normal(3000) * 40
    fine = np.rint(values).clip(-128, 127).astype(np.int8)
    coarse = np.rint(np.rint(values / ratio) * ratio).clip(-128, 127).astype(np.int8)
    assume(np.abs(fine.astype(int) - coarse).max() > 1)
    name, _ = best(*((coarse, fine) if swap else (fine, coarse)), Quantization((0.05,), (0,)))
    assert name == ("grid_output" if swap else "grid_reference")


@FEW
@given(SEEDS, SHAPES, SCALES, st.sampled_from([0.0, 1.0, -128.0]))
def test_one_value_everywhere(seed, shape, scale, value):
    reference = normal(seed, shape, scale)
    name, words = best(np.full(shape, value, np.float32), reference)
    assert name == "constant"
    assert f"are {value:g}" in words


@FEW
@given(SEEDS, st.sampled_from([((2, 12, 6, 6), 1), ((3, 7, 9), 2), ((20, 8), 0)]), SCALES, st.booleans())
def test_one_entry_of_an_axis(seed, planted, scale, dead):
    shape, axis = planted
    rng = np.random.default_rng(seed)
    reference = normal(seed, shape, scale)
    output = reference.copy()
    entry = [slice(None)] * len(shape)
    entry[axis] = int(rng.integers(shape[axis]))
    noise = rng.standard_normal(output[tuple(entry)].shape) * 3 * scale
    output[tuple(entry)] = -7 * scale if dead else output[tuple(entry)] + noise
    name, words = best(output, reference)
    assert name == ("dead_entries" if dead else "few_entries")
    assert f"entry {entry[axis]} of the {shape[axis]} along axis {axis}" in words


@FEW
@given(SEEDS, st.sampled_from([(1, 2, 30, 40), (2, 33, 24)]), st.floats(0.3, 0.8))
def test_an_image_with_other_coordinates(seed, shape, most):
    reference = smooth(seed, shape, 0.25)
    output = reference.astype(np.float64)
    for axis in (-2, -1):
        n = shape[axis]
        x = np.clip(np.arange(n) + np.linspace(-most, most, n), 0, n - 1)
        low = np.floor(x).astype(int)
        part = (x - low).reshape([-1 if a == axis + len(shape) else 1 for a in range(len(shape))])
        near, far = np.take(output, low, axis), np.take(output, np.minimum(low + 1, n - 1), axis)
        output = near * (1 - part) + far * part
    name, words = best(output.astype(np.float32), reference)
    assert name == "stretch"
    assert "coordinates of a resize" in words


@FEW
@given(SEEDS, SHAPES, SCALES, st.sampled_from([0.5, 2.0, 1.1, -1.0, 127 / 128]))
def test_a_scale_that_is_off(seed, shape, scale, factor):
    reference = normal(seed, shape, scale)
    found = explain(sides(reference * np.float32(factor), reference))
    assert found[0].name == "scale"
    assert found[0].figures["factor"] == pytest.approx(factor, rel=1e-5)


@FEW
@given(SEEDS, SHAPES, SCALES)
def test_an_offset(seed, shape, scale):
    reference = normal(seed, shape, scale)
    assert best(reference + np.float32(0.7 * scale), reference)[0] == "offset"


@FEW
@given(SEEDS, SHAPES, st.integers(2, 30))
def test_a_zero_point_that_is_off_is_told_in_steps(seed, shape, by):
    reference = steps(seed, shape, 15)
    name, words = best(reference + np.int8(by), reference, Q)
    assert name == "offset"
    assert f"{by:+.3g} steps" in words


@FEW
@given(SEEDS, SHAPES, SCALES)
def test_scale_and_offset_together(seed, shape, scale):
    reference = normal(seed, shape, scale)
    name, _ = best(reference * np.float32(1.7) - np.float32(2 * scale), reference)
    assert name == "scale_and_offset"


@FEW
@given(SEEDS, SCALES)
def test_scales_of_single_channels(seed, scale):
    reference = normal(seed, (2, 6, 8, 8), scale)
    factors = np.random.default_rng(seed).uniform(0.3, 3, 6).astype(np.float32)
    name, words = best(reference * factors[:, None, None], reference)
    assert name == "channel_scales"
    assert "axis 1" in words


@FEW
@given(SEEDS, SHAPES, st.sampled_from([0.003, 0.1, 2.5]), st.integers(-128, 127))
def test_dequantisation_left_out(seed, shape, scale, zero_point):
    reference = normal(seed, shape, 30 * scale)
    whole = np.rint(reference / np.float32(scale)) + zero_point
    name, words = best(whole.astype(np.float32), reference, context=INSIDE)
    assert name == "not_dequantised"
    assert "the output holds whole numbers" in words
