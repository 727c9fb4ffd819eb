import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.verdicts.counted import HeldCounted, counted


def one_by_one(starts, stride_s, seed):
    """Say again, inference by inference, what the stride means."""
    jitter = np.random.Generator(np.random.PCG64(seed))
    found, last, gap = [], None, 0.0
    for index, start in enumerate(starts):
        if last is None or start >= last + np.ceil(gap):
            found.append(index)
            last, gap = start, stride_s * 1e9 * (1 + 0.5 * jitter.random())
    return found


@given(st.lists(st.integers(0, 3_000_000), max_size=300), st.sampled_from([1e-9, 5e-4, 1e-3, 0.02]), st.integers(0, 99))
@settings(deadline=None)
def test_the_next_counted_sample_is_the_first_a_jittered_stride_after_the_last(gaps, stride_s, seed):
    starts = np.cumsum(np.array(gaps, np.int64))
    assert counted(starts, stride_s, seed).tolist() == one_by_one(starts, stride_s, seed)


@pytest.mark.slow
@given(st.lists(st.integers(1, 500), min_size=1, max_size=15), st.sampled_from([0.0, 1e-3, 4e-3]), st.integers(0, 9))
@settings(deadline=None)
def test_what_was_held_between_looks_gives_the_same_as_from_scratch(blocks, stride_s, seed):
    starts = np.cumsum(np.random.default_rng(seed).integers(1, 2_000_000, sum(blocks)))
    held = HeldCounted(stride_s, seed)
    for n in np.cumsum(blocks):
        assert held.of(starts[:n]).tolist() == counted(starts[:n], stride_s, seed).tolist()


@given(st.lists(st.integers(-2_000_000, 2_000_000), min_size=2, max_size=200), st.integers(1, 199))
@settings(deadline=None)
def test_a_clock_that_steps_back_gives_the_same_at_any_look(steps, first):
    starts = np.cumsum(np.array(steps))
    held = HeldCounted(1e-3, 0)
    held.of(starts[:first])
    assert held.of(starts).tolist() == counted(starts, 1e-3, 0).tolist()


def test_without_a_stride_every_inference_counts():
    assert counted(np.array([5, 6, 7]), 0.0, 1).tolist() == [0, 1, 2]


def test_no_inference_gives_no_sample():
    assert counted(np.array([], np.int64), 1e-3, 1).tolist() == []


def test_gaps_spread_over_half_a_stride_and_differ_by_seed():
    starts = np.arange(0, 10**10, 10_000)
    gaps = np.diff(starts[counted(starts, 1e-3, 1)])
    assert gaps.min() >= 1_000_000
    assert gaps.max() <= 1_510_000
    assert np.percentile(gaps, [25, 75]) == pytest.approx([1.13e6, 1.38e6], rel=0.02)
    assert counted(starts, 1e-3, 2).tolist() != counted(starts, 1e-3, 1).tolist()


def missed_spikes(jittered):
    """Share of runs of 200 counted samples that see no spike, where one inference in 30 is one, every 30 ms."""
    starts = np.arange(0, 40_000) * 1_000_000
    missed = 0
    for phase in range(30):
        chosen = counted(starts, 0.030, phase) if jittered else np.arange(0, 40_000, 30)
        missed += not np.any(chosen[:200] % 30 == phase)
    return missed / 30


def test_the_jitter_sees_a_spike_that_comes_back_with_the_stride_and_a_fixed_stride_does_not():
    assert missed_spikes(jittered=True) == 0
    assert missed_spikes(jittered=False) > 0.9
