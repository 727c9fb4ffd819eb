"""A second attempt at a test goes on where the first stopped."""

from __future__ import annotations

import pytest

from pytest_edgert.evidence import Attempt, Evidence
from pytest_edgert.harness import Finding
from pytest_edgert.records import Verdict


def test_another_attempt_finds_what_the_one_before_left() -> None:
    evidence, first = Evidence(), Attempt(Finding(Verdict.INCONCLUSIVE, "too close"))
    evidence.keep(evidence.turn("t", 1), first)
    assert evidence.before(evidence.turn("t", 2)) is first


def test_two_checks_of_one_test_have_each_their_own_evidence() -> None:
    evidence = Evidence()
    for reason in ("one", "two"):
        evidence.keep(evidence.turn("t", 1), Attempt(Finding(Verdict.INCONCLUSIVE, reason)))
    found = [evidence.before(evidence.turn("t", 2)) for _ in range(3)]
    assert [None if one is None else one.found.reason for one in found] == ["one", "two", None]


def test_a_first_attempt_starts_anew() -> None:
    evidence = Evidence()
    evidence.keep(evidence.turn("t", 1), Attempt(Finding(Verdict.FAIL, "beyond")))
    evidence.turn("u", 1)
    assert evidence.before(evidence.turn("t", 1)) is None


def test_outside_of_tests_nothing_is_kept() -> None:
    evidence = Evidence()
    evidence.keep(evidence.turn("", 1), Attempt(Finding(Verdict.FAIL, "beyond")))
    assert evidence.before(evidence.turn("", 2)) is None


@pytest.mark.parametrize("verdict", list(Verdict))
def test_pass_and_fail_are_decided(verdict: Verdict) -> None:
    assert Attempt(Finding(verdict, "so")).decided == (verdict in (Verdict.PASS, Verdict.FAIL))
