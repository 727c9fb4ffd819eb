"""The words of an agreement: which output, which element, both values, by how much in the unit that matters, how many."""

from __future__ import annotations

import math

import numpy as np

from pytest_edgert.agreement.blocks import is_float, pair_blocks, widen
from pytest_edgert.agreement.decisions import Decisions
from pytest_edgert.agreement.distance import StepDistance
from pytest_edgert.agreement.match import Pair
from pytest_edgert.agreement.metrics import Limits
from pytest_edgert.agreement.outcome import OutputComparison, Sides
from pytest_edgert.tensors import Array, Feeds


def missing(pair: Pair, left: Feeds, right: Feeds) -> str:
    """Return the sentence of an output that one side did not give, empty when both did."""
    absent = [f"{pair.left!r} under test"] * (pair.left not in left)
    absent += [f"{pair.right!r} of the reference"] * (pair.right not in right)
    return f"Missing output: {' and '.join(absent)}; a missing output is never equal." if absent else ""


def unlike_dtypes(name: str, sides: Sides) -> str:
    """Return the sentence of two kinds of values that are not compared."""
    return (
        f"Output {name!r} is {_kind(sides.left_dtype, sides.left_quantization)}, its reference"
        f" {_kind(sides.right_dtype, sides.right_quantization)}: another kind of values."
    )


def _kind(dtype: str, quantization: object) -> str:
    if is_float(dtype):
        return dtype if quantization is None else f"{dtype} with quantisation parameters"
    return f"{dtype} without quantisation parameters" if quantization is None else f"quantised {dtype}"


def _element(found: OutputComparison, sides: Sides, index: int) -> str:
    """Return "output 'x' [0, 3] is 0.5, reference 0.25"."""
    place = ", ".join(str(int(axis)) for axis in np.unravel_index(index, sides.left.shape))
    one = _value(sides.left, sides.left_dtype, index)
    other = _value(sides.right, sides.right_dtype, index)
    return f"output {found.pair.left!r} [{place}] is {one}, reference {other}"


def _value(array: Array, dtype: str, index: int) -> str:
    value = array[np.unravel_index(index, array.shape)]
    if is_float(dtype):
        return f"{float(widen(np.asarray(value).reshape(1), dtype)[0]):.9g}"
    return repr(value.item() if hasattr(value, "item") else value)


def _count(n: int, total: int) -> str:
    return f"{n} of {total} elements ({100 * n / total:.3g} %)"


def forbidden(found: OutputComparison, sides: Sides) -> str:
    """Return the sentence of NaN or infinities where none is allowed."""
    distance = found.figures
    index = _first_nonfinite(sides)
    count = _count(distance.n - distance.n_finite, distance.n)
    return f"{_element(found, sides, index)}: NaN and infinities are forbidden; {count} have one."


def _first_nonfinite(sides: Sides) -> int:
    """Return the flat index of the first element that is not finite on either side, -1 when all are."""
    for offset, one, other in pair_blocks(sides.left, sides.right):
        finite = np.isfinite(_readable(one, sides.left_dtype)) & np.isfinite(_readable(other, sides.right_dtype))
        if not finite.all():
            return offset + int(finite.argmin())
    return -1


def _readable(block: Array, dtype: str) -> Array:
    return widen(block, dtype) if is_float(dtype) else block


def unlike_nonfinite(found: OutputComparison, sides: Sides) -> str:
    """Return the sentence of NaN or infinities that only one side has."""
    distance = found.figures
    return (
        f"{_element(found, sides, distance.first_nonfinite)}: NaN differs at {distance.nan_mismatch} and infinity at"
        f" {distance.inf_mismatch} of {distance.n} elements."
    )


def beyond(found: OutputComparison, sides: Sides) -> str:
    """Return the sentence of elements outside the absolute and relative tolerance."""
    distance, tolerance = found.figures, found.tolerance
    where = _element(found, sides, distance.first_beyond)
    count = f"{_count(distance.beyond, distance.n)} lie beyond"
    if sides.left_dtype == "string":
        return f"{where}; {count}."
    return (
        f"{where}: {_apart(found, sides)} where {_allowed(found)} is allowed; {count}, the largest"
        f" {distance.max_abs:.4g} apart ({tolerance.source})."
    )


def _apart(found: OutputComparison, sides: Sides) -> str:
    left, right = sides.real_at(found.figures.first_beyond)
    gap = abs(left - right)
    return f"{gap:.4g} apart" + (f", {gap / abs(right):.3g} relative," if right else "")


def _allowed(found: OutputComparison) -> str:
    tolerance, distance = found.tolerance, found.figures
    absolute = Limits(None, tolerance.atol, tolerance.atol_rms).absolute(distance.rms_reference)
    return f"{absolute or 0.0:.3g} + {tolerance.rtol or 0.0:g} × |reference|"


def steps(found: OutputComparison, sides: Sides, distance: StepDistance, unit: str, limit: float) -> str:
    """Return the sentence of elements too many steps apart, at the element that lies furthest."""
    index = distance.index if distance.maximum > limit and unit == "LSB" else distance.first_beyond
    gap = f"{distance.maximum:.4g} {unit}" if index == distance.index else f"more than {limit:g} {unit}"
    return (
        f"{_element(found, sides, index)}: {gap} apart where {limit:g} are allowed; {_count(distance.beyond, distance.n)} lie"
        f" beyond ({found.tolerance.source})."
    )


def over_one(found: OutputComparison, sides: Sides, distance: StepDistance, limit: float) -> str:
    """Return the sentence of too many elements more than one step apart."""
    return (
        f"{_element(found, sides, distance.index)}, the furthest: {_count(distance.over_one, distance.n)} are more than 1 LSB apart"
        f" where {100 * limit:g} % may be."
    )


def biased(name: str, mean: float, limit: float) -> str:
    """Return the sentence of errors that lean to one side."""
    return f"output {name!r} is {mean:+.3g} LSB off on average where {limit:g} is allowed: rounding leans to one side."


def noisy(found: OutputComparison, sides: Sides, limit: float) -> str:
    """Return the sentence of a signal to noise ratio that is too low."""
    distance = found.figures
    worst = f"; the furthest: {_element(found, sides, distance.max_abs_index)}" if distance.max_abs_index >= 0 else ""
    return f"output {found.pair.left!r} has SQNR {_decibels(distance.sqnr_db)} where {limit:g} dB is required{worst}."


def turned(name: str, cosine: float, limit: float) -> str:
    """Return the sentence of a cosine that is too low."""
    return f"output {name!r} has cosine {cosine:.6f} with its reference where {limit:g} is required."


def scaled(name: str, ratio: float, limit: float) -> str:
    """Return the sentence of a norm that differs."""
    return f"output {name!r} is {ratio:.6g} times as large as its reference (norm) where 1 ± {limit:g} is allowed."


def flipped(found: OutputComparison, sides: Sides, decisions: Decisions, limit: float) -> str:
    """Return the sentence of largest entries that differ."""
    del sides
    return (
        f"output {found.pair.left!r}: the largest entry agrees in {100 * decisions.share:.4g} % of {decisions.n} rows where"
        f" {100 * limit:g} % is required; first in row {decisions.first_flip}, with a margin of {decisions.margin:.3g} in the"
        " reference."
    )


def pointed(name: str, decisions: Decisions, scores: str) -> str:
    """Return the sentence of an output of indices."""
    if decisions.flips:
        return (
            f"output {name!r}: {decisions.flips} of {decisions.n} indices differ by more than a near tie in {scores!r};"
            f" the first at {decisions.first_flip}, with a margin of {decisions.margin:.3g}."
        )
    return f"output {name!r}: {decisions.n} indices agree, {decisions.excused} of them as near ties in {scores!r}."


def nothing_finite(found: OutputComparison) -> str:
    """Return the sentence of an output without a finite element to compare."""
    return f"output {found.pair.left!r}: none of {found.figures.n} elements is finite on both sides."


def measured(found: OutputComparison) -> str:
    """Return the sentence of an output that nothing judges."""
    return f"output {found.pair.left!r}: {_figures(found)}; no gate applies."


def within(found: OutputComparison) -> str:
    """Return the sentence of an output within its tolerance."""
    return f"output {found.pair.left!r}: {_figures(found)}."


def _figures(found: OutputComparison) -> str:
    distance = found.figures
    if found.lsb is not None:
        return f"at most {found.lsb.maximum:.4g} LSB apart, SQNR {_decibels(distance.sqnr_db)}"
    if distance.max_abs == 0.0:
        return "equal"
    return f"at most {distance.max_abs:.3g} apart, SQNR {_decibels(distance.sqnr_db)}"


def _decibels(value: float) -> str:
    return f"{value:.1f} dB" if math.isfinite(value) else ("∞ dB" if value > 0 else "-∞ dB")
