import numpy as np
import pytest

from pytest_edgert.errors import ProtocolError
from pytest_edgert.measure.parts import KeptParts

HEAD = {"first_ns": 1, "warm_up_n": 2, "warm_up_ns": 3, "queue": 0}


def part(*durations):
    array = np.array(durations, np.int64)
    return {"durations_ns": array, "starts_ns": array * 10}


def test_parts_are_joined_in_order_and_the_last_plain_values_hold():
    parts = KeptParts()
    parts.add(HEAD, part(1, 2))
    parts.add({**HEAD, "queue": 5}, part(3))
    samples = parts.samples("the worker was lost")
    assert samples.durations_ns.tolist() == [1, 2, 3]
    assert samples.starts_ns.tolist() == [10, 20, 30]
    assert (samples.queue, samples.warm_up_n, samples.stop_reason) == (5, 2, "the worker was lost")


def test_no_part_is_no_samples():
    assert KeptParts().samples("lost") is None


def test_parts_that_are_no_samples_are_refused():
    parts = KeptParts()
    parts.add({}, part(1))
    with pytest.raises(ProtocolError):
        parts.samples("lost")
