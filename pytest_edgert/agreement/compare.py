"""Two sets of outputs compared: figures, gates in order, a verdict and the sentence of the first gate that broke.

Structure is hard: an output that is missing, of another shape or another kind of values fails, whatever the
tolerance. Nothing is converted in silence, and a tensor is never compared with itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pytest_edgert.agreement import gates, sentences
from pytest_edgert.agreement.blocks import is_float, logical_dtype
from pytest_edgert.agreement.calibration import margins_of
from pytest_edgert.agreement.decisions import Decisions, index_agreement, rows_of, top1
from pytest_edgert.agreement.distance import StepDistance
from pytest_edgert.agreement.explain.evidence import Context
from pytest_edgert.agreement.explain.ranking import explain
from pytest_edgert.agreement.match import Matching, Pair, align
from pytest_edgert.agreement.metrics import Limits, measure
from pytest_edgert.agreement.outcome import Comparison, OutputComparison, Sides
from pytest_edgert.agreement.steps import QuantizedPair, measure_quantized, ulp_distance
from pytest_edgert.agreement.tolerance import Tolerance
from pytest_edgert.errors import UsageError
from pytest_edgert.records import Verdict, worst
from pytest_edgert.tensors import Array, Feeds, Quantization, TensorSpec

Specs = Mapping[str, TensorSpec]


@dataclass(frozen=True, slots=True)
class _Given:
    """What one comparison was given: arrays and specifications of both sides, by name."""

    left: Feeds
    right: Feeds
    left_specs: Specs
    right_specs: Specs
    context: Context
    calibrates: bool = False

    def sides(self, pair: Pair) -> Sides:
        """Return both tensors of a pair in the left layout."""
        left, right = self.left[pair.left], self.right[pair.right]
        if left is right or (left.size and np.may_share_memory(left, right)):
            raise UsageError(
                f"Output {pair.left!r} would be compared with itself: both arrays are the same memory.",
                "Keep a copy of the first outputs before the second inference.",
            )
        one, other = self.left_specs.get(pair.left), self.right_specs.get(pair.right)
        return Sides(
            left,
            _aligned(pair, left, right),
            logical_dtype(left, one.dtype if one else ""),
            logical_dtype(right, other.dtype if other else ""),
            one.quantization if one else None,
            _moved(other.quantization if other else None, pair, left.ndim),
        )


def compare_outputs(
    left: Feeds,
    right: Feeds,
    matching: Matching,
    tolerances: Tolerance | Mapping[str, Tolerance],
    *,
    left_specs: Specs | None = None,
    right_specs: Specs | None = None,
    indices: Mapping[str, str] | None = None,
    context: Context | None = None,
    calibrates: bool = False,
) -> Comparison:
    """Compare the outputs of one inference with a reference's.

    Args:
        left: Outputs under test, by name.
        right: The reference's outputs, by name.
        matching: Which output is which.
        tolerances: One for all outputs, or one per left name.
        left_specs: Declared dtype and quantisation of the left outputs; without, arrays are what they are.
        right_specs: The same of the reference.
        indices: Left names of index outputs, each with the left name of the scores it points into.
        context: What is known beside the outputs; it helps to explain a failure and judges nothing.
        calibrates: Whether to tell of each output the margins to freeze; they judge nothing.

    Raises:
        UsageError: A tensor is compared with itself, a tolerance is missing, or an array is of a type that is not
            compared here.
    """
    given = _Given(left, right, left_specs or {}, right_specs or {}, context or Context(), calibrates)
    done = [_compare_pair(given, pair, _tolerance_of(tolerances, pair)) for pair in matching.pairs]
    by_name = {output.pair.left: output for output in done}
    for name, scores in (indices or {}).items():
        if name not in by_name or scores not in by_name:
            raise UsageError(f"{name!r} cannot point into {scores!r}: the outputs compared are {sorted(by_name)}.")
        by_name[name] = _excuse_ties(given, by_name[name], by_name[scores])
    done = list(by_name.values())
    stray = _stray(left, right, matching)
    if stray or not done:
        return Comparison(Verdict.FAIL, stray or "No output was compared.", tuple(done))
    verdict = worst([output.verdict for output in done])
    first = next(output for output in done if output.verdict is verdict)
    return Comparison(verdict, first.reason, tuple(done))


def _tolerance_of(tolerances: Tolerance | Mapping[str, Tolerance], pair: Pair) -> Tolerance:
    if isinstance(tolerances, Tolerance):
        return tolerances
    if pair.left not in tolerances:
        raise UsageError(f"No tolerance for output {pair.left!r}.", f"There are some for {sorted(tolerances)}.")
    return tolerances[pair.left]


def _stray(left: Feeds, right: Feeds, matching: Matching) -> str:
    """Return the sentence about arrays that the matching does not know, empty when there are none."""
    more_left = set(left) - {pair.left for pair in matching.pairs} - set(matching.left_only)
    more_right = set(right) - {pair.right for pair in matching.pairs} - set(matching.right_only)
    if not more_left and not more_right:
        return ""
    return f"Outputs without a counterpart: {sorted(more_left)} under test, {sorted(more_right)} of the reference."


def _compare_pair(given: _Given, pair: Pair, tolerance: Tolerance) -> OutputComparison:
    broken = sentences.missing(pair, given.left, given.right)
    if broken:
        return _calibrated(_unsound(pair, broken, tolerance), None, given)
    sides = given.sides(pair)
    broken = gates.structure(pair.left, sides)
    if broken:
        return _calibrated(_unsound(pair, broken, tolerance), None, given)
    found = _judge(_measured(pair, sides, tolerance), sides)
    return _explained(_calibrated(found, sides, given), sides, given.context)


def _unsound(pair: Pair, sentence: str, tolerance: Tolerance) -> OutputComparison:
    return OutputComparison(pair, Verdict.FAIL, sentence, tolerance, broken=("structure",))


def _calibrated(found: OutputComparison, sides: Sides | None, given: _Given) -> OutputComparison:
    """Return an output with its margins where they are asked for; its verdict stays."""
    if not given.calibrates:
        return found
    margins = margins_of(found, sides)
    return replace(found, margins=margins.values, n_margins=margins.n, notes=(*found.notes, *margins.notes))


def _aligned(pair: Pair, left: Array, right: Array) -> Array:
    """Return the right tensor in the left layout, or as it is where its shape is not the one that was matched."""
    fits = pair.permutation is None or len(pair.permutation) == right.ndim
    return align(pair, right, left.shape) if fits and right.size == left.size else right


def _moved(quantization: Quantization | None, pair: Pair, rank: int) -> Quantization | None:
    """Return the reference's quantisation with its axis in the left layout."""
    if quantization is None or quantization.axis is None or pair.permutation is None:
        return quantization
    return replace(quantization, axis=pair.permutation.index(quantization.axis % rank))


def _measured(pair: Pair, sides: Sides, tolerance: Tolerance) -> OutputComparison:
    limits = Limits(tolerance.rtol, tolerance.atol, tolerance.atol_rms)
    lsb: StepDistance | None = None
    if sides.quantized:
        both = QuantizedPair(sides.left, sides.right, sides.left_quantization, sides.right_quantization)
        distance, lsb = measure_quantized(both, limits, lsb=tolerance.lsb)
    else:
        distance = measure(sides.left, sides.right, limits, left_dtype=sides.left_dtype, right_dtype=sides.right_dtype)
    found = OutputComparison(pair, Verdict.MEASURED, "", tolerance, distance, lsb)
    return replace(found, ulp=_ulp(sides, found), top1=_top1(sides, found))


def _ulp(sides: Sides, found: OutputComparison) -> StepDistance | None:
    ulp = found.tolerance.ulp
    if ulp is None or sides.quantized or found.distance is None or not is_float(sides.left_dtype):
        return None
    limits = Limits(None, found.tolerance.atol, found.tolerance.atol_rms)
    atol = limits.absolute(found.distance.rms_reference) or 0.0
    return ulp_distance(sides.left, sides.right, dtype=sides.left_dtype, ulp=ulp, atol=atol)


def _top1(sides: Sides, found: OutputComparison) -> Decisions | None:
    if rows_of(sides.left) is None or not (sides.quantized or is_float(sides.left_dtype)):
        return None
    one, other = (rows_of(side) for side in sides.real())
    if one is None or other is None:
        return None
    return top1(one, other, gates.allowed_error(found, gates.unit_of(sides)))


def _judge(found: OutputComparison, sides: Sides) -> OutputComparison:
    broken = gates.broken(found, sides)
    notes = (*gates.notes(found), *gates.unlike_widths(sides))
    if broken:
        names = tuple(name for name, _ in broken)
        return replace(found, verdict=Verdict.FAIL, reason=broken[0][1], broken=names, notes=notes)
    verdict, reason = gates.unbroken(found)
    return replace(found, verdict=verdict, reason=reason, notes=notes)


def _explained(found: OutputComparison, sides: Sides, context: Context) -> OutputComparison:
    return replace(found, explanations=explain(sides, context)) if found.verdict is Verdict.FAIL else found


def _excuse_ties(given: _Given, found: OutputComparison, scores: OutputComparison) -> OutputComparison:
    """Judge an index output again by the reference's scores that its indices point to."""
    if scores.distance is None or found.distance is None:
        return found
    of_scores, of_index = given.sides(scores.pair), given.sides(found.pair)
    tolerance = gates.allowed_error(scores, gates.unit_of(of_scores))
    reference_scores, left, right = of_scores.real()[1], of_index.left, of_index.right
    if reference_scores.ndim == 1:  # one row for each inference, joined
        n = given.context.n_feeds
        reference_scores, left, right = (one.reshape(n, -1) for one in (reference_scores, left, right))
    decisions = index_agreement(left, right, reference_scores, tolerance)
    verdict, reason = gates.indices(found.pair.left, decisions, scores.pair.left)
    broken = ("index",) if verdict is Verdict.FAIL else ()
    explanations = found.explanations if broken else ()
    return replace(found, verdict=verdict, reason=reason, top1=decisions, broken=broken, explanations=explanations)
