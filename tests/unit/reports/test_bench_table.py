"""A comparison of runtimes in words: table, Markdown, CSV, JSON, from rows made by hand."""

import csv
import json
from dataclasses import replace

import jsonschema
import pytest

from pytest_edgert.bench_records import BenchRow, BenchTable
from pytest_edgert.codec import decode, json_schema
from pytest_edgert.records import Cell, Latency, Quantile
from pytest_edgert.reports.bench_table import FORMATS, as_csv, as_json, as_markdown, as_table

P50, P95, P99 = (
    Quantile(50.0, 4e-3, 3.9e-3, 4.1e-3),
    Quantile(95.0, 7e-3, 6.9e-3, 7.3e-3),
    Quantile(99.0, 9e-3, 8e-3, None),
)
LATENCY = Latency((), (P50, P95, P99), 480, 240.0, 2.0, 212.0, 0.021, 12, 1.0, 2.0, "2 s were watched")
MEASURED = BenchRow(
    Cell("digits", "digits.onnx", "ab" * 32, "onnxruntime:cpu"),
    precision="float32",
    runtime_version="1.2.3",
    options={"threads": 2},
    latency=LATENCY,
    peak_memory_bytes=32.3e6,
    cold_load_s=0.0115,
    first_s=406e-6,
)
REFUSED = BenchRow(
    Cell("digits", "digits.onnx", "ab" * 32, "openvino:gpu"),
    reason="openvino:gpu is missing: no driver.",
    remedy="Install one.",
)


def table(*rows, **changes):
    values = {
        "device": "board",
        "device_facts": {"cpu_model": "Cortex", "cores_usable": 2, "governor": None},
        "threads": 2,
        "seconds": 2.0,
        "seed": 7,
        "meter": "",
        "tool_version": "0.1.0",
        "python": "3.11.7",
        "started_utc": "2026-01-02T03:04:05+00:00",
    }
    return BenchTable(**{**values, **changes}, rows=rows)


def columns(shown, target):
    lines = shown.splitlines()
    heading = next(line for line in lines if line.startswith("artefact"))
    row = next(line for line in lines if target in line)
    starts = [i for i in range(len(heading)) if heading[i] != " " and heading[max(0, i - 2) : i].strip() == ""]
    ends = [*starts[1:], None]
    return {heading[a:b].strip(): row[a:b].strip() for a, b in zip(starts, ends, strict=True)}


def test_a_row_of_the_table_holds_every_figure_with_its_unit():
    assert columns(as_table(table(MEASURED)), "onnxruntime:cpu") == {
        "artefact": "digits.onnx",
        "device": "board",
        "target": "onnxruntime:cpu",
        "precision": "float32",
        "p50": "4 ms [3.9 ms, 4.1 ms]",
        "p95": "7 ms [6.9 ms, 7.3 ms]",
        "p99": "9 ms [8 ms, ?]",
        "throughput": "212 /s",
        "memory": "32.3 MB",
        "load": "11.5 ms",
        "first": "406 µs",
    }


@pytest.mark.parametrize("write", [as_table, as_markdown])
def test_the_head_tells_device_versions_threads_time_and_seed(write):
    shown = write(table(MEASURED))
    for said in (
        "device board (cpu_model Cortex, cores_usable 2)",
        "onnxruntime 1.2.3",
        "threads 2 for every CPU",
        "2 s a cell",
        "seed 7",
    ):
        assert said in shown


@pytest.mark.parametrize("write", [as_table, as_markdown])
def test_a_cell_without_figures_is_a_row_and_its_reason_stands_below(write):
    shown = write(table(MEASURED, REFUSED))
    assert "digits.onnx on openvino:gpu: openvino:gpu is missing: no driver. Install one." in shown.splitlines()[-1]
    assert shown.count("openvino:gpu") == 3


def test_a_missing_figure_is_a_dash_never_zero():
    row = columns(as_table(table(REFUSED)), "openvino:gpu")
    assert {row[name] for name in ("precision", "p50", "p95", "p99", "throughput", "memory", "load", "first")} == {"-"}


@pytest.mark.parametrize("write", [as_table, as_markdown])
def test_power_without_a_meter_is_said_and_has_no_column(write):
    shown = write(table(MEASURED))
    assert "no meter" in shown
    assert not any("power" in line and "p50" in line for line in shown.splitlines())


def test_power_by_a_meter_has_a_column():
    shown = as_table(table(replace(MEASURED, power_w=3.456), replace(REFUSED, reason=""), meter="INA219"))
    assert "power by INA219" in shown
    assert columns(shown, "onnxruntime:cpu")["power"] == "3.46 W"
    assert columns(shown, "openvino:gpu")["power"] == "-"


def test_the_load_beside_the_timings_is_told():
    rows = [replace(MEASURED, conditions={"before.load_1min": load, "load_1min": 9.0}) for load in (0.52, 3.1)]
    assert "load before each timing 0.52 to 3.1" in as_table(table(*rows, REFUSED))
    assert "load" not in as_table(table(replace(MEASURED, conditions={"before.load_1min": None}))).split("artefact")[0]


def test_a_percentile_that_the_samples_do_not_support_says_how_to_get_it():
    few = replace(MEASURED, latency=replace(LATENCY, quantiles=(P50,)))
    assert "watch for longer with --seconds" in as_table(table(few))
    assert "--seconds" not in as_table(table(MEASURED))


def test_markdown_rows_have_as_many_cells_as_the_heading_and_bars_are_escaped():
    odd = replace(MEASURED, cell=Cell("m", "a|b.onnx", "", "onnxruntime:cpu"))
    lines = [line for line in as_markdown(table(odd)).splitlines() if line.startswith("|")]
    assert "a\\|b.onnx" in lines[2]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_csv_holds_si_numbers_and_leaves_missing_ones_empty():
    measured, refused = csv.DictReader(as_csv(table(MEASURED, REFUSED)).splitlines())
    assert float(measured["p95_s"]) == 7e-3
    assert (measured["p99_low_s"], measured["p99_high_s"]) == ("0.008", "")
    assert (measured["peak_memory_bytes"], measured["threads"], measured["reason"]) == ("32300000.0", "2", "")
    assert "power_w" not in measured
    assert (refused["p50_s"], refused["throughput_per_s"], refused["remedy"]) == ("", "", "Install one.")


def test_csv_has_a_column_of_power_with_a_meter():
    assert next(csv.DictReader(as_csv(table(MEASURED, meter="INA219")).splitlines()))["power_w"] == ""


def test_json_is_the_whole_comparison_and_fits_its_schema():
    whole = table(MEASURED, REFUSED)
    told = json.loads(as_json(whole))
    jsonschema.validate(told, json_schema(BenchTable, "edgert bench"))
    assert decode(BenchTable, told) == whole
    assert told["rows"][0]["power_w"] is None


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_a_comparison_of_nothing_can_be_written(write):
    assert isinstance(write(table()), str)


def test_only_a_comparison_with_every_figure_is_complete():
    assert table(MEASURED).complete
    assert not table(MEASURED, REFUSED).complete
    assert not table().complete
