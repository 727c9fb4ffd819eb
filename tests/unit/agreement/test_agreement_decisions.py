"""Largest entries and indices: real flips count, near ties of the reference do not."""

import numpy as np
import pytest

from pytest_edgert.agreement.decisions import index_agreement, rows_of, top1
from pytest_edgert.errors import UsageError

REFERENCE = np.array([[0.9, 0.1, 0.0], [0.50, 0.49, 0.01], [0.1, 0.2, 0.7]])


def test_a_flip_between_near_ties_is_excused_and_a_clear_one_is_not():
    left = np.array([[0.9, 0.1, 0.0], [0.49, 0.50, 0.01], [0.7, 0.2, 0.1]])
    found = top1(left, REFERENCE, tolerance=0.01)
    assert (found.n, found.excused, found.flips, found.first_flip) == (3, 1, 1, 2)
    assert found.margin == pytest.approx(0.6)
    assert found.share == 0.5


def test_without_tolerance_a_near_tie_is_a_flip():
    left = np.array([[0.49, 0.50, 0.01]])
    assert top1(left, REFERENCE[1:2], tolerance=0.0).flips == 1


def test_the_margin_is_that_to_the_entry_chosen_not_to_the_second_best():
    left = np.array([[0.49, 0.01, 0.50]])
    assert top1(left, REFERENCE[1:2], tolerance=0.01).flips == 1


def test_exact_ties_are_excused_without_any_tolerance():
    assert top1(np.array([[1.0, 2.0]]), np.array([[1.0, 1.0]]), tolerance=0.0).excused == 1


def test_nan_is_never_the_largest_entry_and_never_a_near_tie():
    assert top1(np.array([[np.nan, 1.0, 0.0]]), np.array([[0.5, 1.0, 0.0]]), tolerance=0.0).flips == 0
    assert top1(np.array([[2.0, 1.0]]), np.array([[np.nan, 1.0]]), tolerance=9.0).flips == 1


def test_no_rows_agree_by_nothing():
    assert top1(np.zeros((0, 4)), np.zeros((0, 4)), tolerance=0.0).share == 1.0


@pytest.mark.parametrize(
    ("shape", "rows"),
    [((10,), (1, 10)), ((2, 10), (2, 10)), ((2, 10, 1, 1), (2, 10)), ((2, 5, 7), None), ((), None), ((2, 1), None)],
)
def test_only_tables_of_scores_have_a_largest_entry(shape, rows):
    found = rows_of(np.zeros(shape))
    assert (None if found is None else found.shape) == rows


def test_indices_that_point_at_ties_agree():
    scores = np.array([[0.5, 0.5, 0.1]])
    assert index_agreement(np.array([0]), np.array([1]), scores, 0.0).flips == 0
    assert index_agreement(np.array([2]), np.array([1]), scores, 0.0).flips == 1


def test_the_k_largest_may_swap_ties():
    scores = np.array([[0.5, 0.5, 0.1]])
    assert index_agreement(np.array([[0, 1]]), np.array([[1, 0]]), scores, 0.0).excused == 2


@pytest.mark.parametrize(
    ("right", "words"),
    [(np.array([3]), "outside the 3 scores"), (np.array([-1]), "outside"), (np.zeros(2, int), "shape")],
)
def test_indices_of_the_reference_that_point_nowhere_are_refused(right, words):
    with pytest.raises(UsageError, match=words):
        index_agreement(np.zeros_like(right), right, np.array([[0.5, 0.5, 0.1]]), 0.0)


@pytest.mark.parametrize("left", [3, -1, 2**40])
def test_an_index_under_test_that_points_nowhere_is_a_flip(left):
    found = index_agreement(np.array([left]), np.array([0]), np.array([[0.5, 0.5, 0.1]]), 9.0)
    assert (found.flips, found.margin) == (1, float("inf"))
