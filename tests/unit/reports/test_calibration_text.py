"""A calibration as TOML: valid, the widest of all cells, with its reason and what was refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from pytest_edgert.records import Agreement, Cell, CheckRecord, Environment, OutputAgreement, Plain, Verdict
from pytest_edgert.reports.calibration_text import calibration_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GATES: dict[str, Plain] = {"lsb": 3.0, "over_one_share": 0.01, "sqnr_db": 35.0, "nan": "propagate"}


def record(target: str, figures: dict[str, Plain], *notes: str, verdict: Verdict = Verdict.PASS) -> CheckRecord:
    output = OutputAgreement("y", "y", "name", verdict, "a\nreason", figures, GATES, notes=notes)
    agreement = Agreement("implementation", "net.onnx on reference:cpu", verdict, "", (output,), 4)
    made = Environment("board", {}, "1.32.0", {}, "3.11", "1")
    cell = Cell("net", "net.onnx", "0", target)
    return CheckRecord(
        "agreement",
        cell,
        verdict,
        "why\nnot",
        agreement=(agreement,),
        environment=made,
        started_utc="2026-11-24T01:02:03",
    )


def parsed(*records: CheckRecord) -> tuple[str, dict[str, Any]]:
    text = "\n".join(calibration_lines(records))
    return text, tomllib.loads(text)


def test_the_widest_of_all_cells_with_the_reason_that_a_looser_tolerance_needs() -> None:
    one = record("a:cpu", {"margin_lsb": 2.0, "margin_sqnr": 40.0, "margin_n": 4000})
    two = record("b:cpu", {"margin_lsb": 5.0, "margin_sqnr": 30.0, "margin_n": 2000}, verdict=Verdict.FAIL)
    text, table = parsed(one, two)
    assert table["agreement"]["implementation"]["outputs"]["y"] == {
        "lsb": 5.0,
        "sqnr": 30.0,
        "reason": "calibrated 2026-11-24 on board: 2 times p99.9 of 2000 elements, 4 feeds; a:cpu 1.32.0, b:cpu 1.32.0;"
        " failed until then: b:cpu",
    }
    assert "# net.onnx on b:cpu against net.onnx on reference:cpu: FAIL; lsb 5, sqnr 30" in text
    assert "#   why it failed: a reason" in text


def test_a_key_without_error_in_one_cell_is_kept_and_one_that_it_does_not_have_is_left() -> None:
    one = record("a:cpu", {"margin_lsb": 2.0, "margin_over_one": 0.02, "margin_rtol": 0.1, "margin_n": 500})
    two = record("b:cpu", {"margin_lsb": 1.0, "margin_n": 500})
    text, table = parsed(one, two)
    frozen = table["agreement"]["implementation"]["outputs"]["y"]
    assert (frozen["lsb"], frozen["over_one"], "rtol" in frozen) == (2.0, 0.02, False)
    assert "left at their defaults, for not every cell has them: rtol" in text
    assert "the largest of 500 elements, too few for p99.9" in frozen["reason"]


def test_what_was_refused_and_what_did_not_decide_freeze_nothing() -> None:
    refused = record("a:cpu", {}, "calibration: refused, for the structure broke", verdict=Verdict.FAIL)
    aside = record("b:cpu", {"margin_lsb": 9.0, "margin_n": 5000})
    aside = replace(aside, agreement=(replace(aside.agreement[0], decides=False),))
    text, table = parsed(refused, aside)
    assert table == {}
    assert "FAIL; refused, for the structure broke" in text
    assert "# refused: net.onnx on b:cpu: why not" in text


def test_names_are_quoted_and_a_run_without_the_check_says_so() -> None:
    odd = record("a:cpu", {"margin_lsb": 2.0, "margin_n": 500})
    output = replace(odd.agreement[0].outputs[0], output='a"b.c\\d')
    odd = replace(odd, agreement=(replace(odd.agreement[0], outputs=(output,)),))
    assert list(parsed(odd)[1]["agreement"]["implementation"]["outputs"]) == ['a"b.c\\d']
    assert "no agreement check ran" in parsed()[0]
