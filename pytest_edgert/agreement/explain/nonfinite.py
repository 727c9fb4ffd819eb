"""NaN and infinities on one side only: dropped, made, overflown, of the other sign."""

from __future__ import annotations

import numpy as np

from pytest_edgert.agreement.explain.evidence import Evidence
from pytest_edgert.agreement.explain.explanation import Explanation

#: Largest finite number of float16, and the least that rounds to infinity there.
_FLOAT16_OVERFLOWS = 65520.0


def nan_handling(evidence: Evidence) -> Explanation | None:
    """Explain NaN that only one side has."""
    output, reference = np.isnan(evidence.output), np.isnan(evidence.reference)
    dropped, made = reference & ~output, output & ~reference
    n_dropped, n_made = int(np.count_nonzero(dropped)), int(np.count_nonzero(made))
    if n_dropped and n_dropped >= n_made:
        values = np.unique(evidence.output[dropped][:10_000])
        value = f"{float(values[0]):.6g}" if values.size == 1 else "a number"
        return Explanation("nan_dropped", 0.95, {"n": n_dropped, "value": value})
    return Explanation("nan_made", 0.9, {"n": n_made}) if n_made else None


def infinities(evidence: Evidence) -> Explanation | None:
    """Explain infinities that only one side has, or that have the other sign."""
    output, reference = np.isinf(evidence.output), np.isinf(evidence.reference)
    made = output & np.isfinite(evidence.reference)
    n_made = int(np.count_nonzero(made))
    if n_made:
        overflown = bool((np.absolute(evidence.reference[made]) >= _FLOAT16_OVERFLOWS).all())
        name, confidence = ("overflow_float16", 0.97) if overflown else ("infinity_made", 0.85)
        return Explanation(name, confidence, {"n": n_made})
    turned = int(np.count_nonzero(output & reference & (evidence.output != evidence.reference)))
    if turned:
        return Explanation("infinity_sign", 0.9, {"n": turned})
    dropped = int(np.count_nonzero(reference & np.isfinite(evidence.output)))
    return Explanation("infinity_dropped", 0.85, {"n": dropped}) if dropped else None
