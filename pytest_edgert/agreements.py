"""Do two sessions agree? The same feeds through both, outputs matched, compared and told as a record.

Two questions, kept apart: *implementation* (one artefact, two ways of computing it) and *port* (another artefact
of the same network). An artefact on the same runtime with the same kernels is never asked: it would agree with
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgert.agreement.telling import told
from pytest_edgert.errors import EdgertError, NothingIndependentError, UsageError
from pytest_edgert.records import Agreement
from pytest_edgert.sessions import EdgeSession
from pytest_edgert.tolerances import CALIBRATES, ToleranceChange, index_outputs, tolerances, with_strays

if TYPE_CHECKING:
    from pytest_edgert.agreement.match import Matching
    from pytest_edgert.tensors import Array, Feeds

#: Effective precisions below float32, as runtimes call them.
REDUCED = ("bf16", "f16", "fp16", "tf32", "bfloat16", "float16")
IMPLEMENTATION, PORT = "implementation", "port"


def independent(one: EdgeSession, other: EdgeSession) -> bool:
    """Return whether a comparison says anything: another artefact, another runtime or other kernels of the same one."""
    same_file = one.plan.artefact.sha256 == other.plan.artefact.sha256
    return not (same_file and one.target.runtime == other.target.runtime and _kernels(one) == _kernels(other))


def _kernels(session: EdgeSession) -> tuple[str, tuple[tuple[str, object], ...]]:
    """Return what of a session's target changes its arithmetic: accelerator, and options but threads and shapes."""
    arithmetic = tuple(
        pair
        for pair in session.plan.options
        if pair[0] != "threads" and not pair[0].startswith(("shape.", "dimension."))
    )
    return session.target.accelerator, arithmetic


def same_kernels(one: EdgeSession, other: EdgeSession) -> bool:
    """Return whether both runtimes say that they compute one file alike, whatever options were asked for; opens both."""
    if one.plan.artefact.sha256 != other.plan.artefact.sha256 or one.target.runtime != other.target.runtime:
        return False
    told, others = one.placement.detail, other.placement.detail
    return told.get("kernels") is not None and all(
        told.get(name) == others.get(name) for name in ("kernels", "precision")
    )


class OtherSideError(Exception):
    """The reference of a comparison could not do its part; `error` says why. Never the session's own failure."""

    def __init__(self, error: EdgertError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _other_side() -> Iterator[None]:
    try:
        yield
    except EdgertError as error:
        raise OtherSideError(error) from error


def question_of(session: EdgeSession, peer: EdgeSession) -> str:
    """Return "implementation" for the same file, "port" for another one."""
    return IMPLEMENTATION if session.plan.artefact.sha256 == peer.plan.artefact.sha256 else PORT


def compare_sessions(
    session: EdgeSession,
    other: EdgeSession,
    feeds: Sequence[Feeds] | None = None,
    extra: Sequence[ToleranceChange] = (),
) -> Agreement:
    """Run the same feeds through both sessions and compare every output.

    Args:
        session: The session under test.
        other: The reference.
        feeds: Feeds of the session under test; those of the reference's file are made of them. By default the
            samples or seeded feeds, drawn for the reference where the files differ.
        extra: Changes of the tolerance that this call asks for.

    Raises:
        MatchError: Inputs or outputs cannot be told apart.
        UsageError: Both are the same computation, or feeds cannot become the other artefact's.
        NothingIndependentError: Both runtimes say that they compute with the same kernels.
        UnsupportedModelError: One of the two cannot run its artefact.
        WorkerError: A worker was lost.
    """
    try:
        return compare_sides(session, other, feeds, extra)
    except OtherSideError as blamed:
        raise blamed.error from blamed


def compare_sides(
    session: EdgeSession,
    other: EdgeSession,
    feeds: Sequence[Feeds] | None = None,
    extra: Sequence[ToleranceChange] = (),
) -> Agreement:
    """Do what `compare_sessions` does, and tell whose error it is.

    Raises:
        OtherSideError: The reference refused, failed or lost its worker; holds its error.
        EdgertError: The session under test did, or the two cannot be compared.
    """
    from pytest_edgert.agreement.compare import compare_outputs
    from pytest_edgert.agreement.explain.evidence import Context

    if not independent(session, other):
        raise UsageError(
            f"{session.title} would be compared with itself.",
            "Compare with another runtime, another variant or the oracle.",
        )
    session.open()
    with _other_side():
        other.open()
    if same_kernels(session, other):
        raise NothingIndependentError(
            f"{session.title} and {other.title} compute with the same kernels in the same precision.",
            "Compare with another runtime or the oracle.",
        )
    matching = _match_outputs(session, other)
    pairs = _paired_feeds(session, other, feeds)
    question = question_of(session, other)
    own = [session.infer(one) for one, _ in pairs]
    with _other_side():
        others = [other.infer(two) for _, two in pairs]
    compared = compare_outputs(
        _stack(own),
        _stack(others),
        matching,
        tolerances(session, other.signature, other.placement, matching, question, extra=extra),
        left_specs={spec.name: spec for spec in session.signature.outputs},
        right_specs={spec.name: spec for spec in other.signature.outputs},
        indices=index_outputs(session, other.signature, other.placement, matching, extra=extra),
        context=Context(question, bool(session.signature.quantized or other.signature.quantized), len(pairs)),
        calibrates=CALIBRATES.get(),
    )
    record = told(compared, question, other.title, len(pairs))
    return replace(record, outputs=with_strays(record.outputs, matching, session, extra))


def _match_outputs(session: EdgeSession, other: EdgeSession) -> Matching:
    from pytest_edgert.agreement.match import Side, match

    return match(
        session.signature,
        other.signature,
        mapping=_output_map(session, other) or None,
        kind="outputs",
        left_side=Side(session.plan.artefact.path.name, {}),
        right_side=Side(other.plan.artefact.path.name, {}),
    )


def _output_map(session: EdgeSession, other: EdgeSession) -> dict[str, str]:
    """Return own output name to the other's, where the plans give either a name of the model's own."""
    own, others = dict(session.plan.outputs), dict(other.plan.outputs)
    called = {common: name for name, common in others.items()}
    pairs = {name: called.get(common, common) for name, common in own.items()}
    named = {spec.name for spec in session.signature.outputs}
    return pairs | {common: name for common, name in called.items() if common in named and common not in own}


def _paired_feeds(session: EdgeSession, other: EdgeSession, feeds: Sequence[Feeds] | None) -> list[tuple[Feeds, Feeds]]:
    """Return feeds of both sides that stand for the same numbers."""
    from pytest_edgert.agreement.carry import carry_feeds
    from pytest_edgert.agreement.match import match

    matching = match(session.signature, other.signature, mapping=None, kind="inputs")
    if feeds is not None:
        return [(one, carry_feeds(one, matching, session.signature, other.signature)) for one in feeds]
    if session.plan.artefact.sha256 == other.plan.artefact.sha256:
        return [(one, carry_feeds(one, matching, session.signature, other.signature)) for one in session.feed_sets()]
    back = match(other.signature, session.signature, mapping=None, kind="inputs")
    with _other_side():
        drawn = other.feed_sets()
    return [(carry_feeds(one, back, other.signature, session.signature), one) for one in drawn]


def _stack(outputs: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Return the outputs of several inferences as one set, joined along the first axis."""
    import numpy as np

    return {name: np.concatenate([np.atleast_1d(one[name]) for one in outputs]) for name in outputs[0]}


def remedy_for(session: EdgeSession, causes: Sequence[str] = ()) -> str:
    """Return what to do about a disagreement: what would make it agree, else a reduced precision, the commonest cause."""
    right = " Where the difference is right, say so: edge_tolerance(..., reason=…), or the gate file's agreement."
    if causes:
        return f"Run it with {' or '.join(causes)}, and report what the runtime does without." + right
    precision = str(session.placement.detail.get("precision") or "")
    reduced = (
        f"{session.target} computes in {precision} here: where the runtime offers more, ask for it"
        f" (--edge-option={session.target.runtime}.precision=f32). "
    )
    return (
        (reduced if precision in REDUCED else "")
        + "Look at the output named above; another variant of the runtime (edgert doctor lists them) can name the cause."
        + right
    )
