"""Agreement in words."""

from __future__ import annotations

from dataclasses import replace

from pytest_edgert.records import Agreement, OutputAgreement, Verdict
from pytest_edgert.reports import agreement_text

GOOD = OutputAgreement("scores", "scores", "name", Verdict.PASS, "fine", {"lsb": 1.0, "sqnr_db": 44.4, "max_abs": 0.5})
BAD = OutputAgreement(
    "boxes", "Identity", "map", Verdict.FAIL, "boxes[0, 3] is 9 LSB off.", {"lsb": 9.0, "top1": None}, {"lsb": 3.0},
    "integer kernels round", "policy", ("lsb",), ("near ties: 2",),
)  # fmt: skip


def test_a_table_shows_the_worst_deciding_output_of_each_question():
    found = (
        Agreement("implementation", "a on reference:cpu", Verdict.FAIL, "x", (GOOD, BAD), 4),
        Agreement("implementation", "a on other:cpu", Verdict.PASS, "x", (GOOD,), 4, decides=False),
        Agreement("port", "b on reference:cpu", Verdict.PASS, "x", (GOOD,), 4),
    )
    assert agreement_text.figure(found) == "implementation 9 LSB, port 1 LSB"


def test_a_comparison_without_outputs_shows_its_verdict_and_why():
    other = (Agreement("port", "b on reference:cpu", Verdict.FAIL, "It is another model."),)
    assert agreement_text.figure(other) == "port FAIL"
    assert list(agreement_text.lines(other)) == [
        "port, against b on reference:cpu, 0 inputs: FAIL: It is another model."
    ]


def test_a_failing_output_says_what_was_allowed_and_why():
    told = list(agreement_text.lines((Agreement("implementation", "r", Verdict.FAIL, "x", (BAD,), 4),)))
    assert told[1] == "  boxes = Identity (by map): FAIL 9 LSB"
    assert told[2:] == [
        "    boxes[0, 3] is 9 LSB off.",
        "    allowed: lsb 3 (integer kernels round; from policy)",
        "    near ties: 2",
    ]


def test_a_failing_output_says_what_it_looks_like_and_what_else_it_may_be():
    explained = replace(BAD, explanations=("the output is twice the reference", "a layout is exchanged"))
    told = list(agreement_text.lines((Agreement("implementation", "r", Verdict.FAIL, "x", (explained,), 4),)))
    assert told[4:] == [
        "    looks like: the output is twice the reference",
        "    or: a layout is exchanged",
        "    near ties: 2",
    ]


def test_those_that_do_not_decide_come_last_and_say_so():
    found = (
        Agreement("implementation", "second", Verdict.FAIL, "x", (), 1, decides=False),
        Agreement("implementation", "first", Verdict.PASS, "x", (), 1),
    )
    told = list(agreement_text.lines(found))
    assert "first" in told[0]
    assert "does not decide" in told[1]


def test_equal_outputs_are_said_to_be_equal():
    same = OutputAgreement("scores", "scores", "name", Verdict.PASS, "fine", {"max_abs": 0.0, "n_finite": 4})
    assert agreement_text.figure((Agreement("port", "r", Verdict.PASS, "x", (same,), 1),)) == "port equal"
