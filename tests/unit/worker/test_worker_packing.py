import os

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_edgert.errors import FeedsError, ProtocolError
from pytest_edgert.worker.buffers import SharedReader, SharedWriter, create_shared
from pytest_edgert.worker.packing import ALIGNMENT_BYTES, Source, owned, pack, read_only, unpack

INTEGERS = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NUMPY_DTYPES = [*INTEGERS, "float16", "float32", "float64", "complex64", "complex128"]
EXTENDED = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "float4_e2m1fn", "int4", "uint4"]
LIMIT_BYTES = 2**30


@pytest.fixture
def shared():
    fd = create_shared()
    if fd is None:
        pytest.skip("this platform has no memfd")
    writer, reader = SharedWriter(fd), SharedReader(os.dup(fd))
    yield writer, reader
    writer.close()
    reader.close()


def round_trip(tensors, finish=owned, shared=(None, None)):
    writer, reader = shared
    packed = pack(tensors, LIMIT_BYTES, writer)
    payload = bytearray(b"".join(packed.parts))
    assert len(payload) == packed.payload_bytes
    return unpack(packed.entries, Source(payload, reader), finish)


def assert_same(found, sent):
    assert list(found) == list(sent)
    for name, array in sent.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        assert found[name].shape == array.shape
        assert found[name].tobytes() == np.asarray(array, array.dtype.newbyteorder("=")).tobytes()


@given(
    st.lists(
        hnp.arrays(
            dtype=st.sampled_from(NUMPY_DTYPES),
            shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
        ),
        max_size=4,
    )
)
@settings(deadline=None, max_examples=60)
def test_tensors_come_out_bit_for_bit(arrays):
    sent = {f"tensor {n}": array for n, array in enumerate(arrays)}
    assert_same(round_trip(sent), sent)


@pytest.mark.parametrize("dtype", NUMPY_DTYPES + EXTENDED)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (300, 500)], ids=str)
def test_every_dtype_and_shape_goes_through_shared_memory_or_beside_it(shared, dtype, shape):
    kind = np.dtype(getattr(ml_dtypes, dtype)) if dtype in EXTENDED else np.dtype(dtype)
    sent = {"x": (np.arange(np.prod(shape, dtype=int)) % 2).reshape(shape).astype(kind)}
    assert_same(round_trip(sent, shared=shared), sent)


def test_large_tensors_lie_in_shared_memory_and_small_ones_do_not(shared):
    sent = {"small": np.ones(8), "large": np.ones(2**14)}
    packed = pack(sent, LIMIT_BYTES, shared[0])
    assert [(entry[0], entry[3]) for entry in packed.entries] == [("small", "inline"), ("large", "shared")]
    assert packed.payload_bytes == sent["small"].nbytes


def test_shared_memory_grows_as_tensors_do(shared):
    for size in (2**14, 2**19, 2**14, 2**21):
        sent = {"x": np.arange(size, dtype=np.float64), "y": np.arange(size, dtype=np.int64)}
        assert_same(round_trip(sent, shared=shared), sent)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4).T,
        np.arange(24.0)[::-2],
        np.arange(6, dtype=">i4"),
        np.asfortranarray(np.ones((3, 4))),
        np.broadcast_to(np.float32(2), (200, 300)),
    ],
    ids=["transposed", "reversed", "byte-swapped", "column-major", "broadcast"],
)
def test_arrays_laid_out_in_any_way_keep_their_values(shared, array):
    array = array.view()
    array.flags.writeable = False
    before = array.copy()
    for memory in (shared, (None, None)):
        found = round_trip({"x": array}, shared=memory)["x"]
        np.testing.assert_array_equal(found, array)
    np.testing.assert_array_equal(array, before)


def test_strings_travel_as_strings():
    sent = np.array([["a", "µ"], ["", "line\nline"]], dtype=object)
    np.testing.assert_array_equal(round_trip({"x": sent})["x"], sent)
    np.testing.assert_array_equal(round_trip({"x": sent.astype("U")})["x"], sent)
    assert round_trip({"x": np.array([b"ab", b"c"])})["x"].tolist() == ["ab", "c"]
    assert round_trip({"x": np.asarray("one", dtype=object)})["x"].shape == ()


def test_every_tensor_is_aligned(shared):
    sent = {str(n): np.ones(n, dtype=np.uint8) for n in (1, 63, 64, 65, 70_000, 70_001)}
    for entry in pack(sent, LIMIT_BYTES, shared[0]).entries:
        assert entry[4] % ALIGNMENT_BYTES == 0


def test_the_worker_sees_read_only_views(shared):
    for array in round_trip({"s": np.ones(2), "l": np.ones(2**15)}, read_only, shared).values():
        assert not array.flags.writeable


def test_the_client_owns_what_it_gets(shared):
    first = round_trip({"s": np.ones(2), "l": np.ones(2**15)}, owned, shared)
    round_trip({"s": np.zeros(2), "l": np.zeros(2**15)}, owned, shared)
    for array in first.values():
        assert array.all()
        array[0] = 5


@pytest.mark.parametrize("array", [np.array(["2020"], "M8[Y]"), np.zeros(2, "i4,f4"), np.zeros(1, np.longdouble)])
def test_a_dtype_that_cannot_travel_is_named(array):
    with pytest.raises(FeedsError, match=r"'x'.*cannot be sent"):
        pack({"x": array}, LIMIT_BYTES, None)


@pytest.mark.parametrize("value", [[1, 2], None, 3.0])
def test_a_value_that_is_no_array_is_named(value):
    with pytest.raises(FeedsError, match=r"'x' must be a numpy\.ndarray"):
        pack({"x": value}, LIMIT_BYTES, None)


def test_an_object_array_of_other_things_than_strings_is_refused():
    with pytest.raises(FeedsError, match="NoneType"):
        pack({"x": np.array([None])}, LIMIT_BYTES, None)


def test_tensors_beyond_the_limit_are_refused():
    with pytest.raises(FeedsError, match="more than the limit of 100"):
        pack({"x": np.ones(10), "y": np.ones(10)}, 100, None)


@pytest.mark.parametrize(
    "entry",
    [
        ["x", "float32", [2], "inline", 0, 7],
        ["x", "float32", [2], "inline", -8, 8],
        ["x", "float32", [2], "inline", 60, 8],
        ["x", "float32", [-2], "inline", 0, -8],
        ["x", "float32", [True], "inline", 0, 4],
        ["x", "float32", [2**40, 2**40], "inline", 0, 2**82],
        ["x", "float32", [1] * 65, "inline", 0, 4],
        ["x", "float32", "2", "inline", 0, 8],
        ["x", "float32", [2], "inline", 0.0, 8],
        ["x", "float32", [2], "shared", 0, 8],
        ["x", "float32", [2], "elsewhere", 0, 8],
        ["x", "object", [2], "inline", 0, 16],
        ["x", "O", [2], "inline", 0, 16],
        ["x", "string", [2], "json", ["a"]],
        ["x", "string", [1], "json", [1]],
        ["x", "string", [1], "json"],
        ["x", "float32", [2]],
        ["x"],
        [["x"], "float32", [2], "inline", 0, 8],
        [1, "float32", [2], "inline", 0, 8],
        5,
        None,
    ],
    ids=str,
)
def test_a_malformed_description_is_an_error_of_the_protocol(entry):
    with pytest.raises(ProtocolError):
        unpack([entry], Source(bytearray(64), None), owned)


@pytest.mark.parametrize("entries", [5, "tensors", {"x": 1}])
def test_descriptions_that_are_no_list_are_an_error_of_the_protocol(entries):
    with pytest.raises(ProtocolError):
        unpack(entries, Source(bytearray(64), None), owned)


def test_a_name_given_twice_is_an_error_of_the_protocol():
    entry = ["x", "uint8", [1], "inline", 0, 1]
    with pytest.raises(ProtocolError, match="twice"):
        unpack([entry, entry], Source(bytearray(64), None), owned)


def test_a_place_beyond_the_shared_memory_is_an_error_of_the_protocol(shared):
    shared[0].room(100)
    with pytest.raises(ProtocolError, match="only 1048576"):
        unpack([["x", "uint8", [2**21], "shared", 0, 2**21]], Source(bytearray(), shared[1]), owned)


def test_shared_memory_cannot_be_taken_away_by_the_other_side(shared):
    shared[0].room(2**20)
    with pytest.raises(PermissionError):
        os.ftruncate(shared[1]._fd, 0)
