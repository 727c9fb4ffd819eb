from __future__ import annotations

import pytest

from pytest_edgert.records import Arrival, Budget, LatencyPlan, Pattern
from pytest_edgert.soaks import SoakAsk, progress_line, soak_plan

PLAN = LatencyPlan(measure_s=600.0)


@pytest.mark.parametrize(
    ("elapsed_s", "words"),
    [
        (0.0, "[........................] 0%, 10:00 left"),
        (355.0, "[##############..........] 59%, 4:05 left"),
        (700.0, "[########################] 100%, 0:00 left"),
    ],
)
def test_the_line_of_progress_has_a_bar_and_the_time_that_is_left(elapsed_s: float, words: str) -> None:
    fields = {"phase": "sampling", "n": 12345, "elapsed_s": elapsed_s, "percentile": 95.0, "estimate_s": 0.0047}
    assert progress_line("net on cpu", PLAN, fields) == f"{words}: soak of net on cpu, 12,345 inferences, p95 4.7 ms"


def test_the_warm_up_of_a_soak_says_so() -> None:
    assert progress_line("net on cpu", PLAN, {"phase": "warm-up", "n": 1}) == "soak of net on cpu, warm-up"


def test_a_soak_counts_every_sample_for_its_whole_time_and_reads_memory() -> None:
    run = LatencyPlan(fixed_n=5, stride_s=1.0, min_s=10.0, meters=("m:M",), arrival=Arrival(Pattern.EVERY, 1.0))
    plan = soak_plan(run, SoakAsk(300.0, (Budget(95, 1.0),)))
    assert (plan.measure_s, plan.fixed_n, plan.stride_s, plan.min_s) == (300.0, None, 0.0, 0.0)
    assert plan.meters == ("m:M", "pytest_edgert.devices.telemetry.host:METER")
    assert plan.arrival == run.arrival
    assert soak_plan(run, SoakAsk(300.0, arrival=Arrival())).arrival == Arrival()
