"""The agreement check of a cell: who is asked, in which order, and whose word decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_edgert.agreements import IMPLEMENTATION, OtherSideError, compare_sides, independent, question_of, remedy_for
from pytest_edgert.errors import (
    ArtefactError,
    NothingIndependentError,
    TargetMissingError,
    UnsupportedModelError,
    WorkerError,
)
from pytest_edgert.harness import Finding, run_check
from pytest_edgert.records import SEVERITY, Agreement, Ballot, CheckRecord, Verdict
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.agreement.voting import Ruling

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
        variants: Sessions of other kernels of the other runtimes; asked where somebody has to be wrong.
    """

    witnesses: tuple[EdgeSession, ...] = ()
    references: tuple[EdgeSession, ...] = ()
    named: bool = False
    variants: tuple[EdgeSession, ...] = ()


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
    return _decide(session, found, notes, _vote(session, panel, found))


def _decide(session: EdgeSession, found: list[Agreement], notes: list[str], ruling: Ruling | None) -> Finding:
    """Return the finding of all comparisons; where somebody has to be wrong, by the vote on who that is."""
    if ruling is not None and ruling.verdict is Verdict.PASS:
        found = [replace(one, decides=one.decides and not _disagrees(one)) for one in found]
    deciding = [one for one in found if one.decides]
    told = [] if ruling is None else [*ruling.sentences]
    if ruling is not None and not any(one.question == IMPLEMENTATION for one in deciding):
        # Nobody agrees but by a variant: the vote itself is what speaks for the cell.
        deciding.insert(0, Agreement(IMPLEMENTATION, "the vote", ruling.verdict, told.pop(0)))
    first = max(deciding, key=lambda one: SEVERITY.index(one.verdict))
    verdict, reason = first.verdict, f"{first.question}, against {first.reference}: {first.reason}"
    if ruling is not None and first.question == IMPLEMENTATION and ruling.verdict is Verdict.INCONCLUSIVE:
        verdict, reason = ruling.verdict, f"{told.pop(0)} {reason}"
    elif told and not verdict.green:
        reason = f"{reason} {told.pop(0)}"
    causes = ruling.causes if ruling else ()
    vote = Ballot(ruling.outliers, causes, ruling.verdict is Verdict.INCONCLUSIVE) if ruling else None
    return Finding(
        verdict,
        reason,
        "" if verdict.green else remedy_for(session, causes),
        agreements=tuple(found),
        vote=vote,
        notes=(*told, *notes),
    )


def _disagrees(one: Agreement) -> bool:
    return one.question == IMPLEMENTATION and one.verdict is Verdict.FAIL


def _vote(session: EdgeSession, panel: Panel, found: Sequence[Agreement]) -> Ruling | None:
    """Return who is wrong; None where nobody has to be, or only kernels of one runtime could speak."""
    from pytest_edgert.voters import Bench, hold_vote

    answered = {one.reference for one in found}
    oracle = next((w for w in panel.witnesses if w.target.runtime == ORACLE and w.title in answered), None)
    apart = [w for w in panel.witnesses if w.target.runtime not in (ORACLE, session.target.runtime)]
    others = [w for w in apart if w.title in answered]
    asked = [one for one in found if one.question == IMPLEMENTATION]
    undecided = any(one.decides and one.verdict is Verdict.INCONCLUSIVE for one in asked)
    if undecided or not any(map(_disagrees, asked)) or not (oracle or others):
        return None
    kernels = [w for w in panel.witnesses if w.target.runtime == session.target.runtime]
    return hold_vote(Bench(session, oracle, others, (*kernels, *panel.variants)), found)


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
