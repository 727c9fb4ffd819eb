import numpy as np
import pytest

from pytest_edgert.verdicts.clock_checks import Timing, clock_faults, quantised, step_ns


def starts_of(durations):
    return np.cumsum(durations) - durations


def faults(durations, starts=None, resolution_ns=None, **how):
    durations = np.asarray(durations)
    return clock_faults(
        Timing(durations, starts_of(durations) if starts is None else np.asarray(starts), **how), resolution_ns
    )


def lognormal(n, seed=1):
    return np.round(1e6 * np.exp(0.1 * np.random.default_rng(seed).standard_normal(n))).astype(np.int64)


def test_a_clock_that_moves_on_is_believed():
    assert faults(lognormal(400)) == ()


@pytest.mark.parametrize("durations", [[], [5000]])
def test_no_sample_and_one_sample_are_believed(durations):
    assert faults(np.array(durations, np.int64)) == ()


@pytest.mark.parametrize("bad", [0, -5])
def test_a_duration_that_is_not_positive_voids(bad):
    doubt = faults([1000, bad, 1000], [0, 2000, 4000])[0]
    assert doubt.voids
    assert "1 of 3 durations are not above zero" in doubt.sentence
    assert doubt.remedy


def test_starts_that_go_backwards_void():
    assert "went backwards" in faults([1000, 1000, 1000], [0, 5000, 4000])[0].sentence


def test_response_times_may_reach_beyond_the_next_start_but_its_clock_may_not_go_back():
    durations, starts = [5000, 9000, 9000], [0, 4000, 8000]
    assert "before the one before them ends" in faults(durations, starts)[0].sentence
    assert faults(durations, starts, may_overlap=True) == ()
    assert "before the one before them starts" in faults(durations, [0, 4000, 3999], may_overlap=True)[0].sentence


def test_where_service_times_are_known_they_must_not_overlap_though_response_times_do():
    durations, starts = [5000, 9000, 9000], [0, 4000, 8000]
    assert faults(durations, starts, service_ns=np.array([4000, 4000, 4000]), may_overlap=True) == ()
    found = faults(durations, starts, service_ns=np.array([4000, 4001, 4000]), may_overlap=True)
    assert "1 of 3 inferences start before the one before them ends" in found[0].sentence


def test_a_clock_too_coarse_for_the_durations_voids():
    durations = np.full(100, 1500)
    assert faults(durations, resolution_ns=1.0) == ()
    assert "too coarse" in faults(durations, resolution_ns=100.0)[0].sentence


def test_durations_in_steps_of_the_clock_show_the_step():
    coarse = np.round(lognormal(400) / 100_000).astype(np.int64) * 100_000
    assert step_ns(coarse) == 100_000


@pytest.mark.parametrize(
    "durations",
    [
        lognormal(400),
        np.full(400, 2_000_000),
        np.round(lognormal(4000) / 1000).astype(np.int64) * 1000,
        np.array([], np.int64),
    ],
    ids=["continuous", "one value", "steps of a thousandth", "none"],
)
def test_what_does_not_show_a_coarse_step_has_none(durations):
    assert step_ns(durations) == 0.0


def test_quantised_samples_are_told_and_void_only_where_a_step_turns_the_verdict():
    told, void = (quantised(100, 15.6e6, turns=turns) for turns in (False, True))
    assert (told.voids, void.voids) == (False, True)
    assert "steps of 15.6 ms" in told.sentence
    assert told.sentence != void.sentence
