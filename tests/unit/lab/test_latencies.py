"""The check of latency between worker and record."""

from __future__ import annotations

import pytest

from pytest_edgert.latencies import confirmed
from pytest_edgert.measure.samples import OVERRUN, SUFFICED
from pytest_edgert.records import Verdict


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.MEASURED])
def test_a_worker_that_stopped_on_evidence_its_samples_do_not_hold_is_not_believed(verdict: Verdict) -> None:
    found, reason, remedy = confirmed(SUFFICED, verdict, "too close to call", "")
    assert found is Verdict.INVALID
    assert "too close to call" in reason
    assert remedy


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.MEASURED])
def test_a_queue_that_grew_and_whose_samples_do_not_show_it_is_not_believed(verdict: Verdict) -> None:
    assert confirmed(OVERRUN, verdict, "because", "do")[0] is Verdict.INVALID


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INVALID])
def test_a_queue_that_grew_stands_where_the_samples_show_it(verdict: Verdict) -> None:
    assert confirmed(OVERRUN, verdict, "because", "do") == (verdict, "because", "do")


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.INVALID])
def test_a_verdict_that_the_samples_confirm_stands(verdict: Verdict) -> None:
    assert confirmed(SUFFICED, verdict, "because", "do") == (verdict, "because", "do")


def test_a_worker_that_ran_out_of_time_may_be_inconclusive() -> None:
    stopped = confirmed("the cap of 60 s was reached", Verdict.INCONCLUSIVE, "because", "do")
    assert stopped == (Verdict.INCONCLUSIVE, "because", "do")
