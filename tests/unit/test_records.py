from __future__ import annotations

import dataclasses

import pytest

from pytest_edgert.records import SEVERITY, Amount, Budget, Evidence, Placement, Verdict, worst


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        ("PASS", "passed"),
        ("FAIL", "failed"),
        ("MEASURED", "passed"),
        ("INCONCLUSIVE", "failed"),
        ("INVALID", "error"),
        ("INFRA", "error"),
        ("NOTRUN", "error"),
    ],
)
def test_each_verdict_has_its_outcome(verdict: str, outcome: str) -> None:
    assert Verdict(verdict).outcome == outcome


def test_only_pass_and_measured_are_green() -> None:
    assert {verdict for verdict in Verdict if verdict.green} == {Verdict.PASS, Verdict.MEASURED}


def test_every_verdict_has_a_meaning_and_a_severity() -> None:
    assert all(verdict.meaning for verdict in Verdict)
    assert set(SEVERITY) == set(Verdict)


def test_the_worst_of_several_verdicts_decides() -> None:
    assert worst([Verdict.PASS, Verdict.FAIL, Verdict.MEASURED]) is Verdict.FAIL
    assert worst([Verdict.FAIL, Verdict.INFRA]) is Verdict.INFRA


def test_a_check_without_parts_is_measured() -> None:
    assert worst([]) is Verdict.MEASURED


@pytest.mark.parametrize(
    ("limit", "at_least", "verdict"),
    [
        (None, False, Verdict.MEASURED),
        (10.0, False, Verdict.PASS),
        (9.9, False, Verdict.FAIL),
        (10.0, True, Verdict.PASS),
        (10.1, True, Verdict.FAIL),
    ],
)
def test_an_amount_is_judged_against_its_limit(limit: float | None, at_least: bool, verdict: Verdict) -> None:
    assert Amount("peak", 10.0, "bytes", limit, at_least=at_least).verdict is verdict


def test_a_figure_that_is_no_number_never_passes() -> None:
    assert Amount("peak", float("nan"), "bytes", 10.0).verdict is Verdict.FAIL
    assert Amount("peak", float("nan"), "bytes", 10.0, at_least=True).verdict is Verdict.FAIL


def test_the_share_of_a_placement_counts_nodes_elsewhere() -> None:
    assert Placement("cuda", Evidence.TRACED, {"cuda": 3, "cpu": 1}, ("a (Foo) on cpu",)).share == 0.75


def test_a_placement_without_nodes_has_no_share() -> None:
    assert Placement("cpu", Evidence.REQUESTED).share is None


@pytest.mark.parametrize(("percentile", "name"), [(95.0, "p95"), (99.9, "p99.9")])
def test_a_budget_is_named_as_people_write_it(percentile: float, name: str) -> None:
    assert Budget(percentile, 1.0).name == name


def test_records_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Budget(95.0, 1.0).limit_s = 2.0  # type: ignore[misc]
