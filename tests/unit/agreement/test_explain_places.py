"""Values at wrong places and whole outputs that are wrong: axes, batches, precision, NaN, another model."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from explain_planting import FEW, SCALES, SEEDS, SHAPES, best, normal, smooth
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_edgert.agreement.explain.evidence import Context
from pytest_edgert.agreement.explain.words import SENTENCES


@FEW
@given(SEEDS, st.sampled_from([(1, 3, 8, 8), (2, 6, 6), (9, 9), (1, 4, 4, 4)]))
def test_axes_of_one_length_exchanged(seed, shape):
    reference = normal(seed, shape)
    name, words = best(np.ascontiguousarray(np.swapaxes(reference, -1, -2)), reference)
    assert name == "layout"
    assert "axes" in words


@FEW
@given(SEEDS, st.sampled_from([(1, 3, 8, 10), (2, 5, 7), (4, 9)]))
def test_channels_last_read_as_channels_first(seed, shape):
    reference = normal(seed, shape)
    axis = 1 if len(shape) > 2 else 0
    name, _ = best(np.moveaxis(reference, axis, -1).reshape(shape), reference)
    assert name == "reread"


@FEW
@given(SEEDS, st.sampled_from([((1, 3, 8, 10), 1), ((2, 7, 9, 3), 3)]), SCALES)
def test_red_and_blue_exchanged(seed, planted, scale):
    shape, axis = planted
    reference = normal(seed, shape, scale)
    name, words = best(np.flip(reference, axis).copy(), reference)
    assert name == "order"
    assert "red and blue" in words


@FEW
@given(SEEDS)
def test_classes_in_another_order(seed):
    reference = normal(seed, (6, 10))
    order = np.roll(np.random.default_rng(seed).permutation(10), 1)
    assume(sorted(order) != list(order))
    assert best(reference[:, order], reference)[0] in ("order", "shift")


@FEW
@given(SEEDS, st.sampled_from([(1, 2, 20, 24), (2, 30, 20, 3)]), st.sampled_from([-2, -1, 1, 2]))
def test_an_image_moved_by_whole_pixels(seed, shape, by):
    reference = normal(seed, shape)
    axis = 2 if shape[1] == 2 else 1
    output = np.roll(reference, by, axis)
    edge = [slice(None)] * 4
    edge[axis] = slice(0, by) if by > 0 else slice(by, None)
    output[tuple(edge)] = 0
    name, words = best(output, reference)
    assert name == "shift"
    assert f"axis {axis}" in words
    assert f"{by:+d} elements" in words


@FEW
@given(SEEDS, st.sampled_from([0.25, -0.4, 0.5]))
def test_an_image_moved_by_a_part_of_a_pixel(seed, by):
    reference = smooth(seed, (1, 2, 24, 32))
    x = np.clip(np.arange(32) - by, 0, 31)
    low = np.floor(x).astype(int)
    part = (x - low).astype(np.float32)
    output = reference[..., low] * (1 - part) + reference[..., np.minimum(low + 1, 31)] * part
    name, words = best(output, reference)
    assert name == "shift"
    assert "axis 3" in words


@FEW
@given(SEEDS, st.sampled_from([(4, 10), (3, 2, 5, 5)]), SCALES)
def test_one_row_for_the_whole_batch(seed, shape, scale):
    reference = normal(seed, shape, scale)
    assert best(np.broadcast_to(reference[:1], shape).copy(), reference)[0] == "one_row"
    zeros = reference.copy()
    zeros[1:] = 0
    assert best(zeros, reference)[0] == "first_row"


@FEW
@given(SEEDS, st.integers(3, 6))
def test_state_that_is_kept(seed, feeds):
    rng = np.random.default_rng(seed)
    reference = rng.standard_normal((feeds, 12)).astype(np.float32)
    output = reference.copy()
    for n in range(1, feeds):
        output[n] += 0.5 * np.tanh(output[n - 1])
    name, words = best(output, reference, context=Context(n_feeds=feeds))
    assert name == "state"
    assert f"first of {feeds} inferences" in words


def rounded(values, precision):
    if precision == "bfloat16":
        return values.astype(ml_dtypes.bfloat16).astype(np.float32)
    if precision == "float16":
        return values.astype(np.float16).astype(np.float32)
    raw = values.view(np.uint32)
    return ((raw + np.uint32(0xFFF) + ((raw >> 13) & 1)) & np.uint32(0xFFFFE000)).view(np.float32)


PRECISIONS = st.sampled_from(["bfloat16", "float16", "TF32"])


@FEW
@given(SEEDS, PRECISIONS)
def test_values_stored_in_fewer_bits(seed, precision):
    reference = normal(seed, (8, 40), 1e5 if precision == "TF32" else 1)
    name, words = best(rounded(reference, precision), reference)
    assert name == "stored"
    assert f"one of {precision}" in words


@FEW
@given(SEEDS, PRECISIONS, st.sampled_from([32, 200, 1000]), SCALES)
def test_products_computed_in_fewer_bits(seed, precision, length, scale):
    a, b = normal(seed, (16, length)), normal(seed + 1, (length, 20))
    exact = (a.astype(np.float64) @ b.astype(np.float64) * scale).astype(np.float32)
    output = (rounded(a, precision) @ rounded(b, precision) * np.float32(scale)).astype(np.float32)
    name, words = best(output, exact)
    assert name == "computed"
    assert ("bfloat16" if precision == "bfloat16" else "TF32 or float16") in words


@FEW
@given(SEEDS)
def test_a_float64_product_computed_in_float32(seed):
    a, b = np.random.default_rng(seed).standard_normal((2, 40, 40))
    output = (a.astype(np.float32) @ b.astype(np.float32)).astype(np.float64)
    name, words = best(output, a @ b)
    assert name == "stored"
    assert words.endswith("stored in float32")
    name, words = best(output * 1.1, a @ b * 1.1)
    assert name == "computed"
    assert words.endswith("computed in float32")


@FEW
@given(SEEDS, SHAPES, st.sampled_from([0.0, -1.0, 6.0]))
def test_nan_that_is_dropped(seed, shape, value):
    reference = normal(seed, shape)
    reference.flat[::7] = np.nan
    name, words = best(np.where(np.isnan(reference), np.float32(value), reference), reference)
    assert name == "nan_dropped"
    assert f"and {value:g} in the output" in words


@FEW
@given(SEEDS, SHAPES)
def test_nan_and_infinities_that_are_made(seed, shape):
    reference = normal(seed, shape)
    spoiled, infinite, turned = reference.copy(), reference.copy(), reference.copy()
    spoiled.flat[0] = np.nan
    infinite.flat[0] = np.inf
    assert best(spoiled, reference)[0] == "nan_made"
    assert best(infinite, reference)[0] == "infinity_made"
    assert best(reference, infinite)[0] == "infinity_dropped"
    turned.flat[0] = -np.inf
    assert best(turned, infinite)[0] == "infinity_sign"


@FEW
@given(SEEDS, SHAPES)
def test_float16_that_overflows(seed, shape):
    reference = normal(seed, shape, 60_000)
    reference.flat[0] = 70_000
    with np.errstate(over="ignore"):
        output = reference.astype(np.float16).astype(np.float32)
    assert best(output, reference)[0] == "overflow_float16"


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@FEW
@given(SEEDS, st.sampled_from([softmax, lambda v: 1 / (1 + np.exp(-v)), np.tanh, np.exp]), st.booleans())
def test_a_graph_cut_before_or_after_its_last_function(seed, function, before):
    logits = normal(seed, (6, 12), 2)
    cut, whole = (logits, function(logits)) if before else (function(logits), logits)
    assert best(cut, whole)[0] == ("cut_output" if before else "cut_reference")


@FEW
@given(SEEDS, st.sampled_from(["port", "implementation"]))
def test_other_weights_and_drift(seed, question):
    x, w = normal(seed, (8, 30)), normal(seed + 1, (30, 12))
    other, drifted = normal(seed + 2, (30, 12)), w + normal(seed + 3, (30, 12), 0.08)
    name, words = best(x @ other, x @ w, context=Context(question))
    assert name == "unrelated"
    assert ("other weights" in words) == (question == "port")
    assert best(x @ drifted, x @ w, context=Context(question))[0] == "drift"


@pytest.mark.parametrize("name", SENTENCES)
def test_every_sentence_is_asserted_in_a_planted_case(name):
    here = Path(__file__).parent
    texts = [(here / file).read_text() for file in ("test_explain_values.py", "test_explain_places.py")]
    assert any(f'"{name}"' in text for text in texts)
