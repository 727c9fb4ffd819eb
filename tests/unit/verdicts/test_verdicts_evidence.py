import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.records import Budget, LatencyPlan
from pytest_edgert.verdicts.counted import counted
from pytest_edgert.verdicts.evidence import Held, limit_ns

MS = 1_000_000


def plan_of(*limits, **changes):
    return LatencyPlan(budgets=tuple(Budget(p, limit_s) for p, limit_s in limits), **changes)


def stepped(first, then, parts=(700, 2300), seed=1):
    noise = np.exp(0.05 * np.random.default_rng(seed).standard_normal(sum(parts)))
    return np.round(np.repeat([first, then], parts) * MS * noise).astype(np.int64)


def starts_of(durations):
    return np.cumsum(durations) - durations


def evidence(durations, plan):
    return Held.fresh(plan).of(durations, starts_of(durations))


@pytest.mark.slow
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=10),
    st.sampled_from([(2.0, 1.0), (1.0, 1.3), (1.0, 1.0)]),
    st.sampled_from([0.0, 0.005]),
    st.sampled_from([None, 60]),
    st.integers(0, 5),
)
@settings(max_examples=50, deadline=None)
def test_what_is_held_between_looks_changes_no_answer(blocks, levels, stride_s, fixed_n, seed):
    durations = stepped(*levels, parts=(300, sum(blocks)), seed=seed)
    starts, plan = starts_of(durations), plan_of((95, 0.002), stride_s=stride_s, seed=seed, fixed_n=fixed_n)
    held = Held.fresh(plan)
    for n in np.cumsum([300, *blocks]):
        one, other = held.of(durations[:n], starts[:n]), Held.fresh(plan).of(durations[:n], starts[:n])
        assert np.array_equal(one.durations_ns, other.durations_ns)
        assert np.array_equal(one.starts_ns, other.starts_ns)
        assert (one.tau, one.shape) == (other.tau, other.shape)


def test_the_stride_begins_anew_after_a_head_that_is_cut():
    durations = stepped(2.0, 1.0)
    starts, plan = starts_of(durations), plan_of((95, 0.005), stride_s=0.01, seed=4)
    found = Held.fresh(plan).of(durations, starts)
    cut = found.shape.cut_n
    assert cut > 600
    assert np.array_equal(found.starts_ns, starts[cut:][counted(starts[cut:], 0.01, 4)])


def test_a_fixed_number_of_samples_is_the_first_of_those_that_count():
    durations = stepped(1.0, 1.0)
    found = evidence(durations, plan_of((95, 0.005), fixed_n=100))
    assert np.array_equal(found.durations_ns, durations[:100])


@pytest.mark.parametrize("limit_s", [0.004, 0.0005])
def test_a_step_is_taken_out_before_tau_is_measured_only_where_it_turns_no_verdict(limit_s):
    durations = stepped(1.0, 1.3)
    assert evidence(durations, plan_of((95, limit_s))).tau < 2
    assert evidence(durations, plan_of((95, 0.00125))).tau > 100
    assert evidence(durations, plan_of((95, limit_s), (50, 0.00125))).tau > 100


def test_no_inference_is_no_evidence():
    found = evidence(np.array([], np.int64), plan_of((95, 0.005)))
    assert (found.n, found.span_s, found.tau) == (0, 0.0, 1.0)


def test_the_span_is_from_the_first_start_to_the_last_end():
    assert evidence(np.full(100, 2 * MS), plan_of((95, 0.005))).span_s == pytest.approx(0.2)


def test_a_limit_in_nanoseconds_keeps_a_thousandth():
    assert limit_ns(Budget(95, 0.0023)) == 2_300_000
