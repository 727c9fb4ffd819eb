"""Axes exchanged, channels in another order, elements moved along an axis."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from pytest_edgert.agreement.explain.evidence import Evidence, Floats, Mask, share_explained
from pytest_edgert.agreement.explain.explanation import Explanation
from pytest_edgert.agreement.explain.parts import part_of

_LEAST_SHARE, _LEAST_ELEMENTS = 0.95, 8
#: Share of wrong elements that another place must put right.
_LEAST_RIGHT = 0.8
_MOST_AXES = 5
#: Longest axis whose order is looked at, and elements per entry that are looked at.
_LONGEST, _THINNED = 64, 4096
_LEAST_SMOOTH = 0.8
#: Furthest that a slope foretells a value, in elements.
_MOST_MOVED = 2.0


def _share_moved(evidence: Evidence, candidate: Floats, where: Mask | None = None) -> float:
    """Return the share of the error that is gone, 0 unless most wrong elements come right: moved elements are exact."""
    share = share_explained(evidence, candidate, where)
    wrong = evidence.differs if where is None else evidence.differs & where
    if share < _LEAST_SHARE or not wrong.any():
        return 0.0
    right = np.absolute(evidence.output - candidate)[wrong] <= evidence.slack[wrong]
    return share if float(np.mean(right)) >= _LEAST_RIGHT else 0.0


def layout(evidence: Evidence) -> Explanation | None:
    """Explain an output whose axes are exchanged, as a transposition or by being read in another layout."""
    if not _has_axes(evidence):
        return None
    return max(_layouts(evidence), key=lambda found: found.confidence, default=None)


def _layouts(evidence: Evidence) -> Iterator[Explanation]:
    part = part_of(evidence)
    for permutation in _permutations(evidence.output.shape):
        if part is not None and part.share(np.transpose(evidence.reference, permutation)) < _LEAST_SHARE:
            continue
        share = _share_moved(evidence, np.transpose(evidence.reference, permutation))
        if share >= _LEAST_SHARE:
            yield Explanation("layout", 0.98 * share, {"permutation": str(permutation), "share": share})
    for how, candidate in _rereadings(evidence.reference):
        share = _share_moved(evidence, candidate)
        if share >= _LEAST_SHARE:
            yield Explanation("reread", 0.97 * share, {"how": how, "share": share})


def _has_axes(evidence: Evidence) -> bool:
    return evidence.whole and 2 <= evidence.output.ndim <= _MOST_AXES and evidence.output.size >= _LEAST_ELEMENTS


def _permutations(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the permutations that keep a shape and move more than axes of length 1."""
    for permutation in itertools.permutations(range(len(shape))):
        moved = [axis for axis in permutation if shape[axis] > 1]
        if moved != sorted(moved) and tuple(shape[axis] for axis in permutation) == shape:
            yield permutation


def _rereadings(reference: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield the reference in another layout, read as if it had its own shape."""
    lengths = [length for length in reference.shape if length > 1]
    if len(lengths) < 2:
        return
    yield (
        "with the last axis written second",
        np.moveaxis(reference, -1, 1 if reference.ndim > 2 else 0).reshape(reference.shape),
    )
    yield (
        "with the second axis written last",
        np.moveaxis(reference, 1 if reference.ndim > 2 else 0, -1).reshape(reference.shape),
    )


def order(evidence: Evidence) -> Explanation | None:
    """Explain entries of one axis in another order: channels, classes, rows."""
    if not _has_axes(evidence):
        return None
    for axis, length in enumerate(evidence.output.shape):
        if not 2 <= length <= _LONGEST or evidence.output.size // length < 4:
            continue
        found = _order_along(evidence, axis)
        if found is None:
            continue
        share = _share_moved(evidence, np.take(evidence.reference, found, axis=axis))
        if share >= _LEAST_SHARE:
            known = "; red and blue are exchanged" if found == [2, 1, 0] else ""
            told = ", ".join(map(str, found[:8])) + (", …" if len(found) > 8 else "")
            return Explanation("order", 0.96 * share, {"axis": axis, "order": told, "share": share, "known": known})
    return None


def _order_along(evidence: Evidence, axis: int) -> list[int] | None:
    """Return which entry of the reference each entry of the output is nearest to, when that is another order."""
    length = evidence.output.shape[axis]
    one, other = (
        np.moveaxis(np.where(evidence.finite, side, 0.0), axis, 0).reshape(length, -1)
        for side in (evidence.output, evidence.reference)
    )
    every = -(-one.shape[1] // _THINNED)
    one, other = one[:, ::every], other[:, ::every]
    squares = (other * other).sum(axis=1)
    nearest = (squares - 2 * one @ other.T).argmin(axis=1).tolist()
    places = list(range(length))
    if sorted(nearest) != places or nearest == places:
        return None
    # Moved by one or two places: that is a shift.
    if length >= 4 and any(nearest == [*places[-by:], *places[:-by]] for by in (-2, -1, 1, 2)):
        return None
    found: list[int] = nearest
    return found


def shift(evidence: Evidence) -> Explanation | None:
    """Explain an output that lies one or two whole elements, or a part of one, from the reference along an axis."""
    if not evidence.whole or evidence.output.size < _LEAST_ELEMENTS or not evidence.finite.all():
        return None
    found = [
        best for axis, length in enumerate(evidence.output.shape) if length >= 4 for best in _shifts(evidence, axis)
    ]
    return max(found, key=lambda one: one.confidence, default=None)


def _shifts(evidence: Evidence, axis: int) -> Iterator[Explanation]:
    for by in (-2, -1, 1, 2):
        inside = [slice(None)] * evidence.output.ndim
        inside[axis] = slice(by, None) if by > 0 else slice(None, by)
        where = np.zeros(evidence.output.shape, bool)
        where[tuple(inside)] = True
        share = _share_moved(evidence, np.roll(evidence.reference, by, axis), where)
        if share >= _LEAST_SHARE and np.count_nonzero(evidence.differs & where) >= 4:
            yield Explanation("shift", 0.95 * share, {"axis": axis, "by": float(by), "share": share})
    yield from _part_of_an_element(evidence, axis)


def _part_of_an_element(evidence: Evidence, axis: int) -> Iterator[Explanation]:
    """Yield a shift by a part of an element: the error follows the slope of the reference."""
    length = evidence.output.shape[axis]
    if length < 8 or evidence.output.size < 64:
        return
    slope = np.gradient(evidence.reference, axis=axis)
    where = _inside(slope.shape, [axis])
    steep, error = slope[where], evidence.error[where]
    power = float(steep @ steep)
    by = -float(error @ steep) / power if power else 0.0
    share = share_explained(evidence, evidence.reference - by * slope, where)
    if share >= _LEAST_SMOOTH and 0.05 <= abs(by) < 1:
        yield Explanation("shift", 0.8 * share, {"axis": axis, "by": by, "share": share})


def stretch(evidence: Evidence) -> Explanation | None:
    """Explain an image that lies elsewhere by a part of a pixel that changes along its axes: other coordinates of a resize."""
    if not evidence.whole or not evidence.finite.all() or evidence.output.size < 64:
        return None
    axes = [axis for axis in range(1, evidence.output.ndim) if evidence.output.shape[axis] >= 8]
    axes = sorted(axes, key=lambda axis: -evidence.output.shape[axis])[:2]
    if not axes or not evidence.differs.any():
        return None
    columns = []
    for axis in axes:
        slope = np.gradient(evidence.reference, axis=axis)
        columns += [slope, slope * _places(evidence.output.shape, axis)]
    where = _inside(evidence.output.shape, axes)
    flat = np.stack([column[where] for column in columns])
    found = np.linalg.lstsq(flat @ flat.T, -flat @ evidence.error[where], rcond=None)[0]
    share = share_explained(evidence, evidence.reference - np.tensordot(found, np.stack(columns), 1), where)
    if share < _LEAST_SMOOTH:
        return None
    ends = [(float(a - b), float(a + b)) for a, b in zip(found[::2], found[1::2], strict=True)]
    if not 0.05 <= max(abs(end) for pair in ends for end in pair) <= _MOST_MOVED:
        return None
    told = " and ".join(f"axis {a} by {low:+.2g} to {high:+.2g}" for a, (low, high) in zip(axes, ends, strict=True))
    return Explanation("stretch", 0.75 * share, {"moved": told, "share": share})


def _inside(shape: tuple[int, ...], axes: list[int]) -> Mask:
    """Return where elements are not at an edge of the axes: what lies beyond an edge is repeated there."""
    inside = [slice(1, -1) if axis in axes else slice(None) for axis in range(len(shape))]
    where = np.zeros(shape, bool)
    where[tuple(inside)] = True
    return where


def _places(shape: tuple[int, ...], axis: int) -> Floats:
    """Return the place of each element along an axis, -1 at its start and 1 at its end, in a shape that broadcasts."""
    lengths = [-1 if other == axis else 1 for other in range(len(shape))]
    return np.linspace(-1, 1, shape[axis]).reshape(lengths)
