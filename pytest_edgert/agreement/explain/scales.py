"""Scale, zero point and dequantisation: the output is the reference times a number, plus a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_edgert.agreement.explain.evidence import Evidence, Floats, share_explained
from pytest_edgert.agreement.explain.explanation import Explanation

_LEAST_SHARE, _LEAST_ELEMENTS, _LEAST_VALUES = 0.99, 8, 4
#: Share of whole numbers within one rounding of the line of a missing dequantisation: some saturate.
_LEAST_ON_LINE = 0.95
#: Factors that lie closer together than this, relative to the largest, are one.
_ONE_FACTOR = 0.01
#: A factor closer to zero than this is a constant output, not a scale.
_LEAST_FACTOR = 1e-6
#: Most entries of an axis whose factors are looked at one by one.
_MOST_CHANNELS = 4096
#: Integers an output may hold when its dequantisation is missing.
_STEPS = (-(1 << 15), (1 << 16) - 1)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line through both sides: ``output = factor * reference + offset``."""

    factor: float
    offset: float


def _sides(evidence: Evidence) -> tuple[Floats, Floats] | None:
    """Return output and reference where they are finite, when there is enough to fit a line through."""
    if np.count_nonzero(evidence.differs) < _LEAST_ELEMENTS:
        return None
    output, reference = evidence.output[evidence.finite], evidence.reference[evidence.finite]
    if output.size < _LEAST_ELEMENTS or np.unique(reference[:10_000]).size < _LEAST_VALUES:
        return None
    return output, reference


def _fit(output: Floats, reference: Floats) -> _Line:
    mean_output, mean_reference = float(output.mean()), float(reference.mean())
    centred = reference - mean_reference
    factor = float(centred @ (output - mean_output)) / float(centred @ centred)
    return _Line(factor, mean_output - factor * mean_reference)


def _factor(output: Floats, reference: Floats) -> float:
    return float(reference @ output) / float(reference @ reference)


def scale_or_offset(evidence: Evidence) -> Explanation | None:
    """Explain an output that is the reference times a factor, plus an offset, or both: the simplest that fits."""
    sides = _sides(evidence)
    if sides is None:
        return None
    factor, offset = _factor(*sides), float(np.median(sides[0] - sides[1]))
    share = share_explained(evidence, factor * evidence.reference)
    if share >= _LEAST_SHARE and abs(factor) > _LEAST_FACTOR:
        return Explanation("scale", 0.9 * share, {"factor": factor, "share": share})
    share = share_explained(evidence, evidence.reference + offset)
    if share >= _LEAST_SHARE:
        steps = f" ({offset / evidence.step:+.3g} steps)" if evidence.step else ""
        return Explanation("offset", 0.9 * share, {"offset": offset, "steps": steps, "share": share})
    line = _fit(*sides)
    share = share_explained(evidence, line.factor * evidence.reference + line.offset)
    if share >= _LEAST_SHARE and abs(line.factor) > _LEAST_FACTOR:
        figures = {"factor": line.factor, "offset": line.offset, "share": share}
        return Explanation("scale_and_offset", 0.88 * share, figures)
    return None


def channel_scales(evidence: Evidence) -> Explanation | None:
    """Explain a factor of its own for each entry along one axis."""
    if not evidence.whole or not evidence.finite.all() or np.count_nonzero(evidence.differs) < _LEAST_ELEMENTS:
        return None
    best = max((_by_channel(evidence, axis) for axis in range(evidence.output.ndim)), default=(0.0, -1, np.zeros(0)),
               key=lambda found: found[0])  # fmt: skip
    share, axis, factors = best
    if share < _LEAST_SHARE or float(np.ptp(factors)) <= _ONE_FACTOR * float(np.absolute(factors).max()):
        return None
    worst = int(np.absolute(factors - 1).argmax())
    return Explanation(
        "channel_scales", 0.85 * share, {"axis": axis, "worst": worst, "factor": float(factors[worst]), "share": share}
    )


def _by_channel(evidence: Evidence, axis: int) -> tuple[float, int, Floats]:
    nothing = (0.0, axis, np.zeros(0))
    length = evidence.output.shape[axis]
    if not 2 <= length <= _MOST_CHANNELS or evidence.output.size // length < _LEAST_ELEMENTS:
        return nothing
    others = tuple(a for a in range(evidence.output.ndim) if a != axis)
    power = (evidence.reference**2).sum(axis=others, keepdims=True)
    product = (evidence.reference * evidence.output).sum(axis=others, keepdims=True)
    factors = np.divide(product, power, out=np.ones_like(product), where=power > 0)
    share = share_explained(evidence, factors * evidence.reference)
    # A factor must fit the values of its entry, not only their mean: a mean of its own would do as well.
    left = np.maximum(np.absolute(evidence.output - factors * evidence.reference) - evidence.slack, 0.0)
    spread = float(np.sum((evidence.output - evidence.output.mean(axis=others, keepdims=True)) ** 2))
    if spread <= float(np.sum(evidence.slack**2)) or float(np.sum(left * left)) > 0.01 * spread:
        return nothing
    return share, axis, factors.reshape(-1)


def missing_dequantisation(evidence: Evidence) -> Explanation | None:
    """Explain a float tensor that holds the integers of a quantised one: whole numbers on a line with the other side."""
    sides = _sides(evidence)
    if sides is None or not evidence.dtype.startswith(("float", "bfloat")):
        return None
    output, reference = sides
    whole = _whole(output), _whole(reference)
    if whole[0] == whole[1] or np.ptp(output) == 0:
        return None
    line = _fit(output, reference)
    # One rounding to a step lies between both sides.
    off = np.absolute(output - (line.factor * reference + line.offset))
    allowed = 1.0 if whole[0] else abs(line.factor)
    if not abs(line.factor) > _LEAST_FACTOR or float(np.mean(off <= 1.01 * allowed)) < _LEAST_ON_LINE:
        return None
    if not _spans_steps(output if whole[0] else reference):
        return None
    if whole[1]:
        line = _Line(1 / line.factor, -line.offset / line.factor)
    side = "output" if whole[0] else "reference"
    return Explanation("not_dequantised", 0.97, {"side": side, "factor": line.factor, "offset": line.offset})


def _whole(values: Floats) -> bool:
    return bool((values == np.rint(values)).all()) and _STEPS[0] <= values.min() and values.max() <= _STEPS[1]


def _spans_steps(values: Floats) -> bool:
    """Return whether whole numbers spread over enough steps to be quantised values and not labels or flags."""
    return np.unique(values[:10_000]).size >= 2 * _LEAST_VALUES
