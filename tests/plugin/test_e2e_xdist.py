"""The real gate and a user's tests spread over two processes by pytest-xdist, one device between them."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import pytest
from e2e_runs import ON_FAKE, EdgeProject
from safetensors.numpy import load_file

from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

#: All but the check that needs a second runtime.
CHECKS = ("-k", "not agreement", "--edge-samples=60")
MODELS = ("--edge-model=a.fake", "--edge-model=b.fake", ON_FAKE)


def write_models(edge: EdgeProject) -> None:
    edge.write_fake("a.fake", latency_s=0.0005)
    edge.write_fake("b.fake", latency_s=0.0005)


@pytest.mark.lab
def test_every_check_of_every_cell_runs_once(edge: EdgeProject) -> None:
    write_models(edge)
    alone = edge.run(*MODELS, *CHECKS)
    expected = set(edge.items)
    spread = edge.run(*MODELS, *CHECKS, "-n2")
    assert (alone.ret, spread.ret) == (0, 0)
    assert set(edge.items) == expected
    assert {f"{name}.fake::latency[{name}.fake-fake:cpu]" for name in "ab"} <= expected
    assert set(Counter(record.nodeid for record in edge.document.records).values()) == {1}
    assert {item.verdict for item in edge.items.values() if item.applies} == {Verdict.PASS, Verdict.MEASURED}


#: Tests that infer for a while, and tests that measure, side by side in every process of xdist.
CONTENTION = """
import json
import os
import pytest
from pathlib import Path
from pytest_edgert import assert_latency, clock

pytestmark = pytest.mark.edge_model("a.fake")

@pytest.mark.parametrize("turn", range(8))
def test_infers(edge_session, turn):
    spans = []
    for _ in range(40):
        edge_session.infer(edge_session.feeds())
        start = clock.monotonic_ns()
        edge_session.infer(edge_session.feeds())
        spans.append((start, clock.monotonic_ns()))
    Path(f"spans-{os.environ['PYTEST_XDIST_WORKER']}-{turn}.json").write_text(json.dumps(spans))

@pytest.mark.parametrize("turn", range(4))
def test_measures(edge_session, turn):
    assert_latency(edge_session)
"""


@pytest.mark.lab
def test_a_measurement_waits_for_other_processes_and_is_alone(edge: EdgeProject) -> None:
    """Each process keeps its session open from its first test on; the device is free between tests all the same."""
    edge.write_fake("a.fake", latency_s=0.0005)
    edge.pytester.makepyfile(test_a=CONTENTION)
    result = edge.run(ON_FAKE, "-n2", "--dist=load", "--maxschedchunk=1", "--edge-samples=100", "--edge-wait=60s")
    result.assert_outcomes(passed=12)
    spans = [span for path in edge.path.glob("spans-*.json") for span in json.loads(path.read_text())]
    assert {path.name.split("-")[1] for path in edge.path.glob("spans-*.json")} == {"gw0", "gw1"}
    starts = [load_file(record.latency.samples_path)["starts_ns"] for record in edge.document.records]
    assert len(starts) == 4
    for measured in starts:
        overlapping = [span for span in spans if span[0] < measured[-1] and span[1] > measured[0]]
        assert overlapping == []
    measured = sorted((one[0], one[-1]) for one in starts)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(measured))


@pytest.mark.lab
def test_a_process_that_has_nothing_to_do_does_not_hold_the_device(edge: EdgeProject) -> None:
    """One process opens a session and is idle for the rest; the other measures last."""
    edge.write_fake("a.fake", latency_s=0.0005)
    edge.pytester.makepyfile(
        test_a="""
        import pytest
        from pytest_edgert import assert_latency

        pytestmark = pytest.mark.edge_model("a.fake")

        @pytest.mark.xdist_group("one")
        def test_opens(edge_session):
            edge_session.infer(edge_session.feeds())

        @pytest.mark.xdist_group("other")
        @pytest.mark.parametrize("turn", range(3))
        def test_measures(edge_session, turn):
            assert_latency(edge_session)
        """
    )
    result = edge.run(ON_FAKE, "-n2", "--dist=loadgroup", "--edge-samples=60", "--edge-wait=5s")
    result.assert_outcomes(passed=4)
