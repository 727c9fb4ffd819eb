import math

import pytest
from scipy import stats

from pytest_edgert.verdicts.binomial import k_fail_exact, k_pass_exact, lower_tail, upper_tail


@pytest.mark.parametrize(
    ("n", "k", "q"), [(10, 3, 0.5), (59, 0, 0.05), (1000, 40, 0.05), (24_576, 200, 0.01), (100_000, 51_000, 0.5)]
)
def test_tails_agree_with_scipy(n, k, q):
    assert lower_tail(n, k, q) == pytest.approx(stats.binom.cdf(k, n, q), rel=1e-8, abs=1e-300)
    assert upper_tail(n, k, q) == pytest.approx(stats.binom.sf(k - 1, n, q), rel=1e-8, abs=1e-300)


def test_tails_at_the_ends_are_certain_or_impossible():
    assert lower_tail(10, -1, 0.1) == 0.0
    assert lower_tail(10, 10, 0.1) == 1.0
    assert upper_tail(10, 11, 0.1) == 0.0
    assert upper_tail(10, 0, 0.1) == 1.0


@pytest.mark.parametrize(("p", "clean"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_clean_samples_that_pass_are_the_textbook_numbers(p, clean):
    assert k_pass_exact(clean, p, 0.05) == 0
    assert k_pass_exact(clean - 1, p, 0.05) is None


@pytest.mark.parametrize(("n", "p"), [(59, 0.95), (500, 0.95), (1000, 0.99), (77, 0.5)])
def test_thresholds_are_the_last_counts_within_the_error_rate(n, p):
    most, fewest = k_pass_exact(n, p, 0.05), k_fail_exact(n, p, 0.05)
    assert stats.binom.cdf(most, n, 1 - p) <= 0.05 < stats.binom.cdf(most + 1, n, 1 - p)
    assert stats.binom.sf(fewest - 1, n, 1 - p) <= 0.05 < stats.binom.sf(fewest - 2, n, 1 - p)


def test_too_few_samples_can_neither_pass_nor_fail():
    assert k_pass_exact(3, 0.5, 0.05) is None
    assert k_fail_exact(3, 0.5, 0.05) is None
    assert k_pass_exact(0, 0.5, 0.05) is None


def test_dependence_makes_both_verdicts_harder():
    assert k_pass_exact(1000, 0.95, 0.05, tau=4.0) < k_pass_exact(1000, 0.95, 0.05)
    assert k_fail_exact(1000, 0.95, 0.05, tau=4.0) > k_fail_exact(1000, 0.95, 0.05)
    assert math.floor(1000 / 4.0) * 4 >= k_fail_exact(1000, 0.95, 0.05, tau=4.0)
