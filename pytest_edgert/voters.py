"""Sessions as voters: pairs of them are compared as the vote on one of them needs it, each pair once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_edgert.agreement.voting import Ruling, Vote, Voter
from pytest_edgert.agreements import OtherSideError, compare_sides, independent
from pytest_edgert.errors import EdgertError
from pytest_edgert.records import Agreement, Verdict
from pytest_edgert.sessions import EdgeSession

#: What a verdict of a comparison says of two voters; any other says nothing.
_AGREES = {Verdict.PASS: True, Verdict.MEASURED: True, Verdict.FAIL: False}


@dataclass(frozen=True, slots=True)
class Bench:
    """Who may vote, all with one artefact.

    Args:
        session: The session under test.
        oracle: The exact oracle's session, if it can run the artefact.
        others: Sessions of other runtimes.
        variants: Sessions of other kernels, of the session's runtime and of the others'.
    """

    session: EdgeSession
    oracle: EdgeSession | None
    others: Sequence[EdgeSession]
    variants: Sequence[EdgeSession] = ()


@dataclass(slots=True)
class _Pairs:
    """Compares two voters by their sessions and remembers the answer."""

    sessions: dict[Voter, EdgeSession]
    known: dict[frozenset[Voter], bool | None] = field(default_factory=dict)

    def agree(self, one: Voter, other: Voter) -> bool | None:
        pair = frozenset((one, other))
        if pair not in self.known:
            self.known[pair] = _compare(self.sessions[one], self.sessions[other])
        return self.known[pair]


def hold_vote(bench: Bench, found: Sequence[Agreement]) -> Ruling:
    """Return who is wrong when the session under test differs from at least one other.

    Args:
        bench: Who may vote.
        found: How the session compared with others already.
    """
    session, oracle = bench.session, bench.oracle
    base = {one.target.runtime: one for one in (*bench.others, session)}
    sessions = {
        Voter(str(one.target), one.target.runtime, _changed(base[one.target.runtime], one)): one
        for one in bench.variants
        if one.target.runtime in base and independent(base[one.target.runtime], one)
    }
    variants = tuple(sessions)
    plain = {Voter(str(one.target), one.target.runtime): one for one in (session, *bench.others)}
    judges = {} if oracle is None else {Voter(str(oracle.target), oracle.target.runtime): oracle}
    accused, *others = plain
    pairs = _Pairs({**sessions, **plain, **judges})
    titles = {one.title: voter for voter, one in pairs.sessions.items()}
    for one in found:
        if one.reference in titles:
            pairs.known[frozenset((accused, titles[one.reference]))] = _AGREES.get(one.verdict)
    inexact = "" if oracle is None else _inexact(oracle)
    return Vote(accused, others, pairs.agree, next(iter(judges), None), inexact, variants).ruling()


def _compare(one: EdgeSession, other: EdgeSession) -> bool | None:
    from pytest_edgert.agreement.match import MatchError

    try:
        return _AGREES.get(compare_sides(one, other).verdict)
    except MatchError:
        return False
    except (EdgertError, OtherSideError):
        return None


def _inexact(oracle: EdgeSession) -> str:
    """Return how far an open oracle is to be trusted, in words; empty where it computes every operator exactly."""
    detail = oracle.placement.detail
    return str(detail.get("trust", "")) if detail.get("float64") or detail.get("onnx_reference") else ""


def _changed(usual: EdgeSession, variant: EdgeSession) -> str:
    """Return what a variant changes, in words: "precision=f32, low_precision=false"."""
    before, after = dict(usual.plan.options), dict(variant.plan.options)
    told = [f"{name}={_plain(value)}" for name, value in after.items() if before.get(name) != value]
    told += [f"{name} as usual" for name in before if name not in after]
    if usual.target.accelerator != variant.target.accelerator:
        told.insert(0, f"the {variant.target.accelerator}")
    return ", ".join(told) or "other kernels"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
