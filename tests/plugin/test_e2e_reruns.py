"""pytest-rerunfailures on a latency test: more attempts add evidence, and never take a verdict back."""

from __future__ import annotations

import pytest
from e2e_runs import ON_FAKE, EdgeProject

from pytest_edgert.records import CheckRecord, Verdict

pytestmark = pytest.mark.slow

TESTS = """
import pytest
from pytest_edgert import assert_latency

pytestmark = pytest.mark.edge_model("net.fake")

def test_latency(edge_session, latency_budget):
    assert_latency(edge_session, latency_budget)
"""


def last_attempt(edge: EdgeProject, *arguments: str, **faults: object) -> CheckRecord:
    """Return the record of a latency test that may be tried three times."""
    edge.write_fake(**faults)
    edge.pytester.makepyfile(TESTS)
    edge.run(ON_FAKE, "--reruns=2", *arguments)
    return edge.record("latency")


def test_what_was_found_beyond_stays_beyond(edge: EdgeProject) -> None:
    record = last_attempt(edge, "--latency-budget=1us", latency_s=0.001)
    assert (record.verdict, record.attempts) == (Verdict.FAIL, 3)
    assert any("does not start anew" in note for note in record.notes)


def test_an_undecided_test_goes_on_with_its_samples(edge: EdgeProject) -> None:
    # A p99.9 needs 3,800 clean samples: at a millisecond each that is more than three attempts of a second give.
    record = last_attempt(edge, "--latency-budget=p99.9=1s", "--edge-max-time=1s", latency_s=0.001)
    assert (record.verdict, record.attempts) == (Verdict.INCONCLUSIVE, 3)
    assert record.latency is not None
    assert record.latency.inferences > 1100  # one attempt of a second cannot take as many


def test_a_lost_worker_is_tried_again_and_said(edge: EdgeProject) -> None:
    record = last_attempt(edge, "--latency-budget=1s", fault="segfault", fault_at=3)
    assert (record.verdict, record.attempts) == (Verdict.INFRA, 3)
    assert any("an attempt before ended INFRA" in note for note in record.notes)
