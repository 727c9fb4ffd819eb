import numpy as np
import pytest

from pytest_edgert.records import Arrival, Budget, LatencyPlan, Pattern, Verdict
from pytest_edgert.verdicts.latency import judge_latency
from pytest_edgert.verdicts.queue import Load, judge_queue, load_of, service_quantiles

INTERVAL_S = 0.01
EVERY = Arrival(Pattern.EVERY, INTERVAL_S)


def queued(service_s, gaps_s):
    """Return (service, starts, responses) in ns of one server: Lindley's recursion."""
    service, gaps = (np.round(1e9 * np.asarray(a)).astype(np.int64) for a in (service_s, gaps_s))
    arrivals = np.cumsum(gaps) - gaps[0]
    starts = np.zeros_like(arrivals)
    free = 0
    for i, arrived in enumerate(arrivals):
        starts[i] = max(arrived, free)
        free = starts[i] + service[i]
    return service, starts, starts + service - arrivals


def noisy(mean_s, n, seed=1, sigma=0.2):
    return mean_s * np.random.default_rng(seed).lognormal(-(sigma**2) / 2, sigma, n)


def every(n):
    return np.full(n, INTERVAL_S)


@pytest.mark.parametrize(
    ("utilisation", "n", "load"),
    [
        (0.5, 200, Load.STEADY),
        (0.9, 400, Load.STEADY),
        (1.1, 1000, Load.GROWS),
        (2.0, 20, Load.GROWS),
        (2.0, 19, Load.UNCLEAR),
        (1.0, 400, Load.UNCLEAR),
    ],
)
def test_the_service_time_against_the_interval_tells_the_load(utilisation, n, load):
    samples = queued(noisy(utilisation * INTERVAL_S, n), every(n))
    assert load_of(samples[0], samples[2], EVERY).load is load


def test_a_busy_poisson_queue_that_is_stable_does_not_grow_at_any_look():
    arrival = Arrival(Pattern.POISSON, INTERVAL_S)
    for seed in range(12):
        gaps = np.random.default_rng(seed).exponential(INTERVAL_S, 2000)
        service, _, responses = queued(noisy(0.9 * INTERVAL_S, 2000, seed), gaps)
        looks = range(20, 2000, 90)
        assert all(load_of(service[:n], responses[:n], arrival).load is not Load.GROWS for n in looks), seed


def test_a_slow_start_is_no_growing_queue():
    service = np.concatenate((noisy(3 * INTERVAL_S, 30), noisy(0.3 * INTERVAL_S, 400)))
    measured, _, responses = queued(service, every(430))
    assert load_of(measured, responses, EVERY).load is Load.STEADY


def judged(utilisation, limits, n=300):
    service, starts, responses = queued(noisy(utilisation * INTERVAL_S, n), every(n))
    plan = LatencyPlan(budgets=tuple(Budget(p, s) for p, s in limits), arrival=EVERY)
    header = {"first_ns": 1, "warm_up_n": 1, "warm_up_ns": 1, "stop_reason": "…", "service_ns": service}
    return judge_queue(judge_latency(responses, starts, plan, **header), service, responses, plan)


def test_a_queue_that_grows_fails_every_budget_and_says_both_rates():
    found = judged(1.3, [(95, 3600.0), (99, 7200.0)])
    assert found.verdict is Verdict.FAIL
    assert [part.verdict for part in found.latency.budgets] == [Verdict.FAIL, Verdict.FAIL]
    assert "queue grows" in found.reason
    assert "(100 /s)" in found.reason
    assert "which is 7" in found.reason
    assert "p95 <= 3600 s" in found.reason
    assert "--edge-arrival" in found.remedy


def test_a_queue_that_grows_has_no_figure_without_a_budget():
    found = judged(1.3, [])
    assert found.verdict is Verdict.INVALID
    assert found.reason.startswith("no steady state: ")


def test_a_pass_waits_until_it_is_known_that_the_queue_does_not_grow():
    found = judged(1.0, [(95, 3600.0)])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "whether the queue grows" in found.reason


def test_a_steady_load_changes_nothing():
    assert judged(0.5, [(95, 3600.0)]).verdict is Verdict.PASS
    assert judged(0.5, [(95, 0.001)]).verdict is Verdict.FAIL
    assert judged(0.5, []).verdict is Verdict.MEASURED


def test_service_quantiles_are_those_the_samples_support():
    service = queued(noisy(0.5 * INTERVAL_S, 100), every(100))[0]
    found = service_quantiles(service, LatencyPlan())
    assert [q.percentile for q in found] == [50, 95]
    assert found[0].low_s <= found[0].value_s <= found[0].high_s
    assert found[0].value_s == pytest.approx(0.005, rel=0.1)


@pytest.mark.parametrize("limits", [[(95, 0.05)], []])
def test_response_times_that_rise_with_the_queue_are_no_reason_to_measure_again(limits):
    found = judged(1.3, limits, n=2000)
    assert not any(doubt.voids for doubt in found.doubts)


def test_a_clock_that_cannot_be_trusted_says_nothing_of_a_queue():
    service, starts, responses = queued(noisy(1.3 * INTERVAL_S, 300), every(300))
    starts[100] -= 10**9
    plan = LatencyPlan(budgets=(Budget(95, 1.0),), arrival=EVERY)
    header = {"first_ns": 1, "warm_up_n": 1, "warm_up_ns": 1, "stop_reason": "…", "service_ns": service}
    found = judge_queue(judge_latency(responses, starts, plan, **header), service, responses, plan)
    assert found.verdict is Verdict.INVALID
    assert "clock" in found.reason
