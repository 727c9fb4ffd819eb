"""Rows of a batch and one inference after another: the first is right and the rest are not."""

from __future__ import annotations

import numpy as np

from pytest_edgert.agreement.explain.evidence import Evidence, share_explained
from pytest_edgert.agreement.explain.explanation import Explanation

_LEAST_SHARE, _LEAST_ELEMENTS = 0.99, 4


def one_row(evidence: Evidence) -> Explanation | None:
    """Explain a batch of which only the first row is computed: the others repeat it, or are one constant."""
    if not _has_rows(evidence):
        return None
    rows = evidence.output.shape[0]
    if bool((evidence.output == evidence.output[:1]).all()):
        share = share_explained(evidence, np.broadcast_to(evidence.reference[:1], evidence.output.shape))
        return Explanation("one_row", 0.99 * share, {"rows": rows}) if share >= _LEAST_SHARE else None
    rest = evidence.output[1:]
    if evidence.differs[0].any() or not evidence.differs[1:].any() or float(np.ptp(rest)) != 0.0:
        return None
    return Explanation("first_row", 0.95, {"others": rows - 1, "value": float(rest.flat[0])})


def _has_rows(evidence: Evidence) -> bool:
    shape = evidence.output.shape
    if not evidence.whole or len(shape) < 2 or shape[0] < 2 or not evidence.finite.all():
        return False
    return bool(evidence.output.size // shape[0] >= _LEAST_ELEMENTS)


def state_kept(evidence: Evidence) -> Explanation | None:
    """Explain several inferences of which the first agrees and every later one does not."""
    feeds = evidence.context.n_feeds
    if not evidence.whole or feeds < 2 or evidence.output.ndim == 0 or evidence.output.shape[0] % feeds:
        return None
    wrong = [bool(one.any()) for one in evidence.differs.reshape(feeds, -1)]
    if wrong[0] or not all(wrong[1:]):
        return None
    return Explanation("state", 0.6 if feeds == 2 else 0.8, {"feeds": feeds})
