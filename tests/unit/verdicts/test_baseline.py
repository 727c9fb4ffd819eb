"""The test of ratios of block medians: its errors, its interval, and what it says."""

import math

import numpy as np
import pytest

from pytest_edgert.records import LatencyPlan, Verdict
from pytest_edgert.verdicts.baseline import Ratios, block_medians, decide_ratios, judge_ratios
from pytest_edgert.verdicts.dependence import HeldTau
from pytest_edgert.verdicts.margin import Margin
from pytest_edgert.verdicts.quantile import k_fail, k_pass

PLAN = LatencyPlan()
MARGIN = Margin(0.05, "here")
LONG_S = 100.0


def drawn(median, n, *, spread=0.02, rho=0.0, seed=1):
    """Return ratios with this true median; their logarithms are a first-order autoregressive series."""
    noise = np.random.default_rng(seed).standard_normal(n)
    series = np.empty(n)
    series[0] = noise[0]
    for i in range(1, n):
        series[i] = rho * series[i - 1] + math.sqrt(1 - rho**2) * noise[i]
    return median * np.exp(spread * series)


def first_verdict(ratios):
    held = HeldTau()
    for n in range(50, len(ratios) + 1):
        verdict, _tau = decide_ratios(ratios[:n], LONG_S, MARGIN, PLAN, held)
        if verdict is not Verdict.INCONCLUSIVE:
            return verdict
    return Verdict.INCONCLUSIVE


def judged(ratios, plan=PLAN, span_s=LONG_S, stop_reason="the evidence sufficed"):
    return judge_ratios(
        Ratios(np.asarray(ratios, np.float64), span_s, stop_reason, 0.03, {"how": "made"}), MARGIN, plan
    )


@pytest.mark.parametrize(("median", "verdict"), [(0.9, Verdict.PASS), (1.0, Verdict.PASS), (1.2, Verdict.FAIL)])
def test_a_clear_ratio_is_decided_at_the_fewest_pairs(median, verdict):
    assert decide_ratios(drawn(median, 50), LONG_S, MARGIN, PLAN)[0] is verdict


def test_no_verdict_comes_from_fewer_than_fifty_pairs():
    assert decide_ratios(drawn(0.5, 49), LONG_S, MARGIN, PLAN)[0] is Verdict.INCONCLUSIVE


def test_no_verdict_comes_before_the_time_that_evidence_must_span():
    assert decide_ratios(drawn(0.5, 60), 9.0, MARGIN, LatencyPlan(min_s=10.0))[0] is Verdict.INCONCLUSIVE


def test_a_ratio_at_the_limit_counts_as_within():
    assert decide_ratios(np.full(60, MARGIN.limit), LONG_S, MARGIN, PLAN)[0] is Verdict.PASS


@pytest.mark.slow
def test_errors_at_the_limit_are_below_five_percent_exactly():
    """Independent pairs, a look after every pair up to 2,000, by dynamic programming on the pairs beyond the limit."""
    horizon = 2_000
    mass = np.zeros(horizon + 2)
    mass[0] = 1.0
    passed = failed = 0.0
    for n in range(1, horizon + 1):
        mass[1 : n + 1] = (mass[1 : n + 1] + mass[:n]) / 2
        mass[0] /= 2
        most, fewest = (k_pass(n, 0.5, PLAN.alpha), k_fail(n, 0.5, PLAN.beta)) if n >= 50 else (None, None)
        if most is not None:
            passed += mass[: most + 1].sum()
            mass[: most + 1] = 0.0
        if fewest is not None:
            failed += mass[fewest : n + 1].sum()
            mass[fewest : n + 1] = 0.0
    assert passed == pytest.approx(0.0136, abs=1e-4)
    assert failed == pytest.approx(0.0204, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.9])
def test_simulated_errors_at_the_limit_are_within_five_percent(rho):
    runs = 300
    found = [first_verdict(drawn(MARGIN.limit, 250, rho=rho, seed=seed)) for seed in range(runs)]
    most = (0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)) * runs
    assert found.count(Verdict.PASS) <= most
    assert found.count(Verdict.FAIL) <= most


def test_the_simulation_shows_what_ignoring_dependence_would_cost(monkeypatch):
    monkeypatch.setattr(HeldTau, "of", lambda self, *given: 1.0)
    runs = 60
    found = [first_verdict(drawn(MARGIN.limit, 250, rho=0.9, seed=seed)) for seed in range(runs)]
    assert found.count(Verdict.PASS) + found.count(Verdict.FAIL) > runs / 3


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("median", [0.98, 1.03, 1.05, 1.07, 1.2])
def test_the_interval_agrees_with_the_verdict(median, seed):
    test = judged(drawn(median, 60, seed=seed)).test
    assert (test.verdict is Verdict.PASS) == (test.high is not None and test.high <= MARGIN.limit)
    assert (test.verdict is Verdict.FAIL) == (test.low is not None and test.low > MARGIN.limit)
    assert test.low is None or test.high is None or test.low <= test.median <= test.high


def test_too_few_pairs_show_no_interval_that_could_contradict_the_verdict():
    test = judged(drawn(5.0, 49)).test
    assert (test.verdict, test.low, test.high) == (Verdict.INCONCLUSIVE, None, None)


def test_what_far_pairs_vary_is_no_dependence_that_could_carry_them_over_the_limit():
    waves = 4.94 + 0.15 * np.sin(np.arange(61) / 10)
    assert judged(waves).test.verdict is Verdict.FAIL


def test_the_record_has_ratios_limit_source_and_how():
    test = judged(drawn(1.0, 60)).test
    assert (test.name, test.unit, len(test.values)) == ("baseline", "ratio", 60)
    assert (test.limit, test.source, test.block_s, test.detail) == (1.05, "here", 0.03, {"how": "made"})


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_a_ratio_that_is_none_makes_the_comparison_invalid(bad):
    found = judged([*drawn(1.0, 60), bad])
    assert found.test.verdict is Verdict.INVALID
    assert found.test.values == ()
    assert found.reason.startswith("1 of 61 pairs of blocks have a median that is not above zero")


def test_nothing_measured_is_inconclusive():
    found = judged([])
    assert found.test.verdict is Verdict.INCONCLUSIVE
    assert (found.test.median, found.test.low, found.test.high) == (None, None, None)
    assert "too few pairs of blocks: 0 of at least 50" in found.reason


def test_the_reason_tells_interval_and_limit():
    assert judged(drawn(1.2, 60)).reason.startswith("ratio 1.2 in [1.1")
    assert (
        "beyond the limit of 1.05 (60 pairs of blocks; stopped: the evidence sufficed)" in judged(drawn(1.2, 60)).reason
    )
    assert "within the limit of 1.05" in judged(drawn(1.0, 60)).reason


def test_an_end_beside_the_limit_has_digits_enough_to_tell_them_apart():
    found = judged(np.concatenate((np.full(30, 1.0), np.full(31, 1.04999))))
    assert "1.04999" in found.reason


@pytest.mark.parametrize(
    ("ratios", "span_s", "told"),
    [
        (drawn(1.05, 80, seed=3), LONG_S, "too close to call: ratio"),
        (drawn(1.0, 30), LONG_S, "too few pairs of blocks: 30 of at least 50"),
        (drawn(1.0, 80), 4.0, "too short: the pairs span 4 s of at least 10 s"),
    ],
)
def test_an_open_question_says_why_and_what_to_do(ratios, span_s, told):
    found = judged(ratios, LatencyPlan(min_s=10.0), span_s, "the cap of 4 s was reached")
    assert found.test.verdict is Verdict.INCONCLUSIVE
    assert told in found.reason
    assert "--edge-max-time" in found.remedy


def test_blocks_of_a_run_last_what_they_shall():
    assert len(block_medians(np.full(1000, 1_000_000), 0.03, 20)) == 1000 // 30


def test_a_short_run_is_cut_into_shorter_blocks():
    assert len(block_medians(np.full(130, 1_000_000), 0.03, 60)) == 65


def test_a_run_of_slow_inferences_has_blocks_of_one():
    durations = np.arange(1, 8) * 10**9
    assert block_medians(durations, 0.03, 60).tolist() == durations.tolist()


def test_a_block_counts_by_its_median():
    assert block_medians(np.array([1, 2, 30, 4, 5, 60, 7]), 15e-9, 2).tolist() == [2.0, 5.0]


def test_an_empty_run_has_no_block():
    assert len(block_medians(np.zeros(0, np.int64), 0.03, 60)) == 0
