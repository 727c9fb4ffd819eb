"""How one shape becomes another without changing the numbers: the axes permuted, or lengths of one dropped."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import Enum

from pytest_edgert.tensors import Dimension

Shape = tuple[Dimension, ...]
#: Most axes for which every permutation is tried.
_MOST_AXES = 6


class Fit(Enum):
    """Whether a shape becomes another, and whether in one way only."""

    SAME = "same"
    PERMUTED = "permuted"
    SQUEEZED = "squeezed"
    AMBIGUOUS = "ambiguous"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the right shape becomes the left one; `permutation` as in ``right.transpose(permutation)``."""

    fit: Fit
    permutation: tuple[int, ...] | None = None

    @property
    def usable(self) -> bool:
        """Whether there is exactly one way."""
        return self.fit in (Fit.SAME, Fit.PERMUTED, Fit.SQUEEZED)


def find_layout(left: Shape, right: Shape) -> Layout:
    """Return the one way in which `right` becomes `left`, equal shapes counting as one of several.

    Tried in this order: unchanged, channels last and channels first together (two that fit are ambiguous, as for
    (1, 8, 8, 8)); any other permutation of fixed lengths; dropped or added axes of length 1. A free dimension
    fits any length in the first step and only there.
    """
    if len(left) != len(right):
        return Layout(Fit.SQUEEZED if _without_ones(left) == _without_ones(right) else Fit.NONE)
    common = _fitting(left, right, _common_layouts(len(left)))
    if common:
        return _one_of(common)
    if len(left) > _MOST_AXES or not all(isinstance(length, int) for length in (*left, *right)):
        return Layout(Fit.NONE)
    others = _fitting(left, right, list(itertools.permutations(range(len(left)))))
    if others:
        return _one_of(others)
    return Layout(Fit.NONE)


def fit_named(left: Shape, right: Shape) -> Layout:
    """Return how `right` becomes `left` when a name has already paired them: equal shapes stay as they are."""
    if len(left) == len(right) and _fits(left, right):
        return Layout(Fit.SAME)
    return find_layout(left, right)


def _common_layouts(rank: int) -> list[tuple[int, ...]]:
    identity = tuple(range(rank))
    if rank < 3:
        return [identity]
    return [identity, (0, *range(2, rank), 1), (0, rank - 1, *range(1, rank - 1))]


def _fitting(left: Shape, right: Shape, permutations: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the permutations that fit, one of each that move the elements alike (axes of length 1 move nothing)."""
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    for permutation in permutations:
        if _fits(left, tuple(right[axis] for axis in permutation)):
            found.setdefault(tuple(axis for axis in permutation if right[axis] != 1), permutation)
    return list(found.values())


def _one_of(permutations: list[tuple[int, ...]]) -> Layout:
    if len(permutations) > 1:
        return Layout(Fit.AMBIGUOUS)
    permutation = permutations[0]
    if permutation == tuple(range(len(permutation))):
        return Layout(Fit.SAME)
    return Layout(Fit.PERMUTED, permutation)


def _fits(left: Shape, right: Shape) -> bool:
    return all(
        not isinstance(one, int) or not isinstance(other, int) or one == other
        for one, other in zip(left, right, strict=True)
    )


def _without_ones(shape: Shape) -> Shape:
    return tuple(length for length in shape if length != 1)
