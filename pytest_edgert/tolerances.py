"""What a comparison of two sessions is judged by: the table's tolerances, and what gate file, mark and call ask of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_edgert.records import OutputAgreement, Placement
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.agreement.match import Matching
    from pytest_edgert.agreement.tolerance import Change, Tolerance
    from pytest_edgert.tensors import Signature

#: The two questions, as `agreement.policy.Question` has them.
_IMPLEMENTATION, _PORT = "implementation", "port"


@dataclass(frozen=True, slots=True)
class ToleranceChange:
    """What someone asks of the tolerance; `reason` is required where it becomes looser.

    Args:
        changes: New values by field.
        reason: Why.
        source: Who says so.
        indices: Names of index outputs to names of the scores that they point into.
        output: The one output that it is about, by a name of either side; empty for all.
        question: The one question that it is about; empty for both. A golden asks of an implementation.
    """

    changes: Mapping[str, Change]
    reason: str = ""
    source: str = ""
    indices: Mapping[str, str] = field(default_factory=dict)
    output: str = ""
    question: str = ""


#: What the running test's marks and gate file ask, the weakest first; the plugin sets it.
TOLERANCE_CHANGES: ContextVar[tuple[ToleranceChange, ...]] = ContextVar("pytest_edgert_tolerance", default=())

#: Whether comparisons tell the margins to freeze; the plugin sets it for a run with ``--edge-calibrate``.
CALIBRATES: ContextVar[bool] = ContextVar("pytest_edgert_calibrates", default=False)


def tolerances(
    session: EdgeSession,
    other: Signature,
    placement: Placement,
    matching: Matching,
    question: str,
    *,
    extra: Sequence[ToleranceChange] = (),
) -> dict[str, Tolerance]:
    """Return the tolerance of each output: the policy's, then what gate file, mark and call ask, in this order.

    Args:
        session: The session under test.
        other: The reference's signature.
        placement: Where the reference ran.
        matching: Which output is which.
        question: "port" between artefacts; anything else is about one artefact.
        extra: What this call asks for.

    Raises:
        UsageError: A change is unknown, or looser without a reason.
    """
    from pytest_edgert.agreement.operators import operator_tolerance
    from pytest_edgert.agreement.policy import choose
    from pytest_edgert.agreement.tolerance import override

    left = {spec.name: spec for spec in session.signature.outputs}
    right = {spec.name: spec for spec in other.outputs}
    called, chosen = dict(session.plan.outputs), {}
    for pair in matching.pairs:
        tolerance = choose(
            left[pair.left],
            right[pair.right],
            session.placement.accelerator,
            placement.accelerator,
            _PORT if question == _PORT else _IMPLEMENTATION,
            quantized_left=bool(session.signature.quantized),
            quantized_right=bool(other.quantized),
            precision_left=str(session.placement.detail.get("precision") or ""),
            precision_right=str(placement.detail.get("precision") or ""),
        )
        if question == _IMPLEMENTATION:
            tolerance = operator_tolerance(tolerance, left[pair.left], right[pair.right], session.placement, placement)
        for change in (*TOLERANCE_CHANGES.get(), *extra):
            about = change.output in {"", pair.left, pair.right, called.get(pair.left)}
            if about and change.question in {"", _PORT if question == _PORT else _IMPLEMENTATION}:
                tolerance = override(tolerance, change.changes, change.reason, change.source)
        chosen[pair.left] = tolerance
    return chosen


def with_strays(
    outputs: tuple[OutputAgreement, ...],
    matching: Matching,
    session: EdgeSession,
    extra: Sequence[ToleranceChange] = (),
) -> tuple[OutputAgreement, ...]:
    """Return the outputs, the first with a note for each tolerance of an output that this comparison does not have."""
    names = {"", *(name for pair in matching.pairs for name in (pair.left, pair.right))}
    names |= {common for _, common in session.plan.outputs}
    notes = tuple(
        f"{change.source}: no output is called {change.output!r} here; its tolerance holds for nothing"
        for change in (*TOLERANCE_CHANGES.get(), *extra)
        if change.output not in names
    )
    if not outputs or not notes:
        return outputs
    return (replace(outputs[0], notes=(*outputs[0].notes, *notes)), *outputs[1:])


def index_outputs(
    session: EdgeSession,
    other: Signature,
    placement: Placement,
    matching: Matching,
    *,
    extra: Sequence[ToleranceChange] = (),
) -> dict[str, str]:
    """Return which outputs hold indices into which scores: as call, mark or gate file say, else as a graph tells.

    Raises:
        UsageError: What is asked names no output, or one that cannot hold indices or scores.
    """
    from pytest_edgert.agreement.indices import asked_indices, recognised

    found = recognised(matching, session.placement, placement)
    own = {common: name for name, common in session.plan.outputs}
    for change in (*TOLERANCE_CHANGES.get(), *extra):
        asked = {own.get(name, name): own.get(of, of) for name, of in change.indices.items()}
        found |= asked_indices(asked, matching, session.signature, other, change.source)
    return found
