import numpy as np
import pytest

from pytest_edgert.errors import UsageError
from pytest_edgert.measure.arrival import MOST_WAITING, Schedule, arrival_text, parse_arrival
from pytest_edgert.records import Arrival, Pattern

EVERY = Arrival(Pattern.EVERY, 0.033)
POISSON = Arrival(Pattern.POISSON, 1 / 30)


@pytest.mark.parametrize(
    ("text", "arrival", "told"),
    [
        ("closed", Arrival(), "closed"),
        ("every 33ms", EVERY, "every 33 ms"),
        (" every  1.5s ", Arrival(Pattern.EVERY, 1.5), "every 1.5 s"),
        ("every 2min", Arrival(Pattern.EVERY, 120.0), "every 2 min"),
        ("every 90s", Arrival(Pattern.EVERY, 90.0), "every 90 s"),
        ("poisson 30/s", POISSON, "poisson 30 /s"),
        ("poisson 6/min", Arrival(Pattern.POISSON, 10.0), "poisson 0.1 /s"),
    ],
)
def test_a_pattern_is_read_and_told(text, arrival, told):
    found = parse_arrival(text, "--edge-arrival")
    assert found.pattern is arrival.pattern
    assert found.interval_s == pytest.approx(arrival.interval_s)
    assert arrival_text(found) == told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no pattern of arrival"),
        ("sometimes 3ms", "no pattern of arrival"),
        ("Every 33ms", "no pattern of arrival"),
        ("every", "has no number: every needs an interval"),
        ("poisson", "has no number: poisson needs a rate"),
        ("every 33", "has no unit"),
        ("every 30/s", "unknown unit"),
        ("poisson 33ms", "unknown unit"),
        ("every -1ms", "above zero"),
        ("every nans", "above zero"),
        ("poisson 0/s", "above zero"),
        ("closed 5ms", "a closed loop takes no number"),
        ("every 1ns", "between requests"),
        ("every 2h", "between requests"),
    ],
)
def test_a_wrong_pattern_says_what_is_wrong_and_where(text, words):
    with pytest.raises(UsageError, match=words) as caught:
        parse_arrival(text, "--edge-arrival")
    assert str(caught.value).startswith("--edge-arrival: ")


def moments(schedule, n):
    return np.array([schedule.take() for _ in range(n)])


def test_every_interval_is_the_same():
    assert moments(Schedule(EVERY, 0, 100), 4).tolist() == [100, 33_000_100, 66_000_100, 99_000_100]


def test_poisson_gaps_have_the_mean_and_the_spread_of_their_law():
    gaps = np.diff(moments(Schedule(POISSON, 1, 0), 20_001)) / 1e9
    assert gaps.mean() == pytest.approx(1 / 30, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 30, rel=0.04)
    assert np.quantile(gaps, 0.5) == pytest.approx(np.log(2) / 30, rel=0.04)


def test_a_seed_says_the_arrivals():
    one, same, other = (moments(Schedule(POISSON, seed, 0), 50).tolist() for seed in (1, 1, 2))
    assert one == same != other


def test_what_is_due_and_not_taken_waits():
    schedule = Schedule(EVERY, 0, 0)
    schedule.take()
    assert len(schedule.due(0)) == 0
    assert len(schedule.due(33_000_000)) == 1
    assert len(schedule.due(340_000_000)) == 10
    assert schedule.next_ns == 33_000_000


def test_counting_a_queue_is_bounded():
    assert len(Schedule(Arrival(Pattern.EVERY, 1e-6), 0, 0).due(10**15)) <= MOST_WAITING + 2


def test_arrivals_that_stood_still_all_come_later():
    schedule = Schedule(EVERY, 0, 0)
    schedule.due(100_000_000)
    schedule.shift(5)
    schedule.shift(-100)
    assert moments(schedule, 3).tolist() == [5, 33_000_005, 66_000_005]
