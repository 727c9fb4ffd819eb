import numpy as np
import pytest

from pytest_edgert.errors import UsageError
from pytest_edgert.measure.feeds import default_feeds
from pytest_edgert.tensors import Quantization, Signature, TensorSpec, fit_feeds


def signature_of(*specs):
    return Signature(tuple(specs), ())


@pytest.mark.parametrize(
    "dtype",
    ["float32", "float64", "float16", "int8", "uint8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool"],
)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 4)])
def test_feeds_fit_the_signature(dtype, shape):
    signature = signature_of(TensorSpec("x", dtype, shape))
    feeds = default_feeds(signature, 0)
    assert feeds["x"].flags.c_contiguous
    assert fit_feeds(signature, feeds)["x"].dtype.name == dtype


@pytest.mark.parametrize("dtype", ["bfloat16", "int4", "float8_e4m3fn"])
def test_types_that_numpy_lacks_come_from_ml_dtypes(dtype):
    assert default_feeds(signature_of(TensorSpec("x", dtype, (3,))), 0)["x"].dtype.name == dtype


def test_the_same_seed_gives_the_same_feeds_for_good():
    first = default_feeds(signature_of(TensorSpec("x", "float32", (3,))), 42)["x"]
    assert first.tobytes() == default_feeds(signature_of(TensorSpec("x", "float32", (3,))), 42)["x"].tobytes()
    assert first.tolist() == pytest.approx([0.02880828082561493, -1.5125913619995117, -0.7909706234931946])


def test_seed_and_name_each_change_the_feeds():
    x, y = TensorSpec("x", "float32", (8,)), TensorSpec("y", "float32", (8,))
    feeds = default_feeds(signature_of(x, y), 1)
    assert not np.array_equal(feeds["x"], feeds["y"])
    assert not np.array_equal(feeds["x"], default_feeds(signature_of(x), 2)["x"])
    assert not np.array_equal(feeds["x"], default_feeds(signature_of(x), -1)["x"])


def test_another_input_changes_nothing():
    x, y = TensorSpec("x", "float32", (8,)), TensorSpec("y", "int8", (5,))
    assert np.array_equal(default_feeds(signature_of(y, x), 3)["x"], default_feeds(signature_of(x), 3)["x"])


@pytest.mark.parametrize(("dtype", "low", "high"), [("int8", -128, 127), ("uint8", 0, 255)])
def test_eight_bit_integers_span_their_range(dtype, low, high):
    drawn = default_feeds(signature_of(TensorSpec("x", dtype, (10_000,))), 0)["x"]
    assert (drawn.min(), drawn.max()) == (low, high)


def test_wider_integers_are_small_indices_unless_quantised():
    plain = TensorSpec("i", "int32", (1000,))
    quantised = TensorSpec("q", "int16", (10_000,), Quantization((0.1,), (0,)))
    feeds = default_feeds(signature_of(plain, quantised), 0)
    assert set(feeds["i"].tolist()) == set(range(10))
    assert feeds["q"].min() < -30_000
    assert feeds["q"].max() > 30_000


@pytest.mark.parametrize("dtype", ["string", "complex64"])
def test_a_type_without_a_default_asks_for_samples(dtype):
    with pytest.raises(UsageError, match=f"'x' takes {dtype}.*samples"):
        default_feeds(signature_of(TensorSpec("x", dtype, (1,))), 0)


def test_a_free_dimension_is_refused_with_the_option_to_paste():
    with pytest.raises(UsageError) as caught:
        default_feeds(signature_of(TensorSpec("image", "float32", ("batch", 3, None, 224))), 0)
    assert "'image' has free dimensions: batch x 3 x ? x 224" in caught.value.message
    assert "--edge-shape=image=1x3x1x224" in caught.value.remedy
