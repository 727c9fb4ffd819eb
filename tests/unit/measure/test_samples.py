import hashlib

import numpy as np
import pytest

from pytest_edgert.errors import ArtefactError, ProtocolError
from pytest_edgert.measure.samples import LatencySamples, read_samples, write_samples
from pytest_edgert.series import make_series

SAMPLES = LatencySamples(np.array([3, 1, 2]), np.array([10, 20, 30]), 7, 11, 13, "the cap of 60 s was reached")


def same(one, other):
    return (
        one.header() == other.header()
        and one.durations_ns.tolist() == other.durations_ns.tolist()
        and one.starts_ns.tolist() == other.starts_ns.tolist()
    )


def test_samples_survive_the_wire():
    assert same(LatencySamples.from_wire(SAMPLES.header(), SAMPLES.tensors()), SAMPLES)


def test_tensors_are_contiguous_int64():
    views = LatencySamples(np.arange(10)[::2], np.arange(10, dtype=np.int32)[::2], 1, 1, 1, "").tensors()
    assert all(array.flags.c_contiguous and array.dtype == np.int64 for array in views.values())


@pytest.mark.parametrize(
    ("header", "tensors"),
    [
        ({"first_ns": 1.5}, {}),
        ({"warm_up_n": None}, {}),
        ({"warm_up_ns": True}, {}),
        ({}, {"starts_ns": np.array([1, 2])}),
        ({}, {"durations_ns": np.array([1.0, 2.0, 3.0])}),
        ({}, {"durations_ns": np.array([[1, 2, 3]])}),
    ],
)
def test_bad_bytes_from_the_wire_are_refused(header, tensors):
    with pytest.raises(ProtocolError):
        LatencySamples.from_wire({**SAMPLES.header(), **header}, {**SAMPLES.tensors(), **tensors})


def test_samples_survive_a_file_whose_hash_is_returned(tmp_path):
    path = tmp_path / "latency.safetensors"
    digest = write_samples(path, SAMPLES)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert same(read_samples(path), SAMPLES)


def test_equal_samples_make_equal_files(tmp_path):
    assert write_samples(tmp_path / "a", SAMPLES) == write_samples(tmp_path / "b", SAMPLES)


def test_an_empty_series_survives_a_file(tmp_path):
    none = LatencySamples(np.array([], np.int64), np.array([], np.int64), 0, 0, 0, "")
    write_samples(tmp_path / "a", none)
    assert same(read_samples(tmp_path / "a"), none)


@pytest.mark.parametrize("content", [None, b"", b"<html>", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_that_is_no_samples_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"x\.safetensors"):
        read_samples(path)


WHOLE = LatencySamples(
    np.array([3, 9, 5]),
    np.array([10, 20, 30]),
    7,
    11,
    13,
    "done",
    np.array([2, 2, 2]),
    np.array([9, 13, 27]),
    4,
    make_series([(5, {"temperature_c.cpu": 50.0}), (25, {"temperature_c.cpu": None, "power_w.gpu0": 3.0})]),
    {"rapl": "It cannot be opened: no rights."},
)


def everything(samples):
    arrays = {name: array.tolist() for name, array in samples.tensors().items()}
    return samples.meta(), {**arrays, "readings": np.nan_to_num(samples.series.values, nan=-1).tolist()}


def test_an_open_loop_with_sensors_survives_wire_and_file(tmp_path):
    write_samples(tmp_path / "a", WHOLE)
    assert everything(LatencySamples.from_wire(WHOLE.meta(), WHOLE.tensors())) == everything(WHOLE)
    assert everything(read_samples(tmp_path / "a")) == everything(WHOLE)
    assert read_samples(tmp_path / "a").series.names == ("temperature_c.cpu", "power_w.gpu0")


@pytest.mark.parametrize("name", ["service_ns", "intended_ns"])
def test_an_open_loop_needs_as_many_of_each(name):
    with pytest.raises(ProtocolError, match="3 durations and 2"):
        LatencySamples.from_wire(WHOLE.meta(), {**WHOLE.tensors(), name: np.array([1, 2])})
