from __future__ import annotations

from pytest_edgert.records import Budget, BudgetVerdict, Cell, CheckRecord, Quantile, Segment, Soak, Verdict
from pytest_edgert.reports import junit, text
from pytest_edgert.reports.soak_text import bars, figure, series

P95 = Quantile(95, 0.006, 0.0059, 0.0062)


def soak(**changes: object) -> Soak:
    segments = tuple(
        Segment(5.0 * i, 5.0, 100, 0.004 + 0.0001 * i, 0.005 + 0.0001 * i, 0.01, {"temperature_c.cpu": 50.0 + i})
        for i in range(8)
    )
    made: dict[str, object] = {
        "segments": segments,
        "duration_s": 40.0,
        "budgets": (BudgetVerdict(Budget(95, 0.005, "net.edge.toml:3"), Verdict.FAIL, P95, 77),),
        "quantiles": (Quantile(50, 0.005, None, None), P95),
        "first_s": 0.004,
        "last_s": 0.0046,
        "slowdown": 1.15,
        "knee_s": 20.0,
        "last_from_s": 30.0,
        "memory_growth_bytes": -1.5e6,
        "stop_reason": "40 s were over",
        "samples_path": "/runs/soak-0001.safetensors",
        **changes,
    }
    return Soak(**made)  # type: ignore[arg-type]


def record(**changes: object) -> CheckRecord:
    cell = Cell("net", "net.onnx", "00", "onnxruntime:cpu")
    return CheckRecord("sustained", cell, Verdict.FAIL, "p95 is beyond.", soak=soak(**changes))


def test_a_soak_in_a_table_says_first_last_and_slowdown() -> None:
    assert text.figure(record()) == figure(soak()) == "median 4 ms → 4.6 ms, slowdown 1.15"


def test_a_failing_soak_shows_its_figures_and_its_series() -> None:
    lines = list(text.sentences(record()))
    assert (
        "  p95 6 ms [5.9 ms, 6.2 ms], budget 5 ms (from net.edge.toml:3): FAIL, 77 samples above it (5 % may be), "
        "over the last 10 s"
    ) in lines
    assert (
        "  soak: median 4 ms → 4.6 ms, slowdown 1.15, knee after 20 s, memory -1.5 MB; 800 inferences in 40 s" in lines
    )
    assert "  p50          ▁▂▃▄▅▆▇█ 4 ms … 4.7 ms" in lines
    assert any(line.startswith("  temperature cpu ▁▂▃▄▅▆▇█ 50 °C … 57 °C") for line in lines)
    assert "  raw samples and sensors: /runs/soak-0001.safetensors" in lines


def test_what_is_absent_is_said() -> None:
    told = "\n".join(text.sentences(record(knee_s=None, memory_growth_bytes=None)))
    assert "knee none, memory no reading" in told


def test_a_sensor_that_stood_still_has_no_row() -> None:
    still = tuple(Segment(5.0 * i, 5.0, 1, 0.1, 0.1, 0.1, {"temperature_c.cpu": 50.0}) for i in range(3))
    assert len(list(series(soak(segments=still)))) == 2


def test_long_series_are_drawn_by_the_highest_of_each_stretch_and_gaps_stay_open() -> None:
    values: list[float | None] = [0.0] * 600
    values[305] = 1.0
    assert bars(values) == "▁" * 30 + "█" + "▁" * 29
    assert bars([1.0, None, 2.0]) == "▁ █"
    assert bars([]) == ""
    assert bars([3.0, 3.0]) == "▁▁"


def test_junit_carries_the_figures_of_a_soak() -> None:
    found = dict(junit.properties([record()]))
    assert found["edgert.soak.slowdown"] == 1.15
    assert found["edgert.soak.knee_s"] == 20.0
    assert found["edgert.soak.memory_growth_bytes"] == -1.5e6
    assert found["edgert.soak.p95_s"] == 0.006
    assert "edgert.soak.knee_s" not in dict(junit.properties([record(knee_s=None)]))
