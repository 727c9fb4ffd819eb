"""The latency job with requests that arrive on their own, on a fake clock."""

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.job.latency import measure_latency
from pytest_edgert.latencies import in_open_loop
from pytest_edgert.measure.parts import KeptParts
from pytest_edgert.measure.samples import OVERRUN, SUFFICED
from pytest_edgert.records import Arrival, Budget, LatencyPlan, Pattern, Verdict
from pytest_edgert.verdicts.latency import judge_latency


class Ticking(FakeClock):
    """A fake clock on which reading it takes a microsecond, so that a spin ends."""

    def now_ns(self):
        self.time_ns += 1000
        return self.time_ns


class Scripted:
    """A session whose inference `i` moves the clock on by `duration_s(i)`."""

    def __init__(self, duration_s):
        self.clock = Ticking()
        self.duration_s = duration_s
        self.n = 0

    def infer(self, feeds):
        self.clock.sleep_s(self.duration_s(self.n))
        self.n += 1
        return feeds


def noisy(median_s, seed=1):
    factors = np.exp(0.1 * np.random.default_rng(seed).standard_normal(10_000))
    return lambda i: float(median_s * factors[i % 10_000])


def plan_of(arrival, *limits, **changes):
    return LatencyPlan(budgets=tuple(Budget(p, s) for p, s in limits), arrival=arrival, **changes)


def measured(duration_s, plan, **keywords):
    session = Scripted(duration_s)
    reports = []
    clocks = {"now_ns": session.clock.now_ns, "sleep_s": session.clock.sleep_s}
    return measure_latency(session, {}, plan, reports.append, **clocks, **keywords), session, reports


def judged(samples, plan):
    return in_open_loop(judge_latency(samples.durations_ns, samples.starts_ns, plan, **samples.header()), samples, plan)


def every(interval_s):
    return Arrival(Pattern.EVERY, interval_s)


def test_response_times_count_from_the_intended_start():
    plan = plan_of(every(0.01), measure_s=3.0)
    samples, _, _ = measured(lambda i: 0.05 if i == 200 else 0.002, plan)
    assert (samples.durations_ns == samples.starts_ns + samples.service_ns - samples.intended_ns).all()
    assert np.sort(samples.durations_ns)[-6:].tolist() == pytest.approx(
        [1e6 * ms for ms in (10, 18, 26, 34, 42, 50)], rel=0.02
    )
    assert np.sort(samples.service_ns)[-2] < 2.1e6
    assert samples.queue == 5


@pytest.mark.slow
def test_a_pause_that_a_closed_loop_hides_fails_the_budget():
    def stalls(i):
        return 0.5 if i % 500 == 499 else 0.002

    arrival = every(0.004)
    closed, open_loop = (plan_of(one, (95, 0.01), min_s=8.0) for one in (Arrival(), arrival))
    in_closed, _, _ = measured(stalls, closed)
    assert (
        judge_latency(in_closed.durations_ns, in_closed.starts_ns, closed, **in_closed.header()).verdict is Verdict.PASS
    )
    assert judged(measured(stalls, open_loop)[0], open_loop).verdict is Verdict.FAIL


@pytest.mark.parametrize("arrival", [every(0.02), Arrival(Pattern.POISSON, 0.02)])
@pytest.mark.parametrize(("limit_s", "verdict"), [(1.0, Verdict.PASS), (0.001, Verdict.FAIL)])
def test_a_clear_case_is_decided(arrival, limit_s, verdict):
    plan = plan_of(arrival, (95, limit_s))
    samples, session, _ = measured(noisy(0.005), plan)
    found = judged(samples, plan)
    assert (found.verdict, samples.stop_reason) == (verdict, SUFFICED)
    assert session.clock.time_ns < 30e9
    assert found.latency.arrival.split()[0] == arrival.pattern.value
    assert found.latency.service[0].value_s == pytest.approx(0.005, rel=0.1)


@pytest.mark.parametrize("limits", [[(95, 3600.0)], []])
@pytest.mark.parametrize("arrival", [every(0.01), Arrival(Pattern.POISSON, 0.01)])
def test_an_arrival_faster_than_the_runtime_ends_soon_and_never_passes(arrival, limits):
    plan = plan_of(arrival, *limits, max_s=60.0, measure_s=60.0)
    samples, session, _ = measured(noisy(0.015), plan)
    assert samples.stop_reason == OVERRUN
    assert session.clock.time_ns < 10e9
    assert judged(samples, plan).verdict is (Verdict.FAIL if limits else Verdict.INVALID)


def test_an_overrun_by_a_few_percent_is_noticed_before_the_cap():
    plan = plan_of(every(0.01), (95, 3600.0))
    samples, _, _ = measured(noisy(0.0103), plan)
    assert samples.stop_reason == OVERRUN
    assert judged(samples, plan).verdict is Verdict.FAIL


def test_the_warm_up_comes_at_the_same_pace_and_leaves_no_queue():
    plan = plan_of(every(0.1), measure_s=2.0, warm_up_n=5)
    samples, _, _ = measured(lambda i: 3.0 if i == 0 else 0.01, plan)
    assert samples.first_ns == pytest.approx(3e9, rel=0.01)
    assert samples.durations_ns.max() < 11e6
    assert samples.warm_up_n == 5


def test_no_request_is_waited_for_beyond_the_cap():
    plan = plan_of(every(3600.0), (95, 1.0), max_s=60.0)
    samples, session, _ = measured(lambda i: 0.01, plan)
    assert session.clock.time_ns < 1e9
    assert samples.stop_reason == "the cap of 60 s was reached"
    assert len(samples.durations_ns) == 1


def test_a_long_wait_reports_progress_and_reads_sensors():
    plan = plan_of(every(5.0), measure_s=12.0, warm_up_n=1, warm_up_s=0.0)
    _, session, reports = measured(lambda i: 0.01, plan)
    assert len(reports) > 0.8 * session.clock.time_ns / 1e9
    assert reports[-1]["phase"] == "sampling"


def test_a_seed_says_the_arrivals_of_a_measurement():
    gaps = []
    for seed in (1, 1, 2):
        plan = plan_of(Arrival(Pattern.POISSON, 0.01), measure_s=1.0, seed=seed)
        gaps.append(np.diff(measured(lambda i: 0.0001, plan)[0].intended_ns)[:50].tolist())
    assert gaps[0] == gaps[1] != gaps[2]


@pytest.mark.parametrize("arrival", [Arrival(), every(0.004)])
def test_the_samples_so_far_are_handed_on_while_it_runs(arrival):
    parts = KeptParts()
    plan = plan_of(arrival, measure_s=7.0)
    samples, _, _ = measured(noisy(0.001), plan, keep=parts.add)
    kept = parts.samples("lost")
    assert 3 <= len(parts.parts) <= 4
    n = len(kept.durations_ns)
    assert 0.7 * len(samples.durations_ns) < n < len(samples.durations_ns)
    assert (kept.durations_ns == samples.durations_ns[:n]).all()
    assert (kept.starts_ns == samples.starts_ns[:n]).all()
    assert (kept.intended_ns is None) == (samples.intended_ns is None)
    assert kept.warm_up_n == samples.warm_up_n


def test_a_short_measurement_hands_nothing_on():
    parts = KeptParts()
    measured(noisy(0.001), plan_of(Arrival(), measure_s=1.5), keep=parts.add)
    assert parts.samples("lost") is None
