from __future__ import annotations

from hand_made import latency_record, size_record

from pytest_edgert.records import Verdict
from pytest_edgert.reports import junit


def test_the_worst_verdict_comes_first() -> None:
    assert next(junit.properties([latency_record(), size_record()])) == ("edgert.verdict", "FAIL")


def test_values_are_plain_so_that_xdist_can_carry_them() -> None:
    values = [value for _, value in junit.properties([latency_record(Verdict.INVALID), size_record()])]
    assert {type(value) for value in values} <= {str, int, float}


def test_percentiles_are_in_seconds() -> None:
    assert dict(junit.properties([latency_record()]))["edgert.p95_s"] == 7.123e-3


def test_a_test_without_records_has_no_properties() -> None:
    assert list(junit.properties([])) == []
