"""Saturation at a rail: the output stands at its largest or smallest value where the reference goes on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.explain.evidence import Evidence, share_explained
from pytest_edgert.agreement.explain.explanation import Explanation

_LEAST_SHARE, _LEAST_ELEMENTS, _WEIGHT = 0.9, 3, 0.93
#: Values that the output must have besides its rails, so that a constant output is not one long rail.
_LEAST_VALUES = 2


def saturation(evidence: Evidence) -> Explanation | None:
    """Explain an output that is the reference clipped at the output's own largest or smallest value."""
    known = evidence.output[evidence.finite]
    if known.size == 0:
        return None
    low, high = float(known.min()), float(known.max())
    beyond_high = _at(evidence, high) & (evidence.reference > high + evidence.slack)
    beyond_low = _at(evidence, low) & (evidence.reference < low - evidence.slack)
    n_high, n_low = int(np.count_nonzero(beyond_high)), int(np.count_nonzero(beyond_low))
    if max(n_high, n_low) < _LEAST_ELEMENTS or not _has_more(known, low, high):
        return None
    clipped = np.clip(
        evidence.reference,
        low if n_low >= _LEAST_ELEMENTS else -np.inf,
        high if n_high >= _LEAST_ELEMENTS else np.inf,
    )
    share = share_explained(evidence, clipped)
    rest = np.absolute(evidence.output - clipped)[evidence.differs] <= evidence.slack[evidence.differs]
    if share < _LEAST_SHARE or float(np.mean(rest)) < _LEAST_SHARE:
        return None
    upper = n_high >= n_low
    hits, rail = (beyond_high, high) if upper else (beyond_low, low)
    beyond = evidence.reference[hits]
    return Explanation(
        "rail",
        _WEIGHT * share,
        {
            "n": n_high + n_low,
            "rail": rail,
            "furthest": float(beyond.max() if upper else beyond.min()),
            "end": _end(evidence, hits),
        },
    )


def _at(evidence: Evidence, rail: float) -> npt.NDArray[np.bool_]:
    at: npt.NDArray[np.bool_] = evidence.finite & (evidence.output == rail)
    return at


def _has_more(known: npt.NDArray[np.float64], low: float, high: float) -> bool:
    between = known[(known != low) & (known != high)]
    return np.unique(between[:1000]).size >= _LEAST_VALUES


def _end(evidence: Evidence, hits: npt.NDArray[np.bool_]) -> str:
    if evidence.raw_output.dtype.kind not in "iu":
        return ""
    ends = np.iinfo(evidence.raw_output.dtype)
    at = int(evidence.raw_output[hits][0])
    return f", the end of {evidence.dtype}" if at in (ends.min, ends.max) else ""
