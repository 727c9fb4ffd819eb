import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.errors import MeasurementInvalidError
from pytest_edgert.records import Budget, LatencyPlan, Verdict
from pytest_edgert.verdicts.evidence import Held, limit_ns
from pytest_edgert.verdicts.latency import decide, fewest_samples, judge_latency

MS = 1_000_000


def plan_of(*limits, **changes):
    return LatencyPlan(budgets=tuple(Budget(p, limit_s) for p, limit_s in limits), **changes)


def lognormal(n, median_ns=MS, seed=1):
    return np.round(median_ns * np.exp(0.1 * np.random.default_rng(seed).standard_normal(n))).astype(np.int64)


def starts_of(durations):
    return np.cumsum(durations) - durations


def judge(durations, plan, stop_reason="the evidence sufficed"):
    return judge_latency(
        durations, starts_of(durations), plan, first_ns=5 * MS, warm_up_n=10, warm_up_ns=10**9, stop_reason=stop_reason
    )


def test_far_below_the_budget_passes_with_the_interval_in_the_reason():
    judged = judge(lognormal(400), plan_of((95, 0.005)))
    assert judged.verdict is Verdict.PASS
    assert judged.reason.startswith("p95 in [1.1")
    assert "within the budget of 5 ms" in judged.reason
    assert judged.remedy == ""


def test_far_above_the_budget_fails_with_n_why_it_stopped_and_a_remedy():
    judged = judge(lognormal(60), plan_of((95, 1e-6)))
    assert judged.verdict is Verdict.FAIL
    assert "beyond the budget of 1 µs (60 samples" in judged.reason
    assert "stopped: the evidence sufficed" in judged.reason
    assert judged.remedy


def test_without_a_budget_it_is_measured():
    judged = judge(lognormal(2000), LatencyPlan())
    assert judged.verdict is Verdict.MEASURED
    assert judged.latency.budgets == ()
    assert [q.percentile for q in judged.latency.quantiles] == [50.0, 95.0, 99.0]


def test_at_the_cap_it_is_too_close_to_call_with_the_interval():
    durations = lognormal(600)
    exactly = float(np.sort(durations)[int(0.95 * 600)]) / 1e9
    judged = judge(durations, plan_of((95, exactly)), "the cap of 60 s was reached")
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.reason.startswith("too close to call: p95 in [")
    assert "the cap of 60 s" in judged.reason
    assert judged.remedy


@pytest.mark.parametrize("limit_s", [1.0, 1e-6])
def test_no_verdict_of_either_kind_from_fewer_than_fifty_samples(limit_s):
    durations = lognormal(49)
    judged = judge(durations, plan_of((50, limit_s)))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert "too few samples: 49 of at least 50" in judged.reason
    assert judge(lognormal(50), plan_of((50, limit_s))).verdict in {Verdict.PASS, Verdict.FAIL}


def test_dependent_samples_need_twenty_times_their_autocorrelation_time():
    durations = np.repeat(lognormal(10), 12)
    judged = judge(durations, plan_of((50, 1e-6)))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert f"at least {fewest_samples(judged.latency.tau)}" in judged.reason
    assert judged.latency.n_effective == judged.latency.n / judged.latency.tau


def test_no_verdict_before_the_samples_span_the_time_asked_for():
    durations = lognormal(400)
    judged = judge(durations, plan_of((95, 1.0), min_s=10.0))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert "of at least 10 s" in judged.reason


def test_all_budgets_must_pass():
    durations = lognormal(380)
    exactly = float(np.median(durations)) / 1e9
    judged = judge(durations, plan_of((50, exactly), (99, 1.0)))
    assert [part.verdict for part in judged.latency.budgets] == [Verdict.INCONCLUSIVE, Verdict.PASS]
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert "p99" not in judged.reason


def test_one_budget_beyond_fails_the_check_and_is_the_one_named():
    judged = judge(lognormal(400), plan_of((50, 1e-6), (95, 1.0)))
    assert judged.verdict is Verdict.FAIL
    assert "p50" in judged.reason
    assert "p95" not in judged.reason


def test_more_budgets_make_each_harder_to_fail():
    durations = np.concatenate((np.full(44, 2 * MS), np.full(40, MS)))
    np.random.default_rng(2).shuffle(durations)
    lows = []
    for budgets in (((50, 0.0015),), tuple((p, 0.0015) for p in (50, 90, 95, 99))):
        record = judge(durations, plan_of(*budgets)).latency
        lows.append(next(q.low_s for q in record.quantiles if q.percentile == 50))
    assert lows[0] >= lows[1]


@pytest.mark.slow
@given(
    st.lists(st.integers(20, 60), min_size=50, max_size=400),
    st.integers(20, 60),
    st.sampled_from([50.0, 90.0, 95.0]),
    st.sampled_from([None, 50]),
)
@settings(max_examples=60, deadline=None)
def test_pass_and_fail_agree_with_the_printed_interval(values, limit, percentile, fixed_n):
    durations = np.array(values) * 1000 + np.arange(len(values))  # all different: not the steps of a coarse clock
    judged = judge(durations, plan_of((percentile, (limit + 0.5) * 1e-6), fixed_n=fixed_n))
    part = judged.latency.budgets[0]
    low, high = part.quantile.low_s, part.quantile.high_s
    if part.verdict is not Verdict.INVALID and judged.latency.n >= fewest_samples(judged.latency.tau):
        assert (part.verdict is Verdict.PASS) == (high is not None and high * 1e6 <= limit + 0.5)
        assert (part.verdict is Verdict.FAIL) == (low is not None and low * 1e6 > limit + 0.5)
    assert part.exceedances == sum(value > limit for value in values[:fixed_n])


@pytest.mark.slow
@given(st.integers(0, 10_000), st.lists(st.integers(1, 90), min_size=1, max_size=40), st.floats(0.9e-3, 1.4e-3))
@settings(max_examples=60, deadline=None)
def test_the_controller_finds_the_verdict_that_stopped_the_sampling(seed, blocks, limit_s):
    durations = lognormal(sum(blocks), seed=seed)
    plan = plan_of((50, limit_s), (95, 1.3 * limit_s))
    held, stopped = Held.fresh(plan), Verdict.INCONCLUSIVE
    for n in np.cumsum(blocks):
        taken = durations[:n]
        stopped = decide(taken, starts_of(taken), plan, held).verdict
        if stopped is not Verdict.INCONCLUSIVE:
            break
    assert judge(taken.copy(), plan).verdict is stopped


def rising(n=4000, to=3.0):
    return np.round(lognormal(n) * np.linspace(1, to, n)).astype(np.int64)


def test_a_latency_that_rises_through_the_budget_is_invalid_and_says_from_what_to_what():
    judged = judge(rising(), plan_of((50, 0.002)))
    assert judged.verdict is Verdict.INVALID
    assert judged.latency.budgets[0].verdict is Verdict.INVALID
    assert judged.latency.shape == "slowdown"
    assert judged.reason.startswith("slowdown: latency rose, 1.")
    assert judged.doubts[0].voids
    assert judged.doubts[0].passing
    assert judged.remedy


def test_a_rise_that_does_not_matter_to_the_verdict_is_told_beside_it():
    judged = judge(rising(), plan_of((95, 1.0)))
    assert judged.verdict is Verdict.PASS
    assert [(doubt.kind, doubt.voids) for doubt in judged.doubts] == [("slowdown", False)]


@pytest.mark.parametrize(("limit_s", "verdict"), [(0.004, Verdict.PASS), (0.0005, Verdict.FAIL)])
def test_a_step_that_turns_no_verdict_does_not_make_all_samples_of_a_level_one(limit_s, verdict):
    durations = lognormal(4000)
    durations[2000:] += MS // 2
    judged = judge(durations, plan_of((95, limit_s)))
    assert judged.latency.shape == "slowdown"
    assert judged.latency.tau < 2
    assert judged.verdict is verdict


def test_without_a_budget_a_rise_is_told():
    judged = judge(rising(), LatencyPlan())
    assert judged.verdict is Verdict.MEASURED
    assert [doubt.kind for doubt in judged.doubts] == ["slowdown"]


def test_a_longer_warm_up_is_cut_off_and_the_test_begins_again_on_the_rest():
    durations = lognormal(4000)
    durations[:1000] *= 3
    plan = plan_of((95, 0.0015))
    judged = judge(durations, plan)
    alone = judge(durations[judged.latency.cut_n :], plan)
    assert 900 <= judged.latency.cut_n <= 1100
    assert judged.verdict is alone.verdict is Verdict.PASS
    assert judged.latency.budgets[0].exceedances == alone.latency.budgets[0].exceedances
    assert judged.latency.inferences == judged.latency.n == 4000 - judged.latency.cut_n
    assert judged.latency.warm_up_n == 10 + judged.latency.cut_n
    assert "were cut off as warm-up" in judged.doubts[0].sentence


def test_a_verdict_that_hangs_on_the_rounding_of_the_clock_is_invalid():
    durations = np.random.default_rng(3).integers(2, 6, 2000) * MS
    plan, far = plan_of((95, 0.0055)), plan_of((95, 0.0075))
    assert judge(durations, plan).verdict is Verdict.INVALID
    assert "steps of 1 ms" in judge(durations, plan).reason
    judged = judge(durations, far)
    assert (judged.verdict, [doubt.kind for doubt in judged.doubts]) == (Verdict.PASS, ["quantised"])


@pytest.mark.parametrize("limit_s", [1.0, 1e-6])
def test_a_clock_that_went_backwards_makes_every_verdict_invalid(limit_s):
    durations = lognormal(800)
    starts = starts_of(durations)
    starts[400] -= 2 * MS
    how = {"first_ns": MS, "warm_up_n": 1, "warm_up_ns": MS, "stop_reason": "the evidence sufficed"}
    judged = judge_latency(durations, starts, plan_of((95, limit_s)), **how)
    assert judged.verdict is Verdict.INVALID
    assert judged.latency.budgets[0].verdict is Verdict.INVALID
    assert "went backwards" in judged.reason


def test_only_samples_a_stride_apart_are_judged_and_all_inferences_are_kept_in_the_record():
    durations = lognormal(4000)
    judged = judge(durations, plan_of((95, 0.005), stride_s=0.01, seed=3))
    latency = judged.latency
    assert judged.verdict is Verdict.PASS
    assert 4000 / 15 - 30 < latency.n < 4000 / 10
    assert latency.inferences == 4000
    assert latency.throughput_per_s == pytest.approx(4000 / (durations.sum() / 1e9))


def test_the_fewest_samples_and_a_fixed_number_are_of_counted_ones():
    durations = lognormal(4000)
    few = judge(durations[:500], plan_of((95, 1.0), stride_s=0.01))
    assert "too few samples: " in few.reason
    fixed = judge(durations, plan_of((95, 1.0), stride_s=0.01, fixed_n=1000))
    assert f"only {fixed.latency.n} of the 1000 samples" in fixed.reason


def test_percentiles_that_the_samples_cannot_support_are_left_out():
    shown = {
        n: [q.percentile for q in judge(lognormal(n), LatencyPlan()).latency.quantiles]
        for n in (5, 6, 73, 74, 378, 379)
    }
    assert shown == {5: [], 6: [50], 73: [50], 74: [50, 95], 378: [50, 95], 379: [50, 95, 99]}


def test_the_percentile_of_a_budget_is_always_there_and_unbounded_where_it_must_be():
    quantile = judge(lognormal(60), plan_of((99.9, 1.0))).latency.quantiles[-1]
    assert quantile.percentile == 99.9
    assert quantile.high_s is None


def test_fixed_n_uses_the_exact_bound_once_all_samples_are_there():
    durations = lognormal(60)
    plan = plan_of((95, 1.0), fixed_n=60)
    assert judge(durations, plan).verdict is Verdict.PASS
    assert judge(durations, plan_of((95, 1.0))).verdict is Verdict.INCONCLUSIVE
    early = judge(durations[:59], plan)
    assert early.verdict is Verdict.INCONCLUSIVE
    assert "only 59 of the 60 samples" in early.reason


def test_no_sample_at_all_is_no_measurement():
    with pytest.raises(MeasurementInvalidError):
        judge(np.array([], np.int64), LatencyPlan())


def test_the_record_says_what_was_measured():
    latency = judge(np.full(100, 2 * MS), plan_of((95, 0.005)), "why").latency
    assert (latency.n, latency.tau, latency.n_effective) == (100, 1.0, 100.0)
    assert latency.throughput_per_s == 500.0
    assert latency.span_s == 0.2
    assert (latency.first_s, latency.warm_up_n, latency.warm_up_s, latency.stop_reason) == (0.005, 10, 1.0, "why")


@pytest.mark.slow
@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=80))
@settings(deadline=None)
def test_no_figure_of_a_record_is_nan_or_infinite(values):
    latency = judge(np.array(values), plan_of((95, 0.001))).latency
    figures = [latency.tau, latency.n_effective, latency.throughput_per_s, latency.span_s]
    figures += [q.value_s for q in latency.quantiles]
    assert all(math.isfinite(figure) for figure in figures)


@pytest.mark.parametrize(
    ("limit_s", "expected"), [(0.005, 5e6), (1e-6, 1e3), (0.0023, 2.3e6), (1e-7, 100), (1e300, math.inf)]
)
def test_a_limit_in_nanoseconds_has_no_rounding_error(limit_s, expected):
    assert limit_ns(Budget(95, limit_s)) == pytest.approx(expected, rel=0) or limit_s == 1e300


def test_a_sample_equal_to_the_budget_is_within_it():
    assert judge(np.full(100, 2_300_000), plan_of((95, 0.0023))).verdict is Verdict.PASS
