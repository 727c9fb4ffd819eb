from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from golden_samples import QUANTIZATION, SIGNATURE, small_outputs

from pytest_edgert.errors import ArtefactError, UsageError
from pytest_edgert.golden.describe import check_inputs, describe_tensors, measure_stats
from pytest_edgert.golden.manifest import GoldenInputs, TensorStats

FEEDS = {"x": np.arange(3, dtype=np.float32), "mask": np.array([True, False])}
INPUTS = GoldenInputs(describe_tensors(FEEDS), "default_feeds", 7, "1.26.4")


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array(["a"]), "str"),
        (np.array([b"a"]), "bytes"),
        (np.array([{}], object), "object"),
        (np.zeros(1, np.longdouble), "longdouble|float128|float96"),
        (np.zeros(1, "datetime64[s]"), "datetime64"),
        (np.zeros(1, [("a", "i4")]), "void"),
    ],
)
def test_a_type_that_would_need_pickle_is_refused_by_name(array: Any, dtype: str) -> None:
    with pytest.raises(UsageError, match=f"Tensor 'y' is ({dtype})"):
        describe_tensors({"y": array})


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'y' must be a numpy\.ndarray"):
        describe_tensors({"y": [1.0]})  # type: ignore[dict-item]


def test_quantisation_comes_from_the_spec() -> None:
    told = describe_tensors(small_outputs(), SIGNATURE.outputs)
    assert [record.quantization for record in told] == [None, QUANTIZATION]


def test_an_array_of_another_type_than_declared_is_refused() -> None:
    with pytest.raises(UsageError, match="declared float32 and came as float64"):
        describe_tensors({"y": np.zeros(1)}, SIGNATURE.outputs)


def test_the_hash_tells_zeros_of_either_sign_apart() -> None:
    minus, plus = describe_tensors({"a": np.float32([-0.0]), "b": np.float32([0.0])})
    assert minus.sha256 != plus.sha256


def test_the_hash_does_not_depend_on_the_layout() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    told = describe_tensors({"c": array, "f": np.asfortranarray(array), "b": array.astype(">f4")})
    assert len({record.sha256 for record in told}) == 1


def test_stats_are_over_finite_elements() -> None:
    stats = measure_stats(np.array([3.0, -4.0, np.nan, np.inf, -np.inf], np.float32))
    assert (stats.min, stats.max, stats.mean, stats.nan_count, stats.inf_count) == (-4.0, 3.0, -0.5, 1, 2)
    assert stats.rms == pytest.approx(math.sqrt(12.5))


@pytest.mark.parametrize("array", [np.zeros((0, 3), np.int8), np.float32([np.nan])])
def test_stats_without_a_finite_element_are_nan(array: Any) -> None:
    stats = measure_stats(array)
    assert all(math.isnan(value) for value in (stats.min, stats.max, stats.mean, stats.rms))


@pytest.mark.parametrize(
    "array", [np.array(2, ml_dtypes.int4), np.array([2], ml_dtypes.bfloat16), np.array([1.2 + 1.6j]), np.array(2, int)]
)
def test_stats_are_told_for_every_kind_of_number(array: Any) -> None:
    stats = measure_stats(array)
    assert (stats.min, stats.max, stats.mean, stats.rms) == pytest.approx((2.0,) * 4)


@pytest.mark.parametrize("value", [1e308, 5e-324, 0.0, 3.0])
def test_stats_neither_overflow_nor_vanish(value: float) -> None:
    assert measure_stats(np.array([value, value])) == TensorStats(value, value, value, value)


def test_a_signalling_nan_is_counted_without_a_warning() -> None:
    assert measure_stats(np.array([0xFF800123], np.uint32).view(np.float32)).nan_count == 1


def test_the_same_inputs_are_accepted() -> None:
    check_inputs(INPUTS, {name: array.copy() for name, array in FEEDS.items()})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": np.float32([0, 1, 2.0000002])}, "input 'x' now has other values"),
        ({"x": np.arange(3, dtype=np.float64)}, r"was float32\[3\], now float64\[3\]"),
        ({"x": np.zeros((3, 1), np.float32)}, r"was float32\[3\], now float32\[3, 1\]"),
        ({"more": np.zeros(1)}, "its inputs were"),
    ],
)
def test_other_inputs_are_refused_with_how_they_were_made(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ArtefactError, match=said) as caught:
        check_inputs(INPUTS, {**FEEDS, **change})
    assert "made by default_feeds with seed 7 under NumPy 1.26.4" in caught.value.message


def test_a_missing_input_is_refused() -> None:
    with pytest.raises(ArtefactError, match="its inputs were"):
        check_inputs(INPUTS, {"x": FEEDS["x"]})
