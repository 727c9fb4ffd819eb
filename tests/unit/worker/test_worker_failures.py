import pytest

from pytest_edgert.errors import (
    ArtefactError,
    EdgertError,
    InferenceError,
    UnsupportedModelError,
    WorkerOutOfMemoryError,
)
from pytest_edgert.worker.failures import failure_of


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 8 GiB"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("Failed to allocate memory for requested buffer of size 4096"),
        RuntimeError("CUDA failure 2: out of memory ; GPU=0"),
        OSError("[Errno 12] Cannot allocate memory"),
        InferenceError("the session failed: bad allocation"),
    ],
    ids=str,
)
def test_every_way_to_say_that_memory_ran_out_is_understood(error):
    found = failure_of(error, "infer")
    assert isinstance(found, WorkerOutOfMemoryError)
    assert "in infer" in found.message


def test_want_of_memory_behind_an_error_of_ours_is_found():
    error = ArtefactError("the model cannot be opened")
    error.__cause__ = MemoryError()
    assert isinstance(failure_of(error, "open"), WorkerOutOfMemoryError)


def test_an_error_of_ours_stays_as_it_is():
    error = UnsupportedModelError("no operator Foo", "Use Bar.")
    assert failure_of(error, "open") is error


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("open", ArtefactError), ("infer", InferenceError), ("measure_latency", InferenceError), ("probe", EdgertError)],
)
def test_any_other_error_becomes_the_operations_own_with_type_and_words(operation, kind):
    found = failure_of(KeyError("name"), operation)
    assert type(found) is kind
    assert f"in {operation}: KeyError: 'name'" in found.message
