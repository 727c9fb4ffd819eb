"""Feeds carried from one artefact to another."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_edgert.agreement.carry import as_type, carry_feeds, fit_samples, quantize
from pytest_edgert.agreement.match import match
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Quantization, Signature, TensorSpec

FLOAT = TensorSpec("image", "float32", (1, 3, 4, 5))
INT8 = TensorSpec("input", "int8", (1, 4, 5, 3), Quantization((0.5,), (-3,)))


def signature(spec: TensorSpec) -> Signature:
    return Signature((spec,), ())


def test_a_float_image_becomes_a_quantised_one_in_the_other_layout():
    left, right = signature(FLOAT), signature(INT8)
    matching = match(left, right, mapping=None, kind="inputs")
    image = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5)
    carried = carry_feeds({"image": image}, matching, left, right)["input"]
    assert carried.dtype == np.int8
    assert carried.shape == (1, 4, 5, 3)
    assert carried[0, 2, 1, 1] == image[0, 1, 2, 1] / 0.5 - 3


def test_there_and_back_is_the_same():
    left, right = signature(FLOAT), signature(INT8)
    image = (np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5) - 30) / 2
    there = carry_feeds({"image": image}, match(left, right, mapping=None, kind="inputs"), left, right)
    back = carry_feeds(there, match(right, left, mapping=None, kind="inputs"), right, left)
    np.testing.assert_array_equal(back["image"], image)


def test_quantising_rounds_half_to_even_and_clips():
    q = quantize(np.array([0.25, 0.75, 1e9, -1e9]), Quantization((0.5,), (1,)), "int8")
    assert q.tolist() == [1, 3, 127, -128]


def test_quantising_per_channel_uses_each_scale():
    q = quantize(np.ones((2, 3)), Quantization((1.0, 0.5, 0.25), (0, 0, 1), axis=1), "int8")
    assert q.tolist() == [[1, 2, 5], [1, 2, 5]]


def test_an_integer_without_scale_is_no_image():
    plain = TensorSpec("ids", "int64", (1,))
    with pytest.raises(UsageError, match="one kind"):
        as_type(np.zeros(1, np.int64), plain, FLOAT)
    with pytest.raises(UsageError, match="without a scale"):
        as_type(np.zeros(1, np.float32), FLOAT, plain)


def test_samples_find_their_input_by_shape_and_leave_labels_alone():
    samples = {"x": np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5), "labels": np.arange(2)}
    feeds = fit_samples(samples, signature(FLOAT), 8)
    assert [list(feed) for feed in feeds] == [["image"], ["image"]]
    np.testing.assert_array_equal(feeds[1]["image"][0], samples["x"][1])


def test_samples_are_carried_into_layout_and_type():
    samples = {"x": np.ones((2, 3, 4, 5), np.float32)}
    feed = fit_samples(samples, signature(INT8), 1)
    assert len(feed) == 1
    assert feed[0]["input"].shape == (1, 4, 5, 3)
    assert (feed[0]["input"] == -1).all()


def test_samples_that_fit_nothing_or_twice_are_refused_by_name():
    with pytest.raises(UsageError, match="none fits it"):
        fit_samples({"x": np.ones((2, 7), np.float32)}, signature(FLOAT), 1)
    twice = {name: np.ones((2, 3, 4, 5), np.float32) for name in ("a", "b")}
    with pytest.raises(UsageError, match=r"several could be it: \['a', 'b'\]"):
        fit_samples(twice, signature(FLOAT), 1)
