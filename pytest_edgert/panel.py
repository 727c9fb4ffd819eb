"""The agreement check of a cell: who is asked, in which order, and whose word decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_edgert.agreements import IMPLEMENTATION, OtherSideError, compare_sides, independent, question_of, remedy_for
from pytest_edgert.errors import (
    ArtefactError,
    NothingIndependentError,
    TargetMissingError,
    UnsupportedModelError,
    WorkerError,
)
from pytest_edgert.harness import Finding, run_check
from pytest_edgert.records import Agreement, CheckRecord, Verdict, worst
from pytest_edgert.sessions import EdgeSession

#: The runtime that is the exact oracle.
ORACLE = "reference"
#: What is said of a session that was asked and gave no answer.
SILENT = "could not take part"


@dataclass(frozen=True, slots=True)
class Panel:
    """Who may be asked about a cell, each the most trusted first.

    Args:
        witnesses: Sessions of the same artefact: the oracle, other runtimes, other kernels of the same runtime.
        references: Sessions of the reference artefact; the first that can run it is compared with. Empty for the
            reference artefact itself.
        named: Whether the user named the reference: without its word there is no verdict on the port.
    """

    witnesses: tuple[EdgeSession, ...] = ()
    references: tuple[EdgeSession, ...] = ()
    named: bool = False


def reference_session(session: EdgeSession, panel: Panel) -> EdgeSession:
    """Return what a test compares a session with: the reference artefact's session, else an independent witness.

    The first that can open its artefact is taken; never the session under test itself.

    Raises:
        NothingIndependentError: There is none.
    """
    for other in (*panel.references, *panel.witnesses):
        if not independent(session, other):
            continue
        try:
            other.open()
        except (UnsupportedModelError, TargetMissingError, ArtefactError, WorkerError):
            continue
        return other
    raise NothingIndependentError(
        f"Nothing independent to compare {session.title} with: no reference, no oracle and no second runtime runs it.",
        'Install more runtimes (pip install "pytest-edgert[cpu]") or give a golden.',
    )


def check_agreement(session: EdgeSession, panel: Panel) -> CheckRecord:
    """Judge a session against its panel; with nobody independent at hand the verdict is INCONCLUSIVE."""
    return run_check("agreement", session, lambda: _find_agreement(session, panel))


def _find_agreement(session: EdgeSession, panel: Panel) -> Finding:
    session.open()
    notes: list[str] = []
    found = [*_ask_witnesses(session, panel.witnesses, notes), *_ask_reference(session, panel.references, notes)]
    if not any(one.question == IMPLEMENTATION for one in found):
        return _nothing_independent(session, found, notes)
    silent = panel.named and any(independent(session, one) for one in panel.references)
    if silent and not any(one.reference == panel.references[0].title for one in found):
        return Finding(
            Verdict.INCONCLUSIVE,
            f"The reference that was named, {panel.references[0].title}, could not take part.",
            "Install what it needs, or name another reference.",
            agreements=tuple(found),
            notes=tuple(notes),
        )
    deciding = [one for one in found if one.decides]
    verdict = worst([one.verdict for one in deciding])
    first = next(one for one in deciding if one.verdict is verdict)
    reason = f"{first.question}, against {first.reference}: {first.reason}"
    remedy = "" if verdict.green else remedy_for(session)
    return Finding(verdict, reason, remedy, agreements=tuple(found), notes=tuple(notes))


def _ask_witnesses(session: EdgeSession, witnesses: Sequence[EdgeSession], notes: list[str]) -> list[Agreement]:
    """Compare with every independent witness; other kernels of the same runtime speak only when nobody else did."""
    found: list[Agreement] = []
    exact = False
    for witness in witnesses:
        own_runtime = witness.target.runtime == session.target.runtime
        if not independent(session, witness) or (own_runtime and found):
            continue
        answer = _ask(session, witness, notes)
        found += [replace(one, decides=not exact) for one in answer]
        exact = exact or (bool(answer) and witness.target.runtime == ORACLE)
    return found


def _ask_reference(session: EdgeSession, references: Sequence[EdgeSession], notes: list[str]) -> list[Agreement]:
    for reference in references:
        if not independent(session, reference):
            return []  # the cell is the reference itself
        answer = _ask(session, reference, notes)
        if answer:
            return answer
    return []


def _ask(session: EdgeSession, other: EdgeSession, notes: list[str]) -> list[Agreement]:
    """Compare with one session; one that cannot take part is noted, one that is another network disagrees."""
    from pytest_edgert.agreement.match import MatchError

    try:
        return [compare_sides(session, other)]
    except (OtherSideError, NothingIndependentError) as error:
        notes.append(f"{other.title} {SILENT}: {error}")
        return []
    except MatchError as error:
        question = question_of(session, other)
        return [Agreement(question, other.title, Verdict.FAIL, str(error))]


def _nothing_independent(session: EdgeSession, found: list[Agreement], notes: list[str]) -> Finding:
    """Return INCONCLUSIVE, or what a failed port says."""
    broken = next((one for one in found if not one.verdict.green), None)
    if broken is not None:
        reason = f"{broken.question}, against {broken.reference}: {broken.reason}"
        return Finding(broken.verdict, reason, remedy_for(session), agreements=tuple(found), notes=tuple(notes))
    return Finding(
        Verdict.INCONCLUSIVE,
        f"Nothing independent to compare with: no oracle and no second runtime ran {session.plan.artefact.path.name}.",
        'Install more runtimes (pip install "pytest-edgert[cpu]") or give a golden.',
        agreements=tuple(found),
        notes=tuple(notes),
    )
