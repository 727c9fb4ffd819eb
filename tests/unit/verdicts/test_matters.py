import numpy as np
import pytest

from pytest_edgert.records import Verdict
from pytest_edgert.verdicts.matters import doubts_of, stands
from pytest_edgert.verdicts.shapes import FLAT, NO_STEADY_STATE, SLOWDOWN, WARM_UP, Level, Shape

LEVELS = (Level(0, 500, 1e6), Level(500, 1000, 3e6))
DURATIONS = np.repeat([1_000_000, 3_000_000], 500)
STARTS = np.cumsum(DURATIONS) - DURATIONS


@pytest.mark.parametrize(
    ("verdict", "limit", "holds"),
    [
        (Verdict.PASS, 4e6, True),
        (Verdict.PASS, 3e6, True),
        (Verdict.PASS, 2e6, False),
        (Verdict.FAIL, 0.5e6, True),
        (Verdict.FAIL, 1e6, False),
        (Verdict.FAIL, 2e6, False),
        (Verdict.INCONCLUSIVE, 4e6, True),
        (Verdict.INCONCLUSIVE, 2e6, False),
        (Verdict.INCONCLUSIVE, 0.5e6, True),
    ],
)
def test_a_verdict_stands_where_every_level_says_the_same(verdict, limit, holds):
    assert stands(verdict, limit, 0.95, DURATIONS, Shape(SLOWDOWN, LEVELS)) is holds


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE])
def test_a_flat_shape_and_a_cut_warm_up_leave_every_verdict(verdict):
    assert stands(verdict, 2e6, 0.95, DURATIONS, Shape(FLAT, (Level(0, 1000, 1e6),)))
    assert stands(verdict, 2e6, 0.95, DURATIONS, Shape(WARM_UP, LEVELS, cut_n=500))


def test_a_fail_that_one_burst_made_does_not_stand_and_a_pass_in_spite_of_it_does():
    durations = np.full(1000, 1_000_000)
    durations[600:640] = 9_000_000
    shape = Shape(FLAT, (Level(0, 1000, 1e6),), (Level(600, 640, 9e6),))
    assert not stands(Verdict.FAIL, 2e6, 0.99, durations, shape)
    assert stands(Verdict.PASS, 2e6, 0.95, durations, shape)
    assert stands(Verdict.FAIL, 0.5e6, 0.99, durations, shape)


def test_a_quantile_at_the_limit_of_a_level_is_within_it():
    durations = np.concatenate((np.full(95, 1), np.full(5, 9), np.full(100, 1)))
    shape = Shape(SLOWDOWN, (Level(0, 100, 1), Level(100, 200, 1)))
    assert stands(Verdict.PASS, 1, 0.95, durations, shape)
    durations[0] = 9
    assert not stands(Verdict.PASS, 1, 0.95, durations, shape)


@pytest.mark.parametrize(
    ("shape", "kind", "told"),
    [
        (Shape(SLOWDOWN, LEVELS), "slowdown", "rose, 1 ms at first, 3 ms after 500 ms"),
        (Shape(NO_STEADY_STATE, LEVELS), "no-steady-state", "was 1 ms at first, 3 ms after 500 ms"),
        (Shape(FLAT, LEVELS[:1], LEVELS[1:]), "burst", "1 stretches of another level, the longest of 3 ms for 1.5 s"),
    ],
)
@pytest.mark.parametrize("voids", [True, False])
def test_a_change_is_told_with_when_and_from_what_to_what(shape, kind, told, voids):
    (doubt,) = doubts_of(shape, DURATIONS, STARTS, voids=voids)
    assert (doubt.kind, doubt.voids, doubt.passing) == (kind, voids, True)
    assert told in doubt.sentence
    assert ("hangs on it" in doubt.sentence) is voids
    assert doubt.remedy


def test_a_cut_warm_up_is_told_and_never_voids():
    shape = Shape(WARM_UP, (Level(0, 500, 3e6), Level(500, 1000, 1e6)), cut_n=500)
    (doubt,) = doubts_of(shape, DURATIONS, STARTS, voids=True)
    assert not doubt.voids
    assert "fell from 3 ms to 1 ms: the first 500 of 1000 inferences (500 ms) were cut off" in doubt.sentence


def test_a_flat_shape_says_nothing():
    assert doubts_of(Shape(FLAT, LEVELS[:1]), DURATIONS, STARTS, voids=True) == ()
