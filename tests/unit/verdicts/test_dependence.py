import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.verdicts import dependence
from pytest_edgert.verdicts.dependence import (
    HeldTau,
    autocorrelation_time,
    coarsen,
    last_checkpoint,
    mid_ranks,
    tau_at_checkpoint,
)


def ar1(rho, n, seed):
    noise = np.random.default_rng(seed).standard_normal(n) * math.sqrt(1 - rho**2)
    for i in range(1, n):
        noise[i] += rho * noise[i - 1]
    return noise


@pytest.mark.parametrize("n", [0, 1, 2, 50, 1000])
def test_constant_samples_have_tau_one(n):
    assert autocorrelation_time(np.full(n, 7)) == 1.0


def test_ties_share_the_middle_of_their_ranks():
    assert mid_ranks(np.array([30, 10, 30, 20, 30])).tolist() == [4.0, 1.0, 4.0, 2.0, 4.0]


def test_ties_in_independent_samples_are_no_time_trend():
    few_values = np.random.default_rng(3).integers(0, 2, 5000)
    assert autocorrelation_time(few_values) < 1.3


@pytest.mark.parametrize("seed", range(5))
def test_independent_samples_have_tau_near_one(seed):
    assert autocorrelation_time(np.random.default_rng(seed).lognormal(size=4000)) < 1.5


@pytest.mark.parametrize("rho", [0.6, 0.9])
def test_a_first_order_process_has_its_known_time(rho):
    assert autocorrelation_time(ar1(rho, 40_000, 1)) == pytest.approx((1 + rho) / (1 - rho), rel=0.2)


def test_a_short_dependent_run_is_not_taken_for_independent():
    assert np.median([autocorrelation_time(ar1(0.9, 97, seed)) for seed in range(20)]) > 9


def test_alternating_samples_do_not_count_for_more_than_they_are():
    assert autocorrelation_time(np.tile([1, 2], 500)) == 1.0


def test_a_long_memory_is_summed_beyond_the_direct_lags():
    under_noise = ar1(0.99, 100_000, 4) + np.random.default_rng(5).standard_normal(100_000)
    assert autocorrelation_time(under_noise) == pytest.approx(100, rel=0.25)


@given(st.lists(st.integers(1, 10**12), max_size=120))
@settings(deadline=None)
def test_tau_is_finite_and_at_least_one(values):
    tau = autocorrelation_time(np.array(values, np.int64))
    assert 1.0 <= tau < math.inf


def test_one_outlier_changes_nothing_much():
    series = np.random.default_rng(5).lognormal(size=2000)
    spiked = series.copy()
    spiked[1000] = 1e9
    assert autocorrelation_time(spiked) == pytest.approx(autocorrelation_time(series), abs=0.2)


@pytest.mark.parametrize(("n", "checkpoint"), [(0, 0), (49, 49), (50, 50), (64, 50), (65, 65), (84, 65), (85, 85)])
def test_checkpoints_are_geometric(n, checkpoint):
    assert last_checkpoint(n) == checkpoint


def test_tau_is_held_between_checkpoints():
    series = ar1(0.8, 84, 2)
    assert tau_at_checkpoint(series) == tau_at_checkpoint(series[:65]) != tau_at_checkpoint(series[:64])


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
@settings(deadline=None)
def test_a_held_tau_is_the_one_computed_afresh(steps):
    series = np.random.default_rng(6).integers(1, 50, sum(steps))
    held = HeldTau()
    for n in np.cumsum(steps):
        assert held.of(series[:n]) == tau_at_checkpoint(series[:n])


def test_a_small_drift_far_from_every_limit_is_no_dependence():
    drifting = np.round(1e6 * (1 + 0.01 * np.linspace(0, 1, 5000))).astype(np.int64)
    assert autocorrelation_time(drifting) > 500
    assert tau_at_checkpoint(drifting, [1e9]) == 1.0
    assert tau_at_checkpoint(drifting, [1e9, 1.006e6]) > 500


def test_beside_the_limit_every_difference_counts():
    series = ar1(0.9, 2000, 8)
    at_the_median = [float(np.median(series))]
    assert coarsen(series, at_the_median) is series
    assert autocorrelation_time(coarsen(series, [1.645], 1 / 20)) == pytest.approx(
        autocorrelation_time(series), rel=0.02
    )
    assert tau_at_checkpoint(series, [1.645]) == pytest.approx(tau_at_checkpoint(series), rel=0.15)


def test_rare_excursions_that_come_together_do_not_hide_behind_large_steps():
    series = np.random.default_rng(3).normal(100.0, 1.0, 3000)
    series[::30] += 80  # above half of the way to the limit, and alone
    assert tau_at_checkpoint(series, [250.0]) < 1.5
    series[1500:1600] += 80
    assert tau_at_checkpoint(series, [180.0]) > 5


@pytest.mark.parametrize("limits", [[], [5.0], [float("inf")]])
def test_coarsening_nothing_gives_nothing(limits):
    assert len(coarsen(np.array([], np.int64), limits)) == 0


def test_an_infinite_limit_ties_all():
    assert set(coarsen(np.array([1, 5, 9]), [float("inf")]).tolist()) <= {0.0}


@pytest.mark.parametrize("n", [3, 19, 20, 21, 60, 450, 3000])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.99])
def test_the_window_closes_where_it_would_if_all_lags_were_summed_at_once(n, rho, monkeypatch):
    noise = np.random.default_rng(n).standard_normal(n)
    for i in range(1, n):
        noise[i] = rho * noise[i - 1] + math.sqrt(1 - rho**2) * noise[i]
    step_by_step = autocorrelation_time(noise)
    monkeypatch.setattr(dependence, "_FIRST_LAGS", 10**9)
    assert autocorrelation_time(noise) == step_by_step


def test_a_short_dependent_series_gets_more_room_than_a_long_one_and_an_independent_one_none(monkeypatch):
    series = {n: ar1(0.9, n, 1) for n in (400, 40_000)}
    with_room = {n: autocorrelation_time(one) for n, one in series.items()}
    monkeypatch.setattr(dependence, "_ROOM", 0.0)
    shares = {n: with_room[n] / autocorrelation_time(one) for n, one in series.items()}
    assert shares[400] > 1.1
    assert 1 < shares[40_000] < 1.05
    assert autocorrelation_time(np.full(60, 7)) == 1.0


@pytest.mark.parametrize("span", [1, 3, 40, 10**6])
def test_ranks_by_counting_are_those_by_sorting(span):
    whole = np.random.default_rng(span).integers(-span, span, 500)
    assert np.array_equal(mid_ranks(whole), mid_ranks(whole.astype(np.float64)))
