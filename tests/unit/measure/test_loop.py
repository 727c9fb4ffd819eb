import gc

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.measure.loop import runner, sample_into


def test_each_inference_is_timed_once_and_lands_in_its_place():
    clock, calls = FakeClock(100), []

    def run():
        calls.append(1)
        clock.time_ns += 10 * len(calls)

    durations, starts = np.zeros(6, np.int64), np.zeros(6, np.int64)
    sample_into(run, durations, starts, 2, 3, clock.now_ns)
    assert len(calls) == 3
    assert durations.tolist() == [0, 0, 10, 20, 30, 0]
    assert starts.tolist() == [0, 0, 100, 110, 130, 0]


def test_the_clock_is_read_twice_an_inference():
    readings = iter(range(1000))
    sample_into(lambda: None, np.zeros(5, np.int64), np.zeros(5, np.int64), 0, 5, lambda: next(readings))
    assert next(readings) == 10


@pytest.mark.parametrize("collecting", [True, False])
def test_garbage_collection_is_off_in_the_loop_and_then_as_before(collecting):
    seen = []
    (gc.enable if collecting else gc.disable)()
    try:
        sample_into(lambda: seen.append(gc.isenabled()), np.zeros(1, np.int64), np.zeros(1, np.int64), 0, 1, lambda: 0)
        assert gc.isenabled() is collecting
    finally:
        gc.enable()
    assert seen == [False]


def test_garbage_collection_comes_back_after_an_error():
    def fail():
        raise RuntimeError("device lost")

    with pytest.raises(RuntimeError, match="device lost"):
        sample_into(fail, np.zeros(1, np.int64), np.zeros(1, np.int64), 0, 1, lambda: 0)
    assert gc.isenabled()


def test_a_session_with_bound_buffers_runs_on_them():
    class Bound:
        def bind(self, feeds):
            return lambda: ("bound", feeds)

    assert runner(Bound(), {"x": 1})() == ("bound", {"x": 1})


def test_a_session_without_bound_buffers_infers():
    class Plain:
        def infer(self, feeds):
            return feeds

    assert runner(Plain(), {"x": 1})() == {"x": 1}
