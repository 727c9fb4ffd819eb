import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_edgert.verdicts.quantile import (
    fewest_clean,
    k_fail,
    k_pass,
    log_e_fail,
    log_e_fail_each,
    log_e_pass,
    log_e_pass_each,
    quantile_interval,
    sample_quantile,
)

PERCENTILES = st.sampled_from([0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999])


@pytest.mark.parametrize(("p", "clean"), [(0.5, 6), (0.9, 36), (0.95, 74), (0.99, 379), (0.999, 3800)])
def test_fewest_clean_samples_of_a_pass(p, clean):
    assert fewest_clean(p, 0.05) == clean
    assert k_pass(clean, p, 0.05) == 0
    assert k_pass(clean - 1, p, 0.05) is None


@given(p=PERCENTILES, n=st.integers(0, 400))
def test_evidence_is_an_e_value_at_the_boundary(p, n):
    k = np.arange(n + 1)
    choose = np.array([math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k])
    log_mass = choose + k * math.log(1 - p) + (n - k) * math.log(p)
    for log_e in (log_e_pass_each, log_e_fail_each):
        assert np.exp(log_mass + log_e(np.full(n + 1, n), k, p)).sum() == pytest.approx(1, abs=1e-8)


@given(p=PERCENTILES, n=st.integers(1, 3000), data=st.data())
def test_evidence_moves_one_way_with_the_exceedances(p, n, data):
    k = data.draw(st.integers(0, n - 1))
    assert log_e_pass(n, k, p) > log_e_pass(n, k + 1, p)
    assert log_e_fail(n, k, p) < log_e_fail(n, k + 1, p)


@pytest.mark.slow
@given(p=PERCENTILES, n=st.integers(1, 3000), tau=st.floats(1, 20), data=st.data())
def test_thresholds_are_where_the_evidence_crosses(p, n, tau, data):
    k = data.draw(st.integers(0, n))
    most, fewest = k_pass(n, p, 0.05, tau), k_fail(n, p, 0.025, tau)
    assert (most is not None and k <= most) == (log_e_pass(n, k, p) >= -tau * math.log(0.05))
    assert (fewest is not None and k >= fewest) == (log_e_fail(n, k, p) >= -tau * math.log(0.025))


@given(
    p=PERCENTILES,
    values=st.lists(st.integers(1, 40), min_size=1, max_size=300),
    budget=st.integers(1, 40),
    tau=st.sampled_from([1.0, 2.5]),
)
def test_the_interval_agrees_with_the_test(p, values, budget, tau):
    ordered = np.sort(np.array(values))
    n, k = len(values), int((ordered > budget).sum())
    low, high = quantile_interval(ordered, p, 0.05, 0.05, tau)
    assert (high is not None and high <= budget) == (log_e_pass(n, k, p) >= -tau * math.log(0.05))
    assert (low is not None and low > budget) == (log_e_fail(n, k, p) >= -tau * math.log(0.05))


def test_the_interval_holds_the_sample_quantile_and_narrows():
    ordered = np.arange(1, 100_001)
    widths = []
    for n in (1000, 10_000, 100_000):
        low, high = quantile_interval(ordered[:n], 0.95, 0.05, 0.05)
        assert low < sample_quantile(ordered[:n], 0.95) < high
        widths.append((high - low) / n)
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def test_without_samples_nothing_is_bounded():
    assert quantile_interval(np.array([], np.int64), 0.95, 0.05, 0.05) == (None, None)


@pytest.mark.parametrize(("p", "expected"), [(0.5, 5), (0.95, 10), (0.9, 9), (0.01, 1), (0.3, 3)])
def test_a_sample_quantile_is_a_sample(p, expected):
    assert sample_quantile(np.arange(1, 11), p) == expected


def boundary_errors(p, horizon):
    """P(PASS ever) and P(FAIL ever) with P(X = 1) = 1 - p exactly: the law of k, absorbed at the boundaries."""
    law = np.zeros(horizon + 2)
    law[0] = 1.0
    passed = failed = 0.0
    for n in range(1, horizon + 1):
        law[1 : n + 1] = p * law[1 : n + 1] + (1 - p) * law[:n]
        law[0] *= p
        if n >= 50:
            counts = np.arange(n + 1)
            looks = np.full(n + 1, n)
            accept = log_e_pass_each(looks, counts, p) >= math.log(20)
            reject = log_e_fail_each(looks, counts, p) >= math.log(20)
            passed += law[: n + 1][accept].sum()
            failed += law[: n + 1][reject].sum()
            law[: n + 1][accept | reject] = 0
    return passed, failed


@pytest.mark.parametrize("p", [0.5, 0.95, 0.99])
def test_false_verdicts_at_the_boundary_stay_below_five_percent(p):
    passed, failed = boundary_errors(p, 800)
    assert 0.001 < passed <= 0.05
    assert 0.001 < failed <= 0.05


@pytest.mark.lab
@pytest.mark.parametrize("p", [0.5, 0.9, 0.95, 0.99])
def test_false_verdicts_at_the_boundary_stay_below_five_percent_for_long(p):
    passed, failed = boundary_errors(p, 3000)
    assert max(passed, failed) <= 0.05


@pytest.mark.slow
def test_the_interval_covers_at_all_looks_together():
    stream = np.random.default_rng(7)
    misses = 0
    for _ in range(120):
        values = stream.random(1500)
        looks = (np.sort(values[:n]) for n in range(50, 1501, 50))
        ends = [quantile_interval(ordered, 0.9, 0.05, 0.05) for ordered in looks]
        misses += any((low or 0) > 0.9 or (1 if high is None else high) < 0.9 for low, high in ends)
    assert misses <= 12 + 2 * math.sqrt(12 * 0.9)
