"""Explanations say nothing of clean pairs and of plain rounding noise, stay cheap, and survive bad input."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.agreement.explain.evidence import MOST_ELEMENTS, Context, weigh
from pytest_edgert.agreement.explain.ranking import EXPLANATIONS, explain
from pytest_edgert.agreement.outcome import Sides
from pytest_edgert.tensors import Quantization

SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.sampled_from([1e-30, 1e-6, 1.0, 1e4])
SHAPES = st.sampled_from([(), (1,), (2,), (1, 1000), (1, 3, 12, 16), (2, 5, 9, 9), (4, 40), (300,), (2, 7, 33), (0, 4)])
MANY = settings(max_examples=20, deadline=None)


def sides(output, reference, quantization=None):
    return Sides(output, reference, str(output.dtype), str(reference.dtype), quantization, quantization)


def names(output, reference, quantization=None, context=None):
    return [one.name for one in explain(sides(output, reference, quantization), context)]


def drawn(seed, shape, scale):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape) * scale)


@MANY
@given(SEEDS, SHAPES, SCALES, st.sampled_from([np.float16, np.float32, np.float64]))
def test_a_copy_needs_no_explanation(seed, shape, scale, dtype):
    values = drawn(seed, shape, scale).astype(dtype)
    assert names(values.copy(), values) == []


@MANY
@given(SEEDS, SHAPES, SCALES, st.sampled_from([np.float32, np.float64]), st.sampled_from([1, 2, 4]))
def test_noise_of_roundings_needs_none(seed, shape, scale, dtype, roundings):
    values = drawn(seed, shape, scale).astype(dtype)
    noise = np.random.default_rng(seed + 1).uniform(-roundings, roundings, shape) * np.finfo(dtype).eps
    assert names((values * (1 + noise)).astype(dtype), values) == []


@MANY
@given(SEEDS, st.sampled_from([64, 500, 4000]), st.sampled_from([1, 16, 64]))
def test_another_order_of_summation_needs_none(seed, length, block):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((12, length), np.float32), rng.standard_normal((length, 9), np.float32)
    total = np.zeros((12, 9), np.float32)
    for start in range(0, length, block):
        total += a[:, start : start + block] @ b[start : start + block]
    exact = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32)
    assert names(total, exact) == []


@MANY
@given(SEEDS, SHAPES, st.sampled_from([0.0, 0.01, 0.2]), st.sampled_from([np.int8, np.uint8, np.int16]))
def test_steps_off_by_one_here_and_there_need_none(seed, shape, share, dtype):
    rng = np.random.default_rng(seed)
    reference = np.asarray(rng.integers(10, 100, shape)).astype(dtype)
    off = (np.asarray(rng.random(shape)) < share) * np.asarray(rng.choice([-1, 1], shape))
    output = (reference.astype(int) + off).astype(dtype)
    assert names(output, reference, Quantization((0.1,), (3,)), Context(quantized=True)) == []


@MANY
@given(SEEDS, SHAPES)
def test_noise_of_integer_kernels_behind_a_float_output_needs_none(seed, shape):
    values = drawn(seed, shape, 1.0).astype(np.float32)
    rms = np.sqrt(np.mean(values**2)) if values.size else 0
    noise = np.random.default_rng(seed + 1).uniform(-0.009, 0.009, shape) * rms
    assert names((values + noise).astype(np.float32), values, context=Context(quantized=True)) == []


@MANY
@given(SEEDS, SHAPES)
def test_the_same_nan_and_infinities_need_none(seed, shape):
    values = drawn(seed, shape, 1.0).astype(np.float32)
    values.reshape(-1)[::3] = np.nan
    values.reshape(-1)[1::5] = np.inf
    assert names(values.copy(), values) == []


@MANY
@given(SEEDS)
def test_one_wrong_element_is_no_pattern(seed):
    rng = np.random.default_rng(seed)
    reference = rng.standard_normal((4, 5, 6)).astype(np.float32)
    output = reference.copy()
    output.reshape(-1)[rng.integers(output.size)] += np.float32(rng.uniform(0.5, 5))
    assert names(output, reference) == []


@MANY
@given(SEEDS, SHAPES, st.booleans())
def test_nothing_that_is_fed_breaks_an_explanation(seed, shape, quantized):
    rng = np.random.default_rng(seed)
    bits = np.asarray(rng.integers(0, 2**32, (2, *shape), np.uint32, endpoint=False))
    output, reference = bits.view(np.float32)
    for one in explain(sides(output, reference), Context(quantized=quantized, n_feeds=int(rng.integers(1, 5)))):
        assert 0 <= one.confidence <= 1
        assert one.name
    steps = rng.integers(-128, 128, (2, *shape)).astype(np.int8)
    for one in explain(sides(np.asarray(steps[0]), np.asarray(steps[1]), Quantization((1e-30,), (-128,)))):
        assert 0 <= one.confidence <= 1


@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint64, np.int8])
def test_integers_without_scales_are_looked_at_as_they_are(dtype):
    values = np.array([1, 0, 1, 1, 0], dtype)
    assert names(values.copy(), values) == []
    explain(sides(~values, values))


def test_strings_are_not_explained():
    words = np.array(["a", "b"])
    assert explain(Sides(words, words[::-1].copy(), "string", "string", None, None)) == ()


def test_scales_by_channel_are_dequantised_first():
    by_channel = Quantization((0.1, 10.0), (0, 0), 1)
    reference = np.random.default_rng(0).integers(-40, 40, (6, 2, 9)).astype(np.int8)
    assert names(reference.copy(), reference, by_channel) == []
    assert names(reference * np.int8(2), reference, by_channel)[0] == "scale"


@pytest.mark.slow
def test_large_tensors_are_thinned_out_and_axes_left_alone():
    shape = (3, MOST_ELEMENTS // 2)
    reference = np.random.default_rng(0).standard_normal(shape, np.float32)
    evidence = weigh(sides(reference * np.float32(2), reference), Context())
    assert not evidence.whole
    assert evidence.output.size <= MOST_ELEMENTS
    assert names(reference * np.float32(2), reference) == ["scale"]


@pytest.mark.slow
def test_large_tensors_with_scales_by_channel_are_explained_whole():
    reference = np.random.default_rng(0).integers(-50, 50, (2, MOST_ELEMENTS // 2 + 1)).astype(np.int8)
    by_channel = Quantization((0.1, 0.2), (0, 0), 0)
    evidence = weigh(sides(reference * np.int8(2), reference, by_channel), Context())
    assert evidence.output.size > MOST_ELEMENTS
    assert not evidence.whole
    assert names(reference * np.int8(2), reference, by_channel) == ["scale"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["noise", "transposed"])
def test_an_explanation_costs_little_beside_sorting_the_tensor(fault):
    # In processor time, against a work of the same size: a bound that moves with the machine.
    reference = np.random.default_rng(0).standard_normal((1000, 1000), np.float32)
    noisy = reference + np.random.default_rng(1).standard_normal((1000, 1000), np.float32)
    pair = sides(noisy if fault == "noise" else np.ascontiguousarray(reference.T), reference)

    def seconds(work):
        start = time.process_time()
        work()
        return time.process_time() - start

    sorting = seconds(lambda: np.sort(reference.astype(np.float64).reshape(-1)))
    assert seconds(lambda: explain(pair)) < 100 * sorting


def test_every_explanation_is_asked():
    assert len(EXPLANATIONS) == len(set(EXPLANATIONS)) == 24
