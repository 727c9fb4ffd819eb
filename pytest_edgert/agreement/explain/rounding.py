"""Rounding: another mode, two roundings in place of one, subnormals flushed to zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.explain.evidence import Evidence
from pytest_edgert.agreement.explain.explanation import Explanation

#: Fewest elements off by a step from which a mode is told: by chance 2^-16 of patterns with parity and sign look so.
_LEAST_ELEMENTS = 8
_PURE = 0.98
#: Elements whose values are counted; how many more values the finer side has; how even the steps of a grid are.
_GRID_SAMPLE, _FINER, _EVEN = 100_000, 1.5, 0.1
#: Share of elements that a whole mode (floor, ceiling, towards zero) moves: half of them, where values are spread.
_HALF = (0.2, 0.8)
#: Smallest normal numbers.
_SMALLEST = {"float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126, "float64": 2.0**-1022}


@dataclass(frozen=True, slots=True)
class _Steps:
    """Elements that are one step off: steps of both sides from the zero point, and the difference."""

    output: npt.NDArray[np.int64]
    reference: npt.NDArray[np.int64]
    off: npt.NDArray[np.int64]
    total: int

    @property
    def share(self) -> float:
        return self.off.size / self.total

    def pure(self, holds: npt.NDArray[np.bool_]) -> bool:
        return bool(np.mean(holds) >= _PURE)


def _one_step_off(evidence: Evidence) -> _Steps | None:
    """Return the elements that differ, when they differ by one step each; None when more differ by more."""
    if not evidence.integers or evidence.raw_output.dtype.itemsize > 2:
        return None
    zero_point = evidence.quantization.zero_point[0] if evidence.quantization else 0
    output = evidence.raw_output.astype(np.int64) - zero_point
    reference = evidence.raw_reference.astype(np.int64) - zero_point
    off = output - reference
    wrong = off != 0
    n = int(np.count_nonzero(wrong))
    if n < _LEAST_ELEMENTS or np.count_nonzero(np.absolute(off) > 1) > 0.01 * n:
        return None
    return _Steps(output[wrong], reference[wrong], off[wrong], off.size)


def rounding_mode(evidence: Evidence) -> Explanation | None:
    """Explain steps off by one whose parity and sign are those of another rounding of ties, or of cutting off."""
    steps = _one_step_off(evidence)
    if steps is None:
        return None
    mode = _tie_mode(steps) or _whole_mode(steps)
    if mode is None:
        return None
    pattern, words = mode
    confidence = 0.9 * (1 - 2.0 ** -min(steps.off.size, 50))
    return Explanation(
        "rounding", confidence, {"n": steps.off.size, "total": steps.total, "pattern": pattern, "mode": words}
    )


def _tie_mode(steps: _Steps) -> tuple[str, str] | None:
    even = steps.reference % 2 == 0
    outwards = steps.off * np.sign(steps.reference) >= 0
    if steps.pure(even):
        where = "only where the reference is even"
        # Both signs must be there to tell "away" from "upwards".
        both = bool((steps.reference > 0).any() and (steps.reference < 0).any())
        if both and steps.pure(outwards):
            return f"{where} and away from zero", "ties go away from zero, those of the reference to even"
        for sign, word in ((1, "upwards"), (-1, "downwards")):
            if steps.pure(steps.off == sign):
                return f"{where} and {word}", f"ties go {word}, those of the reference to even"
        return None
    if steps.pure(steps.output % 2 == 0):
        where = "only where the output is even"
        if steps.pure(steps.off * np.sign(steps.output) <= 0):
            return f"{where} and towards zero", "ties go to even, those of the reference away from zero"
        for sign, word in ((1, "downwards"), (-1, "upwards")):
            if steps.pure(steps.off == sign):
                return where, f"ties go to even, those of the reference {word}"
    return None


def _whole_mode(steps: _Steps) -> tuple[str, str] | None:
    if not _HALF[0] <= steps.share <= _HALF[1]:
        return None
    both = bool((steps.off > 0).any() and (steps.off < 0).any())
    if both and steps.pure(steps.off * np.sign(steps.reference) < 0):
        return "all towards zero", "the output is cut off where the reference is rounded"
    for sign, word, mode in ((-1, "downwards", "down"), (1, "upwards", "up")):
        if steps.pure(steps.off == sign):
            return f"all {word}", f"the output is rounded {mode} where the reference is rounded to nearest"
    return None


def double_rounding(evidence: Evidence) -> Explanation | None:
    """Explain a few steps off by one away from zero, on even and odd steps alike: a second rounding met a tie of the first."""
    steps = _one_step_off(evidence)
    if steps is None or steps.share > 0.1:
        return None
    both = bool((steps.off > 0).any() and (steps.off < 0).any())
    even = float(np.mean(steps.reference % 2 == 0))
    if not both or not 0.2 <= even <= 0.8 or not steps.pure(steps.off * np.sign(steps.reference) >= 0):
        return None
    return Explanation("double_rounding", 0.8, {"n": steps.off.size, "total": steps.total})


def flush_to_zero(evidence: Evidence) -> Explanation | None:
    """Explain zeros where the reference has subnormal numbers, and nothing else wrong."""
    smallest = _SMALLEST.get(evidence.dtype)
    if smallest is None:
        return None
    subnormal = evidence.finite & (evidence.reference != 0) & (np.absolute(evidence.reference) < smallest)
    flushed = subnormal & (evidence.output == 0)
    n = int(np.count_nonzero(flushed))
    others = int(np.count_nonzero(evidence.differs & ~subnormal))
    if n == 0 or n < _PURE * np.count_nonzero(subnormal) or others:
        return None
    return Explanation("flush", 0.95, {"n": n, "least": smallest})


def another_grid(evidence: Evidence) -> Explanation | None:
    """Explain a side that was rounded to a coarser grid than the other: a quantisation left out, or one too many."""
    if not evidence.differs.any() or not evidence.finite.all():
        return None
    some = slice(None, None, max(1, evidence.output.size // _GRID_SAMPLE))
    output, reference = evidence.output.reshape(-1)[some], evidence.reference.reshape(-1)[some]
    values = np.unique(output), np.unique(reference)
    coarse, fine = (0, 1) if values[0].size < values[1].size else (1, 0)
    if values[coarse].size < _LEAST_ELEMENTS or values[fine].size < _FINER * values[coarse].size:
        return None
    # Without both ends, where values may be clipped.
    gaps = np.diff(values[coarse])[1:-1]
    step = float(np.median(gaps))
    # Multiples of one step, rounded once more where the output has steps of its own, and no value further from the
    # other side than rounding to that step puts it.
    even = np.absolute(gaps - step * np.rint(gaps / step)) <= _EVEN * step + float(evidence.slack.max())
    near = np.absolute(output - reference) <= 0.5 * step + evidence.slack.reshape(-1)[some]
    if float(np.mean(even)) < _PURE or float(np.mean(near)) < _PURE:
        return None
    name = "grid_reference" if coarse else "grid_output"
    # Above an error that falls short on one side, which a grid of three steps may look like.
    return Explanation(name, 0.87, {"step": step, "values": values[coarse].size, "finer": values[fine].size})
