"""Where the error is: one entry of an axis that is wrong or dead, or an output that is one value everywhere."""

from __future__ import annotations

import numpy as np

from pytest_edgert.agreement.explain.evidence import Evidence
from pytest_edgert.agreement.explain.explanation import Explanation

_LEAST_ELEMENTS, _LEAST_VALUES = 4, 4
#: Most entries of an axis that count as few, as a share of its length.
_FEW = 0.25


def constant_output(evidence: Evidence) -> Explanation | None:
    """Explain an output that is one value everywhere while the reference is not."""
    known = evidence.output[evidence.finite]
    if known.size < 2 * _LEAST_ELEMENTS or not evidence.differs.any() or float(np.ptp(known)) != 0.0:
        return None
    if np.unique(evidence.reference[evidence.finite][:10_000]).size < 2:
        return None
    return Explanation("constant", 0.97, {"n": known.size, "value": float(known[0])})


def few_entries(evidence: Evidence) -> Explanation | None:
    """Explain errors that lie in a few entries of one axis, all of which are wrong: dead ones where they are constant."""
    differs = evidence.differs
    if not evidence.whole or np.count_nonzero(differs) < _LEAST_ELEMENTS or not evidence.finite.all():
        return None
    for axis, length in enumerate(differs.shape):
        if length < _LEAST_VALUES or differs.size // length < _LEAST_ELEMENTS:
            continue
        lines = np.moveaxis(differs, axis, 0).reshape(length, -1)
        wrong = np.flatnonzero(lines.any(axis=1))
        if wrong.size > _FEW * length or float(np.mean(lines[wrong])) < 0.5:
            continue
        output = np.moveaxis(evidence.output, axis, 0)[wrong]
        figures = {"axis": axis, "entries": ", ".join(map(str, wrong[:8])), "length": length}
        if float(np.ptp(output)) == 0.0:
            return Explanation("dead_entries", 0.96, {**figures, "value": float(output.flat[0])})
        return Explanation("few_entries", 0.5, figures)
    return None
