import numpy as np
import pytest

from pytest_edgert.verdicts.steady import distrust


def starts_of(durations):
    return np.cumsum(durations) - durations


def noisy(level):
    return np.round(np.asarray(level) * np.random.default_rng(1).normal(1, 0.02, len(level))).astype(np.int64)


def test_steady_samples_are_trusted():
    durations = noisy(np.full(400, 1_000_000))
    assert distrust(durations, starts_of(durations)) == []


def test_no_sample_and_one_sample_are_trusted():
    assert distrust(np.array([], np.int64), np.array([], np.int64)) == []
    assert distrust(np.array([5000]), np.array([0])) == []


@pytest.mark.parametrize("bad", [0, -5])
def test_a_duration_that_is_not_positive_is_distrusted(bad):
    durations = np.array([1000, bad, 1000])
    reason, remedy = distrust(durations, np.array([0, 2000, 4000]))[0]
    assert "1 of 3 durations are not above zero" in reason
    assert remedy


def test_starts_that_go_backwards_are_distrusted():
    reason, _ = distrust(np.array([1000, 1000, 1000]), np.array([0, 5000, 4000]))[0]
    assert "went backwards" in reason


def test_a_clock_too_coarse_for_the_durations_is_distrusted():
    durations = np.full(100, 1500)
    assert distrust(durations, starts_of(durations), resolution_ns=1.0) == []
    assert "too coarse" in distrust(durations, starts_of(durations), resolution_ns=100.0)[0][0]


def test_a_latency_that_rises_all_the_time_is_no_steady_state():
    durations = noisy(np.linspace(1e6, 2.2e6, 400))
    reason, remedy = distrust(durations, starts_of(durations))[0]
    assert "no steady state" in reason
    assert remedy


@pytest.mark.parametrize(
    "level",
    [
        np.linspace(1e6, 1.3e6, 400),
        np.linspace(2e6, 1e6, 400),
        np.repeat([1e6, 3e6, 1e6, 3e6], 100),
        np.linspace(1e6, 3e6, 40),
    ],
    ids=["small rise", "fall", "modes", "few samples"],
)
def test_what_is_not_a_clear_steady_rise_is_left_to_the_verdict(level):
    durations = noisy(level)
    assert distrust(durations, starts_of(durations)) == []


def test_response_times_may_overlap_and_starts_may_not_go_backwards():
    responses = np.full(100, 5_000_000)
    starts = np.arange(100) * 1_000_000
    assert distrust(responses, starts)
    assert distrust(responses, starts, may_overlap=True) == []
    starts[50] -= 2_000_000
    assert "start before the one before them starts" in distrust(responses, starts, may_overlap=True)[0][0]
