"""Another model: the graph cut elsewhere, other weights, drift of a conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pytest_edgert.agreement.explain.evidence import Evidence, Floats
from pytest_edgert.agreement.explain.explanation import Explanation

_LEAST_SHARE, _LEAST_ELEMENTS = 0.98, 8
_UNRELATED, _FOLLOWS = 0.3, 0.9
#: Causes of an output that does not follow, and of one that follows roughly, by question.
_OTHER_CAUSES = {
    "port": "other weights or another network",
    "implementation": "other inputs, or an operator computed wrongly",
}
_DRIFT_CAUSES = {
    "port": "weights or preprocessing changed a little, as a conversion does",
    "implementation": "an approximation, or another operator inside",
}


def _softmax(values: Floats, axis: int = -1) -> Floats:
    powers: Floats = np.exp(values - values.max(axis=axis, keepdims=True))
    shares: Floats = powers / powers.sum(axis=axis, keepdims=True)
    return shares


def _sigmoid(values: Floats) -> Floats:
    # By the hyperbolic tangent, which does not overflow.
    found: Floats = 0.5 * (1 + np.tanh(0.5 * values))
    return found


def _relu(values: Floats) -> Floats:
    return np.maximum(values, 0.0)


#: What a graph often ends with.
FUNCTIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "softmax": _softmax,
    "softmax along axis 1": lambda values: _softmax(values, 1 if values.ndim > 2 else -1),
    "the sigmoid": _sigmoid,
    "tanh": np.tanh,
    "Relu": _relu,
    "exp": np.exp,
}


def graph_cut(evidence: Evidence) -> Explanation | None:
    """Explain an output before or after a function that models often end with."""
    if evidence.output.size < _LEAST_ELEMENTS or evidence.output.ndim == 0 or not evidence.finite.all():
        return None
    if not evidence.whole or not evidence.differs.any():
        return None
    for name, function in FUNCTIONS.items():
        for told, one, other in (
            ("cut_reference", evidence.output, function(evidence.reference)),
            ("cut_output", evidence.reference, function(evidence.output)),
        ):
            share = _fits(one, other, evidence)
            if share >= _LEAST_SHARE:
                return Explanation(told, 0.94 * share, {"function": name, "share": share})
    return None


def _fits(wanted: Floats, candidate: Floats, evidence: Evidence) -> float:
    """Return how much of the error is gone, and of what a constant would leave: a flat function explains nothing."""
    before = float(np.sum(evidence.error**2))
    spread = float(np.sum((wanted - wanted.mean()) ** 2))
    if before == 0.0 or spread == 0.0:
        return 0.0
    # A function stretches and flattens: the slack is that of the side that it gives.
    slack = evidence.slack * min(1.0, float(np.absolute(wanted).max() / np.absolute(evidence.reference).max()))
    left = np.maximum(np.absolute(wanted - candidate) - slack, 0.0)
    return 1.0 - float(np.sum(left * left)) / min(before, spread)


def another_model(evidence: Evidence) -> Explanation | None:
    """Explain, for want of better, an output that does not follow its reference, or follows it roughly everywhere."""
    output, reference = evidence.output[evidence.finite], evidence.reference[evidence.finite]
    wrong = float(np.mean(evidence.differs)) if evidence.differs.size else 0.0
    if output.size < 2 * _LEAST_ELEMENTS or wrong < 0.5:
        return None
    one, other = output - output.mean(), reference - reference.mean()
    power = float(np.sqrt((one @ one) * (other @ other)))
    correlation = float(one @ other) / power if power else 0.0
    question = "port" if evidence.context.question == "port" else "implementation"
    if abs(correlation) < _UNRELATED + 2 / np.sqrt(output.size):
        return Explanation("unrelated", 0.45, {"correlation": correlation, "cause": _OTHER_CAUSES[question]})
    if correlation >= _FOLLOWS:
        return Explanation(
            "drift", 0.25, {"correlation": correlation, "share": wrong, "cause": _DRIFT_CAUSES[question]}
        )
    return None
