import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.verdicts.shapes import (
    FLAT,
    NO_STEADY_STATE,
    SLOWDOWN,
    WARM_UP,
    HeldShape,
    classify,
    shape_at_checkpoint,
)


def noisy(level, seed=1, spread=0.1):
    return np.asarray(level) * np.exp(spread * np.random.default_rng(seed).standard_normal(len(level)))


def pieces(*parts):
    return np.concatenate([np.full(count, level, np.float64) for count, level in parts])


@pytest.mark.parametrize(
    ("level", "kind"),
    [
        (pieces((4000, 1.0)), FLAT),
        (pieces((800, 1.5), (3200, 1.0)), WARM_UP),
        (pieces((500, 2.0), (500, 1.4), (3000, 1.0)), WARM_UP),
        (pieces((3000, 1.0), (1000, 1.3)), SLOWDOWN),
        (np.linspace(1, 1.5, 4000), SLOWDOWN),
        (pieces((1000, 1.0), (1000, 1.5), (2000, 1.0)), NO_STEADY_STATE),
        (pieces((3000, 1.5), (1000, 1.0)), NO_STEADY_STATE),
    ],
    ids=["flat", "warm-up", "warm-up in steps", "slowdown", "rise", "there and back", "fell late"],
)
def test_a_shape_is_told_by_its_levels(level, kind):
    shape = classify(noisy(level))
    assert shape.kind == kind
    assert (shape.cut_n > 0) == (kind == WARM_UP)


def test_a_warm_up_is_cut_where_the_last_level_begins():
    shape = classify(noisy(pieces((1000, 1.5), (3000, 1.0))))
    assert shape.cut_n == pytest.approx(1000, abs=50)
    assert [round(one.level, 1) for one in shape.levels] == [1.5, 1.0]


def test_a_change_that_is_too_small_to_matter_is_none():
    assert classify(noisy(pieces((2000, 1.0), (2000, 1.03)), spread=0.01)).kind == FLAT


def test_one_short_stretch_is_a_burst_and_no_level():
    shape = classify(noisy(pieces((2000, 1.0), (150, 3.0), (2000, 1.0))))
    assert shape.kind == FLAT
    assert [round(one.level) for one in shape.bursts] == [3]


def test_a_short_slow_head_is_a_warm_up_and_no_burst():
    assert classify(noisy(pieces((150, 3.0), (4000, 1.0)))).kind == WARM_UP


def test_outliers_and_modes_that_alternate_quickly_are_no_change():
    durations = noisy(np.full(4000, 1.0))
    durations[::17] *= 50
    assert classify(durations).kind == FLAT
    assert classify(noisy(np.tile([1.0, 2.0, 1.0, 1.0, 2.0], 800))).kind == FLAT


def first_order(rho, n, seed):
    noise = np.random.default_rng(seed).standard_normal(n) * (1 - rho**2) ** 0.5
    for i in range(1, n):
        noise[i] += rho * noise[i - 1]
    return np.exp(0.1 * noise)


def test_dependent_but_stationary_streams_are_flat():
    kinds = [classify(first_order(0.9, 3000, seed)).kind for seed in range(40)]
    assert kinds.count(FLAT) >= 39


@pytest.mark.parametrize("n", [0, 1, 159])
def test_too_few_inferences_have_no_shape(n):
    assert classify(np.ones(n)).kind == ""


def test_the_same_value_all_the_time_is_flat():
    assert classify(np.full(1000, 7)).kind == FLAT


@pytest.mark.slow
@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.integers(0, 5))
@settings(deadline=None)
def test_a_held_shape_is_the_one_computed_afresh(blocks, seed):
    durations = noisy(np.repeat([2.0, 1.0], [300, sum(blocks)]), seed)
    held = HeldShape()
    for n in np.cumsum(blocks):
        assert held.of(durations[:n]) == shape_at_checkpoint(durations[:n])
