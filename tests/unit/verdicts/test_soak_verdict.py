"""The verdict on a soak, from scripted series; noise is 3 %."""

import numpy as np
import pytest

from pytest_edgert.errors import MeasurementInvalidError
from pytest_edgert.records import Arrival, Budget, LatencyPlan, Pattern, Segment, Verdict
from pytest_edgert.verdicts.soak import MEMORY, SoakLimits, SoakSeen, judge_soak

SEGMENTS, PER_SEGMENT, LENGTH_S = 120, 500, 5.0


def seen(level_s, *, memory=lambda share: 70e6, seed=1, stop_reason="600 s were over", service=None):
    """Return a soak of ten minutes whose median is `level_s(share of the time)`."""
    stream = np.random.default_rng(seed)
    durations, segments = [], []
    for index in range(SEGMENTS):
        share = index / SEGMENTS
        found = level_s(share) * np.exp(0.03 * stream.standard_normal(PER_SEGMENT))
        ordered = np.sort(found)
        readings = {MEMORY: memory((index + 1) / SEGMENTS)}
        quantiles = [float(np.quantile(ordered, q)) for q in (0.5, 0.95, 1)]
        segments.append(Segment(index * LENGTH_S, LENGTH_S, PER_SEGMENT, *quantiles, readings))
        durations.append(found)
    n = SEGMENTS * PER_SEGMENT
    starts = np.round(np.arange(n) * LENGTH_S / PER_SEGMENT * 1e9).astype(np.int64) + 7
    service = None if service is None else np.full(n, round(service * 1e9))
    to_ns = np.round(1e9 * np.concatenate(durations)).astype(np.int64)
    return SoakSeen(to_ns, starts, service, 7, tuple(segments), stop_reason)


CLOSED = Arrival()


def judged(found, *budgets, arrival=CLOSED, **limits):
    plan = LatencyPlan(budgets=tuple(Budget(p, s) for p, s in budgets), arrival=arrival)
    return judge_soak(found, plan, SoakLimits(**{name: (value, "net.edge.toml:2") for name, value in limits.items()}))


def steps(before_s, after_s, at):
    return lambda share: after_s if share >= at else before_s


def test_a_steady_soak_has_no_knee_and_passes():
    found = judged(seen(lambda share: 0.004), (95, 0.007), slowdown=1.3, memory_growth=10e6)
    assert found.verdict is Verdict.PASS
    assert found.soak.knee_s is None
    assert found.soak.last_from_s == 0
    assert found.soak.slowdown == pytest.approx(1.0, abs=0.01)
    assert found.soak.memory_growth_bytes == 0


def test_a_wander_that_is_small_against_the_room_to_the_budget_takes_no_evidence():
    wanders = seen(lambda share: 0.004 * (1 + 0.01 * np.sin(40 * share)))
    assert judged(wanders, (99, 1.0)).verdict is Verdict.PASS


def test_without_limits_it_is_measured():
    found = judged(seen(lambda share: 0.004))
    assert found.verdict is Verdict.MEASURED
    assert [quantile.percentile for quantile in found.soak.quantiles] == [50, 95, 99]


def test_a_throttled_end_fails_the_budget_that_the_whole_would_hold():
    found = judged(seen(steps(0.004, 0.006, 0.7)), (50, 0.005))
    assert found.verdict is Verdict.FAIL
    assert found.soak.knee_s == pytest.approx(420, abs=5)
    assert found.soak.last_from_s == pytest.approx(420, abs=5)
    assert found.soak.slowdown == pytest.approx(1.5, abs=0.02)
    assert "knee after 420 s" in found.reason
    assert "beyond the budget of 5 ms" in found.reason


def test_a_rise_too_late_to_be_judged_is_no_pass():
    found = judged(seen(steps(0.004, 0.006, 0.97)), (50, 0.005))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.soak.last_from_s == pytest.approx(540)
    assert "still rising" in found.reason


def test_a_slowdown_beyond_its_limit_fails_though_the_budget_holds():
    found = judged(seen(steps(0.004, 0.006, 0.5)), (95, 0.05), slowdown=1.3)
    assert found.verdict is Verdict.FAIL
    assert [part.verdict for part in found.soak.budgets] == [Verdict.PASS]
    amount = next(one for one in found.amounts if one.name == "slowdown")
    assert (amount.verdict, amount.limit, amount.source) == (Verdict.FAIL, 1.3, "net.edge.toml:2")


def test_a_rise_that_goes_away_again_is_no_knee():
    found = judged(seen(lambda share: 0.006 if 0.3 <= share < 0.5 else 0.004), (95, 0.005))
    assert found.soak.knee_s is None
    assert found.soak.last_from_s == pytest.approx(300, abs=5)
    assert found.verdict is Verdict.PASS


def test_a_warm_up_within_the_soak_is_no_knee_and_no_slowdown():
    found = judged(seen(steps(0.008, 0.004, 0.05)), (95, 0.005), slowdown=1.1)
    assert found.soak.knee_s is None
    assert found.soak.slowdown < 1
    assert found.verdict is Verdict.PASS


def test_the_first_knee_is_told_when_there_are_two():
    found = judged(seen(lambda share: 0.004 + 0.002 * (share >= 0.3) + 0.002 * (share >= 0.6)))
    assert found.soak.knee_s == pytest.approx(180, abs=5)
    assert found.soak.last_from_s == pytest.approx(360, abs=5)


def test_latency_that_rises_to_the_end_cannot_pass():
    found = judged(seen(lambda share: 0.004 * (1 + share)), (95, 0.05))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "still rising" in found.reason
    assert "longer" in found.remedy
    assert judged(seen(lambda share: 0.004 * (1 + share)), (95, 0.0005)).verdict is Verdict.FAIL


def test_memory_that_grows_beyond_its_limit_fails():
    found = judged(seen(lambda share: 0.004, memory=lambda share: 70e6 + 50e6 * share), memory_growth=10e6)
    assert found.verdict is Verdict.FAIL
    assert found.soak.memory_growth_bytes == pytest.approx(45e6, rel=0.02)
    assert found.reason.startswith("resident memory grew by 4")
    assert "beyond the limit of 10 MB" in found.reason
    assert "longer soak" in found.remedy


def test_growth_before_the_first_tenth_is_no_growth():
    found = judged(seen(lambda share: 0.004, memory=lambda share: 70e6 + 50e6 * min(share, 0.09)), memory_growth=1e6)
    assert found.verdict is Verdict.MEASURED or found.verdict is Verdict.PASS
    assert found.soak.memory_growth_bytes == 0


def test_a_limit_on_memory_without_a_reading_is_inconclusive():
    found = judged(seen(lambda share: 0.004, memory=lambda share: None), memory_growth=1e6)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "gave no reading" in found.reason


def test_a_queue_that_grew_fails_every_budget_and_gives_no_figure_without_one():
    arrival = Arrival(Pattern.EVERY, 0.01)
    grew = seen(lambda share: 0.004 + 10 * share, service=0.013, stop_reason="the queue grew without end")
    found = judged(grew, (95, 3600.0), arrival=arrival)
    assert found.verdict is Verdict.FAIL
    assert found.reason.startswith("the queue grows without end")
    assert "--edge-arrival" in found.remedy
    assert judged(grew, arrival=arrival).verdict is Verdict.INVALID


def test_too_few_samples_at_the_end_are_inconclusive():
    whole = seen(lambda share: 0.004)
    every = slice(None, None, 2000)
    thin = SoakSeen(whole.durations_ns[every], whole.starts_ns[every], None, 7, whole.segments, "")
    found = judged(thin, (95, 0.007))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "too few samples" in found.reason


def test_a_soak_of_one_segment_is_judged():
    whole = seen(lambda share: 0.004)
    one = SoakSeen(whole.durations_ns[:500], whole.starts_ns[:500], None, 7, whole.segments[:1], "")
    assert judged(one, (95, 0.007), slowdown=1.2).verdict is Verdict.PASS


def test_no_sample_and_a_clock_that_stood_still_are_invalid():
    whole = seen(lambda share: 0.004)
    nothing = np.zeros(0, np.int64)
    with pytest.raises(MeasurementInvalidError):
        judged(SoakSeen(nothing, nothing, None, 7, (), ""))
    with pytest.raises(MeasurementInvalidError, match="clock"):
        judged(SoakSeen(np.zeros(60_000, np.int64), whole.starts_ns, None, 7, whole.segments, ""))
