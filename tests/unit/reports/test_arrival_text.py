from __future__ import annotations

from dataclasses import replace

from pytest_edgert.records import Cell, CheckRecord, Latency, Quantile, Verdict
from pytest_edgert.reports import junit, text

P95 = Quantile(95, 0.012, 0.011, 0.013)
SERVICE = (Quantile(50, 0.004, 0.0039, 0.0041), Quantile(95, 0.006, None, None))
OPEN = Latency(
    (),
    (P95,),
    100,
    100.0,
    1.0,
    30.0,
    0.01,
    10,
    1.0,
    3.3,
    "the evidence sufficed",
    arrival="every 33 ms",
    service=SERVICE,
    queue=3,
)


def record(latency: Latency) -> CheckRecord:
    return CheckRecord(
        "latency", Cell("net", "net.onnx", "00", "onnxruntime:cpu"), Verdict.FAIL, "late.", latency=latency
    )


def test_an_open_loop_tells_its_arrivals_the_queue_and_the_service_time() -> None:
    assert (
        "  requests every 33 ms, at most 3 waiting; response time counts from the intended start; "
        "service time p50 4 ms [3.9 ms, 4.1 ms]; p95 6 ms [?, ?]"
    ) in list(text.sentences(record(OPEN)))
    assert text.figure(record(OPEN)) == "p95 12 ms [11 ms, 13 ms], every 33 ms"
    assert "none had to wait" in text.arrival(replace(OPEN, queue=0))


def test_a_closed_loop_says_nothing_of_arrivals() -> None:
    closed = replace(OPEN, arrival="closed", service=(), queue=0)
    assert not any("requests" in line for line in text.sentences(record(closed)))
    assert text.figure(record(closed)) == "p95 12 ms [11 ms, 13 ms]"
    assert "edgert.arrival" not in dict(junit.properties([record(closed)]))


def test_junit_carries_arrival_queue_and_service() -> None:
    found = dict(junit.properties([record(OPEN)]))
    assert (found["edgert.arrival"], found["edgert.queue"]) == ("every 33 ms", 3)
    assert found["edgert.service_p95_s"] == 0.006
