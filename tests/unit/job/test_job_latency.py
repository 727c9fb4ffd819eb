import json

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.job import latency as job
from pytest_edgert.job.latency import measure_latency
from pytest_edgert.records import Budget, LatencyPlan, Verdict
from pytest_edgert.runtimes.fake import RUNTIME
from pytest_edgert.verdicts.latency import judge_latency


class Scripted:
    """A session whose inference `i` moves a fake clock on by `duration_s(i)`."""

    def __init__(self, duration_s):
        self.clock = FakeClock()
        self.duration_s = duration_s
        self.n = 0

    def infer(self, feeds):
        self.clock.sleep_s(self.duration_s(self.n))
        self.n += 1
        return feeds


def noisy(median_s, seed=1):
    factors = np.exp(0.05 * np.random.default_rng(seed).standard_normal(10_000))
    return lambda i: float(median_s * factors[i % 10_000])


def measured(duration_s, plan, report=lambda fields: None):
    session = Scripted(duration_s)
    return measure_latency(session, {}, plan, report, now_ns=session.clock.now_ns), session


def judged(samples, plan):
    return judge_latency(samples.durations_ns, samples.starts_ns, plan, **samples.header())


def plan_of(*limits, **changes):
    return LatencyPlan(budgets=tuple(Budget(p, limit_s) for p, limit_s in limits), **changes)


@pytest.mark.parametrize(("limit_s", "verdict"), [(1.0, Verdict.PASS), (1e-6, Verdict.FAIL)])
def test_a_clear_case_is_decided_soon_after_the_warm_up(limit_s, verdict):
    plan = plan_of((95, limit_s))
    samples, session = measured(noisy(5e-5), plan)
    assert judged(samples, plan).verdict is verdict
    assert samples.stop_reason == "the evidence sufficed"
    assert session.clock.time_ns < 2e9


def test_every_inference_is_warm_up_or_a_sample():
    samples, session = measured(noisy(1e-3), plan_of((95, 1.0)))
    assert session.n == samples.warm_up_n + len(samples.durations_ns)
    assert samples.warm_up_ns >= 1e9


def test_too_close_to_call_ends_at_the_cap():
    plan = plan_of((50, 1e-3), max_s=5.0)
    samples, session = measured(lambda i: 1.1e-3 if i % 2 else 0.9e-3, plan)
    assert samples.stop_reason == "the cap of 5 s was reached"
    assert 5e9 <= session.clock.time_ns < 5.2e9
    assert judged(samples, plan).verdict is Verdict.INCONCLUSIVE


def test_without_a_budget_it_watches_for_the_time_asked_for():
    samples, session = measured(noisy(1e-3), LatencyPlan(measure_s=2.0))
    assert samples.stop_reason == "2 s were watched"
    assert 3e9 <= session.clock.time_ns < 3.2e9


def test_fixed_n_takes_exactly_n():
    plan = plan_of((95, 1.0), fixed_n=1000)
    samples, _ = measured(noisy(1e-4), plan)
    assert len(samples.durations_ns) == 1000
    assert judged(samples, plan).verdict is Verdict.PASS


def test_a_fixed_number_of_samples_is_of_counted_ones():
    plan = plan_of((95, 1.0), fixed_n=100, stride_s=0.01)
    samples, _ = measured(noisy(1e-4), plan)
    found = judged(samples, plan)
    assert samples.stop_reason == "all 100 samples were taken"
    assert (found.verdict, found.latency.n) == (Verdict.PASS, 100)
    assert found.latency.inferences > 9000


def test_a_fixed_number_of_samples_is_counted_after_a_longer_warm_up():
    plan = plan_of((95, 1.3e-3), fixed_n=2000)
    steady = noisy(1e-3)
    samples, _ = measured(lambda i: steady(i) * (2 if i < 1500 else 1), plan)
    found = judged(samples, plan)
    assert found.latency.cut_n > 900
    assert (found.verdict, found.latency.n) == (Verdict.PASS, 2000)
    assert found.latency.inferences == 2000


def test_the_evidence_spans_the_time_asked_for():
    plan = plan_of((95, 1.0), min_s=4.0)
    samples, session = measured(noisy(1e-3), plan)
    assert 5e9 <= session.clock.time_ns < 5.3e9
    assert judged(samples, plan).verdict is Verdict.PASS


def test_an_inference_longer_than_the_cap_still_leaves_a_sample():
    plan = plan_of((95, 1.0), max_s=2.0)
    samples, _ = measured(lambda i: 3.0, plan)
    assert (samples.warm_up_n, len(samples.durations_ns)) == (1, 1)
    assert judged(samples, plan).verdict is Verdict.INCONCLUSIVE


def test_a_session_that_drifts_through_its_budget_is_watched_for_ten_seconds_and_is_invalid():
    plan = plan_of((50, 1.3e-3), min_s=6.0)
    steady = noisy(1e-3)
    samples, session = measured(lambda i: steady(i) * (1 + i / 8000), plan)
    assert judged(samples, plan).verdict is Verdict.INVALID
    assert 11e9 <= session.clock.time_ns < 11.5e9


def test_a_session_that_settles_after_the_warm_up_is_judged_on_what_came_after():
    plan = plan_of((95, 1.3e-3), min_s=2.0)
    steady = noisy(1e-3)
    samples, _ = measured(lambda i: steady(i) * (2 if i < 800 else 1), plan)
    found = judged(samples, plan)
    assert found.verdict is Verdict.PASS
    assert found.latency.shape == "warm-up"
    assert found.latency.warm_up_n + found.latency.inferences == samples.warm_up_n + len(samples.durations_ns)


def test_with_a_stride_only_samples_that_far_apart_count_and_the_stop_is_confirmed():
    plan = plan_of((95, 2e-3), stride_s=0.02, seed=5)
    samples, _ = measured(noisy(1e-3), plan)
    found = judged(samples, plan)
    assert samples.stop_reason == "the evidence sufficed"
    assert found.verdict is Verdict.PASS
    assert found.latency.n < found.latency.inferences / 20


def test_a_clock_that_stands_still_is_invalid():
    plan = plan_of((95, 1.0))
    samples, _ = measured(lambda i: 0.1 if i < 10 else 0.0, plan)
    assert judged(samples, plan).verdict is Verdict.INVALID


def test_progress_comes_at_most_four_times_a_second_and_says_where_it_stands():
    reports = []
    _, session = measured(noisy(1e-3), plan_of((50, 1e-3), max_s=4.0), reports.append)
    assert len(reports) <= 4 * session.clock.time_ns / 1e9
    assert {fields["phase"] for fields in reports} == {"warm-up", "sampling"}
    last = reports[-1]
    assert last["percentile"] == 50
    assert last["estimate_s"] == pytest.approx(1e-3, rel=0.02)
    assert last["n"] > 0
    assert 3 < last["elapsed_s"] <= 4


def test_what_the_report_raises_ends_the_measurement():
    def stop(fields):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measured(noisy(1e-3), LatencyPlan(), stop)


def test_samples_beyond_the_first_room_are_all_kept_in_order():
    samples, _ = measured(noisy(1e-4), LatencyPlan(measure_s=2.0))
    assert len(samples.durations_ns) > 4 * 4096
    assert (np.diff(samples.starts_ns) >= samples.durations_ns[:-1]).all()
    assert (samples.durations_ns > 0).all()


def test_memory_is_bounded_by_a_number_of_samples(monkeypatch):
    monkeypatch.setattr(job, "MAX_SAMPLES", 5000)
    samples, _ = measured(noisy(1e-5), LatencyPlan(measure_s=50.0))
    assert len(samples.durations_ns) == 5000
    assert samples.stop_reason == "the cap of 5000 samples was reached"


@pytest.mark.parametrize("seed", range(4))
def test_the_controller_finds_the_verdict_that_stopped_the_sampling(seed):
    plan = plan_of((50, 1.01e-3), (95, 1.1e-3), max_s=10.0)
    samples, _ = measured(noisy(1e-3, seed), plan)
    verdict = judged(samples, plan).verdict
    assert (samples.stop_reason == "the evidence sufficed") == (verdict in {Verdict.PASS, Verdict.FAIL})


@pytest.mark.slow
@pytest.mark.parametrize(("limit_s", "verdict"), [(1.0, Verdict.PASS), (1e-7, Verdict.FAIL)])
def test_a_real_session_on_the_real_clock_is_judged_by_what_it_does(tmp_path, limit_s, verdict):
    artefact = tmp_path / "m.fake"
    tensor = {"name": "x", "shape": [4]}
    artefact.write_text(json.dumps({"inputs": [tensor], "outputs": [{"name": "y", "of": "x"}]}))
    plan = plan_of((95, limit_s), warm_up_s=0.02, min_s=0.1, max_s=5.0)
    with RUNTIME.open(artefact, "cpu", {}) as session:
        samples = measure_latency(session, {"x": np.ones(4, np.float32)}, plan, lambda fields: None)
    assert judged(samples, plan).verdict is verdict
