"""The throughput job on fakes: what is counted, what ends it, whose error comes out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert import clock
from pytest_edgert.contracts import SupportsAsync
from pytest_edgert.errors import InferenceError, MeasurementInvalidError, UsageError
from pytest_edgert.job.throughput import measure_throughput
from pytest_edgert.measure.streams import open_streams
from pytest_edgert.records import BlockPlan
from pytest_edgert.runtimes.fake import RUNTIME

PLAN = BlockPlan(block_s=0.02, warm_up_n=1, warm_up_s=0.0, max_s=5.0)
FEEDS = {"x": np.ones((1, 4), np.float32)}


def opened(folder: Path, **faults: object):
    path = folder / "net.fake"
    model = {
        "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
        "outputs": [{"name": "y", "of": "x", "scale": 2.0, "bias": 1.0}],
        "faults": faults,
    }
    path.write_text(json.dumps(model), encoding="utf-8")
    return RUNTIME.open(path, "cpu", {})


def replaced(plan: BlockPlan, **changes: object) -> BlockPlan:
    from dataclasses import replace

    return replace(plan, **changes)


@pytest.mark.slow
def test_every_block_counts_the_inputs_of_all_streams(tmp_path: Path) -> None:
    session = opened(tmp_path, latency_s=0.005)
    found = measure_throughput(session, FEEDS, replaced(PLAN, streams=3, batch=2), lambda fields: None)
    values = found.values["throughput"]
    assert len(values) == 10
    assert found.stop_reason == "10 blocks were watched"
    assert values.max() <= 3 * 2 / 0.005 * 1.001, "more was counted than can have been done"
    assert found.detail["streams"] == 3


@pytest.mark.slow
def test_a_block_waits_for_a_stream_that_finishes_nothing_in_it(tmp_path: Path) -> None:
    session = opened(tmp_path, latency_s=0.06)
    found = measure_throughput(session, FEEDS, replaced(PLAN, block_s=0.001), lambda fields: None)
    assert len(found.values["throughput"]) == 10
    assert 0 < found.values["throughput"].max() <= 1 / 0.06 * 1.001


def test_the_cap_ends_it(tmp_path: Path) -> None:
    session = opened(tmp_path, latency_s=0.001)
    found = measure_throughput(session, FEEDS, replaced(PLAN, limit=1.0, max_s=0.06), lambda fields: None)
    assert found.stop_reason == "the cap of 0.06 s was reached"


def test_an_error_of_a_stream_comes_out_at_once(tmp_path: Path) -> None:
    session = opened(tmp_path, latency_s=0.001, fault="refuses", fault_at=30)
    with pytest.raises(InferenceError, match="status 7"):
        measure_throughput(session, FEEDS, PLAN, lambda fields: None)


@pytest.mark.slow
def test_a_stream_that_computes_nothing_is_found(tmp_path: Path) -> None:
    session = opened(tmp_path, latency_s=0.001, fault="idles")
    with pytest.raises(MeasurementInvalidError, match="stream 2 of 2"):
        measure_throughput(session, FEEDS, replaced(PLAN, streams=2), lambda fields: None)


class Plain:
    """A session without bound buffers."""

    def infer(self, feeds):
        return {"y": feeds["x"] * 2}


@pytest.mark.slow
def test_one_stream_needs_no_bound_buffers_and_two_are_refused() -> None:
    found = measure_throughput(Plain(), FEEDS, PLAN, lambda fields: None)
    assert len(found.values["throughput"]) == 10
    with pytest.raises(UsageError, match="one inference at a time"):
        measure_throughput(Plain(), FEEDS, replaced(PLAN, streams=2), lambda fields: None)


class Request:
    """A request that must be started, then waited for, in turns."""

    def __init__(self):
        self.running = False
        self.done = 0

    def start(self):
        assert not self.running
        self.running = True

    def wait(self):
        assert self.running
        clock.sleep_s(0.0005)
        self.running, self.done = False, self.done + 1

    def outputs(self):
        return {"y": FEEDS["x"] * 2} if self.done else {}


class Queued(Plain):
    """A session that takes requests."""

    def __init__(self):
        self.requests = []

    def bind_async(self, feeds):
        self.requests.append(Request())
        return self.requests[-1]


@pytest.mark.slow
def test_requests_are_kept_in_flight_and_all_waited_for() -> None:
    session = Queued()
    assert isinstance(session, SupportsAsync)
    found = measure_throughput(session, FEEDS, replaced(PLAN, streams=3), lambda fields: None)
    assert len(session.requests) == 3
    assert not any(request.running for request in session.requests)
    assert found.detail["inferences"] <= sum(request.done for request in session.requests)


def test_streams_stop_with_their_block(tmp_path: Path) -> None:
    with open_streams(opened(tmp_path, latency_s=0.001), FEEDS, 2, clock.monotonic_ns) as streams:
        streams.sleep(0.02)
    assert all(not thread.is_alive() for thread in streams._threads)
    before = streams.states()
    assert streams.states() == before
