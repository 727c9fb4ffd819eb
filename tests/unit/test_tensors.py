from __future__ import annotations

import numpy as np
import pytest

from pytest_edgert.errors import FeedsError
from pytest_edgert.tensors import Signature, TensorSpec, fit_array, fit_feeds

IMAGE = TensorSpec("image", "float32", ("batch", 2, 3))
SIGNATURE = Signature((IMAGE, TensorSpec("flag", "bool", ())), ())


def test_arrays_that_fit_are_passed_on_without_a_copy() -> None:
    array = np.zeros((1, 2, 3), np.float32)
    assert np.shares_memory(fit_array(IMAGE, array), array)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 2, 2).T,
        np.arange(12, dtype=">f4").reshape(2, 2, 3),
        np.arange(12, dtype=np.float32).reshape(2, 2, 3)[::-1],
    ],
    ids=["transposed", "big-endian", "reversed"],
)
def test_hostile_arrays_come_out_contiguous_and_native_with_equal_values(array: np.ndarray) -> None:
    fitted = fit_array(IMAGE, array)
    assert fitted.flags.c_contiguous
    assert fitted.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(fitted, array)


def test_a_read_only_array_fits_and_is_not_changed() -> None:
    array = np.ones((1, 2, 3), np.float32)
    array.flags.writeable = False
    np.testing.assert_array_equal(fit_array(IMAGE, array), np.ones((1, 2, 3)))


def test_an_empty_batch_fits() -> None:
    assert fit_array(IMAGE, np.zeros((0, 2, 3), np.float32)).shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((1, 2, 3), np.float64), "takes float32, got float64"),
        (np.zeros((1, 2, 4), np.float32), r"takes shape \(batch, 2, 3\), got \(1, 2, 4\)"),
        (np.zeros((2, 3), np.float32), r"got \(2, 3\)"),
        ([[1.0]], "must be a numpy.ndarray, got list"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(array: object, words: str) -> None:
    with pytest.raises(FeedsError, match=f"Input 'image'.*{words}"):
        fit_array(IMAGE, array)  # type: ignore[arg-type]


def test_feeds_are_given_in_the_order_of_the_signature() -> None:
    feeds = {"flag": np.array(True), "image": np.zeros((1, 2, 3), np.float32)}
    assert list(fit_feeds(SIGNATURE, feeds)) == ["image", "flag"]


@pytest.mark.parametrize(
    ("names", "words"), [(["image"], r"missing \['flag'\]"), (["image", "flag", "more"], r"unknown \['more'\]")]
)
def test_names_that_are_missing_or_unknown_are_told(names: list[str], words: str) -> None:
    with pytest.raises(FeedsError, match=words):
        fit_feeds(SIGNATURE, {name: np.zeros((1, 2, 3), np.float32) for name in names})


@pytest.mark.parametrize("array", [np.array(["a", "b"]), np.array([b"a", b"b"]), np.array(["a", "b"], dtype=object)])
def test_text_fits_an_input_of_text(array: np.ndarray) -> None:
    assert fit_array(TensorSpec("text", "string", (2,)), array).shape == (2,)
