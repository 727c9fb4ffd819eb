"""Which of several implementations of one artefact is wrong: the word of the exact oracle, else of the most that agree.

Two runtimes that agree may both be wrong, and an oracle may be wrong too. So an oracle that computes every operator
exactly overrules all others. One that approximates some, or borrows them, does so with somebody at its side: another
runtime, or a variant of one that is accused. Alone against independent runtimes that agree with each other it leaves the
question open. Without an oracle the larger number of runtimes that agree is right, and equal numbers leave it open;
variants count for no runtime of their own, they break the tie of two and name causes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_edgert.records import Verdict


@dataclass(frozen=True, slots=True)
class Voter:
    """One way of computing the artefact.

    Args:
        name: As sentences call it: "openvino:cpu+f32".
        runtime: What makes it independent of others.
        kernels: What a variant changes, in words; empty for a runtime as it comes.
    """

    name: str
    runtime: str
    kernels: str = ""


#: Whether two ways agree; None where that cannot be known.
Agree = Callable[[Voter, Voter], bool | None]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a vote says of the accused.

    Args:
        verdict: PASS, FAIL, or INCONCLUSIVE where it stays open who is wrong.
        sentences: How the vote went.
        outliers: Names of those that are wrong.
        causes: What the accused would have to change to agree, each as "precision=f32 (openvino:cpu+f32)".
    """

    verdict: Verdict
    sentences: tuple[str, ...] = ()
    outliers: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vote:
    """A vote on one implementation that differs from at least one other.

    Args:
        accused: The implementation under test.
        others: Other runtimes that can run the artefact.
        agree: Compares two; asked for pairs as they are needed.
        oracle: The exact oracle, where it can run the artefact.
        inexact: Operators that the oracle approximates or borrows, in words; empty where all are exact.
        variants: Other kernels of the accused's runtime and of the others.
    """

    accused: Voter
    others: Sequence[Voter]
    agree: Agree
    oracle: Voter | None = None
    inexact: str = ""
    variants: Sequence[Voter] = ()

    @cached_property
    def friends(self) -> list[Voter]:
        """The other runtimes that agree with the accused."""
        return self._with(self.accused, self.others)

    @cached_property
    def opponents(self) -> list[Voter]:
        """The other runtimes that do not."""
        return [one for one in self.others if self.agree(self.accused, one) is False]

    def ruling(self) -> Ruling:
        """Return what the vote says."""
        if self.oracle is None or self.agree(self.accused, self.oracle) is None:
            return self._by_number()
        if self.agree(self.accused, self.oracle):
            wrong = [one for one in self.opponents if self.agree(one, self.oracle) is False]
            return Ruling(Verdict.PASS, _outliers(wrong, "the oracle"), _names(wrong))
        return self._against_oracle(self.oracle)

    def _against_oracle(self, oracle: Voter) -> Ruling:
        beside = self._with(oracle, self.others)
        allies = [one for one in self.friends if one not in beside]
        causes = self._causes([self.accused], [oracle])
        helped = bool(beside or causes) or not self.inexact
        if allies and not helped and not self._causes(allies, [oracle]):
            both = _list(_names([self.accused, *allies]))
            alone = (
                f"Ambiguous: {both} agree and the oracle stands alone, with operators that it does not compute exactly"
            )
            return Ruling(Verdict.INCONCLUSIVE, (f"{alone} ({self.inexact}).",))
        told = [f"{_list(_names(beside))} agree{_s(beside)} with the oracle."] if beside else []
        if allies:
            told.append(
                f"{_list(_names(allies))} agree{_s(allies)} with {self.accused.name} and {_are(allies)} wrong too."
            )
        return Ruling(Verdict.FAIL, (*told, *_changes(causes)), _names([self.accused, *allies]), causes)

    def _by_number(self) -> Ruling:
        if not self.opponents:
            return Ruling(Verdict.PASS)
        group = max((self._group(one) for one in self.opponents), key=len)
        own = [self.accused, *self.friends]
        if len(own) == len(group) == 1:
            return self._one_against_one(group[0])
        if len(own) > len(group):
            if len(own) <= max(len(self._group(one, (False,))) for one in self.opponents):
                told = f"whether {_list(_names(self.opponents))} agree with each other could not be found out"
                return Ruling(Verdict.INCONCLUSIVE, (f"Ambiguous: {told}; no oracle says who is wrong.",))
            return Ruling(Verdict.PASS, _outliers(self.opponents, _list(_names(self.friends))), _names(self.opponents))
        if len(own) == len(group):
            sides = f"{_list(_names(own))} agree, and so do {_list(_names(group))}"
            return Ruling(Verdict.INCONCLUSIVE, (f"Ambiguous: {sides}; no oracle says who is wrong.",))
        causes = self._causes([self.accused], group)
        told = f"{_list(_names(group))} agree with each other and not with {_list(_names(own))}."
        return Ruling(Verdict.FAIL, (told, *_changes(causes)), _names(own), causes)

    def _one_against_one(self, other: Voter) -> Ruling:
        """Let variants break the tie: the one whose other kernels agree with the opponent is wrong."""
        causes, excuses = self._causes([self.accused], [other]), self._causes([other], [self.accused])
        if causes and not excuses:
            return Ruling(Verdict.FAIL, _changes(causes), _names([self.accused]), causes)
        if excuses and not causes:
            told = f"{other.name} is the outlier: with {_list(excuses)} it agrees with {self.accused.name}."
            return Ruling(Verdict.PASS, (told,), _names([other]))
        told = f"{self.accused.name} and {other.name} differ, and nobody else says which of them is wrong."
        return Ruling(Verdict.FAIL, (told,))

    def _with(self, one: Voter, others: Iterable[Voter]) -> list[Voter]:
        return [other for other in others if other != one and self.agree(one, other)]

    def _group(self, one: Voter, apart: Sequence[bool | None] = (False, None)) -> list[Voter]:
        """Return opponents that all agree with each other, beginning with one; none that is told `apart` from another."""
        group = [one]
        for other in self.opponents:
            if other not in group and all(self.agree(member, other) not in apart for member in group):
                group.append(other)
        return group

    def _causes(self, wrong: Iterable[Voter], right: Sequence[Voter]) -> tuple[str, ...]:
        """Return what variants of the wrong ones change that makes them agree with all of the right ones, least first."""
        runtimes = {one.runtime for one in wrong}
        found = sorted(
            (one for one in self.variants if one.runtime in runtimes), key=lambda one: one.kernels.count(",")
        )
        return tuple(f"{one.kernels} ({one.name})" for one in found if all(self.agree(one, other) for other in right))


def _names(voters: Iterable[Voter]) -> tuple[str, ...]:
    return tuple(one.name for one in voters)


def _outliers(voters: Sequence[Voter], judge: str) -> tuple[str, ...]:
    return (
        (f"{_list(_names(voters))} {_are(voters)} the outlier{_plural(voters)}, against {judge} too.",)
        if voters
        else ()
    )


def _changes(causes: Sequence[str]) -> tuple[str, ...]:
    return (f"With {' or '.join(causes)} it agrees.",) if causes else ()


def _list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _are(voters: Sequence[Voter]) -> str:
    return "is" if len(voters) == 1 else "are"


def _s(voters: Sequence[Voter]) -> str:
    return "s" if len(voters) == 1 else ""


def _plural(voters: Sequence[Voter]) -> str:
    return "" if len(voters) == 1 else "s"
