import gc

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.measure.arrival import Schedule
from pytest_edgert.measure.paced import PacedRoom, Pacer, sample_paced
from pytest_edgert.records import Arrival, Pattern

MS = 1_000_000


class Ticking(FakeClock):
    """A fake clock on which reading it takes a microsecond, so that a spin ends, and sleeps end late."""

    def __init__(self, late_s=60e-6):
        super().__init__()
        self.late_s = late_s
        self.slept_s = 0.0

    def now_ns(self):
        self.time_ns += 1000
        return self.time_ns

    def sleep_s(self, seconds):
        self.slept_s += seconds
        super().sleep_s(seconds + self.late_s)


def pacer_of(clock, interval_s=0.01, meanwhile=lambda: None):
    return Pacer(Schedule(Arrival(Pattern.EVERY, interval_s), 0, 0), clock.now_ns, clock.sleep_s, meanwhile)


def paced(service_ns, n, interval_s=0.01, clock=None):
    clock = clock or Ticking()
    turns = iter(range(n))

    def run():
        clock.time_ns += service_ns[next(turns)]

    room = PacedRoom(*(np.zeros(n, np.int64) for _ in range(3)))
    sample_paced(run, pacer_of(clock, interval_s), room, 0, n)
    return room, clock


def test_a_runtime_that_keeps_up_starts_when_it_is_meant_to():
    room, _ = paced([2 * MS] * 20, 20)
    assert room.intended.tolist() == [turn * 10 * MS for turn in range(20)]
    assert (room.starts - room.intended).max() < 10_000
    assert room.service.tolist() == pytest.approx([2 * MS] * 20, abs=2000)


def test_one_slow_inference_delays_those_that_came_meanwhile():
    service = [2 * MS] * 10
    service[3] = 35 * MS
    room, _ = paced(service, 10)
    late = (room.starts - room.intended) // MS
    assert late.tolist() == [0, 0, 0, 0, 25, 17, 9, 1, 0, 0]
    assert room.service[4] == pytest.approx(2 * MS, abs=2000)


def test_the_spin_is_a_small_share_of_the_wait():
    clock = Ticking(late_s=0.0)
    _, clock = paced([2 * MS] * 100, 100, clock=clock)
    idle_s = (clock.time_ns - 100 * 2 * MS) / 1e9
    assert clock.slept_s / idle_s > 0.97


def test_a_long_wait_lets_others_have_their_turn():
    clock, calls = Ticking(), []
    pacer = pacer_of(clock, 3.0, lambda: calls.append(clock.time_ns))
    pacer.wait()
    pacer.wait()
    assert len(calls) >= 8
    assert max(np.diff(calls)) < 0.3e9


def test_what_does_not_fit_into_the_slack_counts_against_nobody():
    clock = Ticking()
    pacer = pacer_of(clock)
    pacer.wait()
    clock.time_ns += 4 * MS
    pacer.aside(lambda: clock.sleep_s(0.05))
    intended = pacer.wait()
    assert clock.time_ns - intended < 10_000
    assert intended == pytest.approx(54 * MS, abs=100_000)


def test_what_fits_into_the_slack_moves_nothing():
    clock = Ticking()
    pacer = pacer_of(clock)
    pacer.wait()
    pacer.aside(lambda: clock.sleep_s(0.004))
    assert pacer.wait() == 10 * MS


def test_a_queue_is_as_long_after_an_aside_as_before():
    clock = Ticking()
    pacer = pacer_of(clock)
    pacer.wait()
    clock.time_ns += 100 * MS
    before = len(pacer.schedule.due(clock.time_ns))
    pacer.aside(lambda: clock.sleep_s(0.5))
    assert before == 10
    assert len(pacer.schedule.due(clock.time_ns)) == before


def test_garbage_collection_comes_back_after_an_error():
    def fail():
        raise RuntimeError("device lost")

    with pytest.raises(RuntimeError, match="device lost"):
        sample_paced(fail, pacer_of(Ticking()), PacedRoom(*(np.zeros(1, np.int64) for _ in range(3))), 0, 1)
    assert gc.isenabled()
