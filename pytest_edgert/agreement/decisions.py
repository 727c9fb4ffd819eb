"""What an output decides: the largest entry of a row, and indices that point into scores; near ties are no faults.

A flip between two entries is excused when the reference itself holds them so close that two outputs, each within
tolerance, may order them either way: their margin in the reference is at most twice the tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Array


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions compared.

    Args:
        n: Decisions.
        excused: Those that differ on a near tie of the reference.
        flips: Those that differ and are not excused.
        first_flip: Flat index of the first flip, -1 where there is none.
        margin: Margin of the first flip in the reference.
    """

    n: int
    excused: int
    flips: int
    first_flip: int
    margin: float

    @property
    def share(self) -> float:
        """Share of decisions that agree, near ties left out; 1 when nothing is left to decide."""
        decided = self.n - self.excused
        return 1 - self.flips / decided if decided else 1.0


def rows_of(array: Array) -> Array | None:
    """Return an output as (rows, classes), or None when it is not a table of scores per row.

    Args:
        array: (classes,), (batch, classes), or (batch, classes) with further axes of length 1.
    """
    if array.ndim == 0 or array.dtype.kind not in "biuf":
        return None
    lengths = [length for length in array.shape[1:] if length != 1]
    if array.ndim == 1:
        return array.reshape(1, -1) if array.shape[0] > 1 else None
    return array.reshape(array.shape[0], lengths[0]) if len(lengths) == 1 else None


def top1(left: Array, right: Array, tolerance: float) -> Decisions:
    """Return how the largest entries of two tables of scores agree; NaN is never the largest.

    Args:
        left: (rows, classes), scores under test.
        right: (rows, classes), the reference's scores in the same unit.
        tolerance: How far one score may lie from its reference.
    """
    if left.size == 0:
        return Decisions(0, 0, 0, -1, 0.0)
    return index_agreement(_largest(left), _largest(right), right, tolerance)


def _largest(scores: Array) -> npt.NDArray[np.intp]:
    missing = np.isnan(scores) if scores.dtype.kind == "f" else np.zeros((), bool)
    known = np.where(missing, -np.inf, scores) if missing.any() else scores
    largest: npt.NDArray[np.intp] = known.argmax(axis=1)
    return largest


def index_agreement(left: Array, right: Array, scores: Array, tolerance: float) -> Decisions:
    """Return how indices into scores agree: an index is right when its score ties with the reference's choice.

    Args:
        left: Indices under test, (…) for the largest entry or (…, k) for the k largest.
        right: The reference's indices, as many.
        scores: The reference's scores, (…, classes).
        tolerance: How far one score may lie from its reference.

    An index under test that points outside the scores is a flip with an infinite margin.

    Raises:
        UsageError: The shapes do not belong together, or an index of the reference points outside the scores.
    """
    if left.shape != right.shape:
        raise UsageError(f"Indices need one shape, got {left.shape} and {right.shape}.")
    differs = (left != right).reshape(-1)
    right_scores = _gather(scores, right)
    nowhere = (left < 0) | (left >= scores.shape[-1])
    # Infinite scores have no margin: NaN, which excuses nothing.
    with np.errstate(invalid="ignore"):
        margins = np.absolute(right_scores - _gather(scores, np.where(nowhere, 0, left)))
        margins = np.where(nowhere, np.inf, margins).reshape(-1)
        excused = differs & (margins <= 2 * tolerance)
    flips = np.flatnonzero(differs & ~excused)
    first = int(flips[0]) if flips.size else -1
    margin = float(margins[first]) if flips.size else 0.0
    return Decisions(left.size, int(np.count_nonzero(excused)), flips.size, first, margin)


def _gather(scores: Array, indices: Array) -> npt.NDArray[np.float64]:
    classes = scores.shape[-1] if scores.ndim else 0
    one_each = indices.shape == scores.shape[:-1]
    if not one_each and indices.shape[:-1] != scores.shape[:-1]:
        raise UsageError(f"Indices of shape {indices.shape} do not point into scores of shape {scores.shape}.")
    whole = indices.astype(np.int64)
    if whole.size and not (whole.min() >= 0 and whole.max() < classes):
        raise UsageError(f"An index lies outside the {classes} scores: {int(whole.min())} to {int(whole.max())}.")
    places = whole[..., np.newaxis] if one_each else whole
    found: npt.NDArray[np.float64] = np.take_along_axis(scores, places, axis=-1).astype(np.float64)
    return found.reshape(indices.shape)
