"""The error rates of the full rule by simulation: fewer runs than `benchmarks/error_rates.py`, and what each guard is for."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert.records import Verdict
from pytest_edgert.verdicts import dependence, evidence
from pytest_edgert.verdicts.evidence import Held
from pytest_edgert.verdicts.latency import decide
from pytest_edgert.verdicts.shapes import Shape

pytestmark = pytest.mark.lab

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RUNS = 400
HORIZON = 2_500
#: Nominal; `most` adds what chance may add to it in so many runs.
NOMINAL = 0.05


@pytest.fixture(scope="module")
def rates():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("error_rates")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def streams(rates):
    return importlib.import_module("latency_streams")


def most(rates, runs):
    """The most of `runs` streams that a rate of 5 % gives by chance, 1 time in 1,000."""
    return next(count for count in range(runs) if 1 - rates.lower_tail(runs, count, NOMINAL) <= 0.001)


@pytest.mark.parametrize(
    ("p", "horizon", "passed", "failed"),
    [(0.5, 1_000, 0.0127, 0.0189), (0.95, 4_000, 0.0440, 0.0135), (0.99, 10_000, 0.0416, 0.0161)],
)
def test_independent_samples_have_their_exact_error_rates(rates, p, horizon, passed, failed):
    assert rates.exact_error_rates(p, horizon) == pytest.approx((passed, failed), abs=6e-5)


@pytest.mark.parametrize(
    ("name", "p"),
    [
        *[
            (name, p)
            for name in ("i.i.d. lognormal", "i.i.d. bimodal", "AR(1) 0.3", "AR(1) 0.6", "AR(1) 0.9")
            for p in (0.5, 0.95, 0.99)
        ],
        ("bursts of mean length 10, stride 30", 0.95),
        ("bursts of mean length 10, stride 30", 0.99),
    ],
)
def test_at_the_boundary_false_verdicts_stay_within_five_percent(rates, name, p):
    source = next(one for one in rates.full_sources() if one.name == name)
    runs = RUNS if source.stride <= 1 else RUNS // 3
    found = rates.outcomes(source, p, runs, HORIZON, seed=29)
    passed, failed, missed = rates.shares(found, HORIZON)
    assert passed <= most(rates, runs)
    assert failed <= most(rates, runs)
    assert missed <= most(rates, runs) * 2


def test_the_simulation_finds_what_the_rule_says_look_by_look(rates, streams):
    for seed, source in enumerate([streams.lognormal(), streams.first_order(0.6), streams.drift(0.3)]):
        plan = rates.plan_for(source, 0.95)
        plan = replace(plan, budgets=(replace(plan.budgets[0], limit_s=1.03 * plan.budgets[0].limit_s),))
        durations = streams.nanoseconds(source.draw(np.random.default_rng(seed), 400, 0.95))
        starts, held, first = streams.starts(400), Held.fresh(plan), ("", 10**9)
        for n in range(50, 401):
            verdict = decide(durations[:n], starts[:n], plan, held).verdict
            if verdict in {Verdict.PASS, Verdict.FAIL}:
                first = (verdict.value, n)
                break
        found = rates.judge_stream(durations, starts, plan, 400)
        assert (found.verdict, found.n) == first


def wrong(rates, source, p, runs, horizon=HORIZON):
    passed, failed, _ = rates.shares(rates.outcomes(source, p, runs, horizon, seed=31), horizon)
    return (passed + failed) / runs


def test_without_the_autocorrelation_time_dependent_samples_would_be_judged_wrongly(rates, streams, monkeypatch):
    monkeypatch.setattr(dependence, "autocorrelation_time", lambda series: 1.0)
    assert wrong(rates, streams.first_order(0.9), 0.5, 40) > 0.5


def test_without_the_first_order_guard_short_runs_would_fail_too_often(rates, streams, monkeypatch):
    guarded = wrong(rates, streams.first_order(0.9), 0.5, 150, 400)
    whole = dependence.autocorrelation_time

    def summed(series):
        ranks = dependence.mid_ranks(series)
        ranks -= ranks.mean()
        return max(1.0, dependence._windowed_sum(ranks, dependence._product(ranks, ranks)))

    assert whole(np.arange(100)) >= summed(np.arange(100))
    monkeypatch.setattr(dependence, "autocorrelation_time", summed)
    assert wrong(rates, streams.first_order(0.9), 0.5, 150, 400) > guarded + 0.02


def test_without_the_stride_bursts_would_pass_wrongly_and_with_it_they_do_not(rates, streams, monkeypatch):
    monkeypatch.setattr(evidence.HeldShape, "of", lambda self, durations: Shape())
    assert wrong(rates, streams.bursts(10, 0), 0.95, 60) > 0.3


def test_without_jitter_a_spike_as_frequent_as_the_stride_passes(rates):
    assert rates.missed_at_fixed_stride(40, seed=5) > 0.8


def test_a_drift_through_the_budget_is_void_and_would_pass_without_its_shape(rates, streams, monkeypatch):
    source = streams.drift(0.5)
    plan = rates.plan_for(source, 0.5)
    plan = replace(plan, budgets=(replace(plan.budgets[0], limit_s=1.1 * plan.budgets[0].limit_s),))
    drawn = [streams.nanoseconds(source.draw(np.random.default_rng(seed), 4_000, 0.5)) for seed in range(10)]
    starts = streams.starts(4_000)
    assert {decide(one, starts, plan).verdict for one in drawn} == {Verdict.INVALID}
    monkeypatch.setattr(evidence.HeldShape, "of", lambda self, durations: Shape())
    monkeypatch.setattr(dependence, "autocorrelation_time", lambda series: 1.0)
    assert {decide(one, starts, plan).verdict for one in drawn} == {Verdict.PASS}


@pytest.mark.parametrize(
    ("shares", "passes", "fails"),
    [((0.1, 0.1, 1.0), (0, 0.05), (0, 1)), ((1.0, 1.0, 1.0), (0, 1), (0, 0.05)), ((0.5, 0.5, 2.0), (0, 0), (0.99, 1))],
)
def test_three_fresh_workers_pass_and_fail_at_the_rates_promised(rates, shares, passes, fails):
    runs = 100
    passed, failed = rates.three_workers(shares, runs, seed=37)
    room = most(rates, runs) - 0.05 * runs
    assert passes[0] * runs <= passed <= passes[1] * runs + room
    assert fails[0] * runs - 3 <= failed <= fails[1] * runs + room


@pytest.mark.parametrize(("p", "median"), [(0.95, 90), (0.99, 450)])
def test_a_tenth_of_the_allowed_share_passes_soon(rates, p, median):
    assert rates.samples_to_verdict(p, 0.1, 61, seed=41)[0] <= median
