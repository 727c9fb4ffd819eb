import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.verdicts.change_points import change_points, noise_scale


def price(series, found, penalty):
    """The sum that a segmentation must make least."""
    edges = [0, *found, len(series)]
    parts = [series[begin:end] for begin, end in itertools.pairwise(edges)]
    return sum(float(((part - part.mean()) ** 2).sum()) for part in parts) + penalty * len(found)


def stepped(seed, n, least):
    stream = np.random.default_rng(seed)
    return stream.standard_normal(n) + np.repeat(2 * stream.standard_normal(n // 10 + 1), 10)[:n]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("least", [1, 2, 5])
def test_the_segments_are_those_of_ruptures(seed, least):
    ruptures = pytest.importorskip("ruptures")
    series = stepped(seed, 20 + 2 * seed, least)
    penalty = 0.5 + seed / 2
    theirs = ruptures.Pelt(model="l2", min_size=least, jump=1).fit(series).predict(penalty)[:-1]
    ours = change_points(series, penalty, least)
    assert price(series, ours, penalty) <= price(series, theirs, penalty) + 1e-9
    assert ours == theirs


@pytest.mark.slow
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9), st.floats(0.1, 20), st.integers(1, 3))
@settings(deadline=None)
def test_no_other_segmentation_is_cheaper(values, penalty, least):
    series = np.array(values, np.float64)
    inner = [
        chosen
        for count in range(len(values))
        for chosen in itertools.combinations(range(1, len(values)), count)
        if all(b - a >= least for a, b in itertools.pairwise([0, *chosen, len(values)]))
    ]
    best = min((price(series, chosen, penalty) for chosen in inner), default=price(series, [], penalty))
    assert price(series, change_points(series, penalty, least), penalty) == pytest.approx(best)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 9.0, 1.0]])
def test_too_few_values_have_one_level(values):
    assert change_points(np.array(values), 1e-9) == []


def test_the_scale_of_independent_noise_is_its_standard_deviation_in_spite_of_a_step():
    noise = np.random.default_rng(1).standard_normal(400)
    assert noise_scale(noise) == pytest.approx(1, rel=0.35)
    assert noise_scale(noise + 8 * (np.arange(400) > 200)) == pytest.approx(1, rel=0.6)


def test_the_scale_of_noise_that_resembles_its_neighbours_is_that_of_its_means():
    noise = np.random.default_rng(2).standard_normal(1600)
    for i in range(1, 1600):
        noise[i] = 0.8 * noise[i - 1] + 0.6 * noise[i]
    neighbours = np.std(np.diff(noise)) / 2**0.5
    assert noise_scale(noise) > 3 * neighbours


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0, 3.0]])
def test_no_noise_has_no_scale(values):
    assert noise_scale(np.array(values)) == 0.0
