"""Cells measured for a comparison: what a row says of precision, and of a cell that cannot run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_edgert.benchmarking import NOT_TOLD, Entry, measure_entries, meter_of, precision_of, timing_order
from pytest_edgert.contracts import Target
from pytest_edgert.errors import TargetMissingError
from pytest_edgert.locks import DeviceLock
from pytest_edgert.records import Cell, Evidence, LatencyPlan, Placement
from pytest_edgert.run import Run
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.sessions import SessionPlan, SessionPool
from pytest_edgert.tensors import Quantization, Signature, TensorSpec
from pytest_edgert.transports.local import TRANSPORT

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"
QUICK = LatencyPlan(warm_up_n=1, warm_up_s=0.01, measure_s=0.1)


def told(quantized, *, dtype="float32", quantization=None, **detail):
    spec = TensorSpec("x", dtype, (1,), quantization)
    return precision_of(Signature((spec,), (spec,), quantized), Placement("cpu", Evidence.TRACED, detail=detail))


@pytest.mark.parametrize(
    ("quantized", "facts", "said"),
    [
        (False, {}, "float32"),
        (False, {"dtype": "float16"}, "float16"),
        (False, {"precision": "bf16"}, "bfloat16"),
        (True, {}, "int8"),
        (True, {"precision": "bf16", "low_precision": True}, "int8 and bfloat16"),
        (True, {"precision": "f32", "low_precision": False}, "int8 as float32"),
        (None, {"dtype": "uint8", "quantization": Quantization((0.5,), (3,))}, "uint8"),
        (None, {"precision": "f32", "node_precisions": "i8 ×5, f32 ×2"}, "int8 and float32"),
        (None, {"precision": "f32", "node_precisions": "f32 ×7"}, "float32"),
        (None, {}, NOT_TOLD),
    ],
)
def test_precision_is_what_the_runtime_tells(quantized, facts, said):
    assert told(quantized, **facts) == said


def test_cells_are_timed_in_an_order_of_the_seed():
    assert timing_order(8, 3) == timing_order(8, 3)
    assert sorted(timing_order(8, 3)) == list(range(8))
    assert timing_order(8, 3) != timing_order(8, 4)


@pytest.fixture
def pool(tmp_path):
    lock = DeviceLock("this-machine", 600.0, tmp_path)
    found = SessionPool(Run("board", tmp_path, plan=QUICK), TRANSPORT, adapter_references(), lock)
    yield found
    found.close()


def plan(name, **options):
    chosen = tuple(sorted({"threads": 1, **options}.items()))
    return SessionPlan("digits", identify(DIGITS / name), Target("onnxruntime", "cpu"), chosen)


def entry(name, **options):
    planned = plan(name, **options)
    return Entry(planned.cell, planned)


@pytest.mark.slow
def test_a_measured_row_has_every_figure_and_no_reason(pool):
    (row,) = measure_entries(pool, [entry("digits.onnx")])
    assert row.reason == ""
    assert {one.percentile for one in row.latency.quantiles} >= {50.0, 95.0, 99.0}
    assert (row.precision, row.options, row.power_w) == ("float32", {"threads": 1}, None)
    assert min(row.peak_memory_bytes, row.cold_load_s, row.first_s, row.latency.throughput_per_s) > 0
    assert row.runtime_version


@pytest.mark.slow
def test_rows_keep_the_order_of_the_entries_and_a_missing_target_its_reason(pool):
    missing = Entry(Cell("digits", "digits.onnx", "", "engine:npu"), problem=TargetMissingError("No NPU.", "Buy one."))
    first, second = measure_entries(pool, [missing, entry("digits_int8.onnx")])
    assert (first.cell.target, first.reason, first.remedy, first.latency) == ("engine:npu", "No NPU.", "Buy one.", None)
    assert (second.precision, second.reason) == ("int8", "")


def test_an_artefact_that_cannot_be_opened_has_its_reason_and_no_figure(pool):
    (row,) = measure_entries(pool, [entry("digits.onnx", optimisation="all")])
    assert "no option 'optimisation'" in row.reason
    assert (row.latency, row.peak_memory_bytes, row.precision) == (None, None, "")


METER = "pytest_edgert.devices.telemetry.fake:METER"


def metered(tmp_path, script):
    """Return a pool that reads the fake meter beside latency, and an entry whose worker has its script."""
    (tmp_path / "meter.json").write_text(json.dumps(script))
    quick = replace(QUICK, measure_s=0.5, meters=(METER,), telemetry_s=0.05)
    pool = SessionPool(
        Run("board", tmp_path, plan=quick), TRANSPORT, adapter_references(), DeviceLock("m", 600, tmp_path)
    )
    return pool, entry("digits.onnx", **{"environment.EDGERT_FAKE_METER": str(tmp_path / "meter.json")})


@pytest.mark.slow
@pytest.mark.parametrize("sensor", ["energy_j.board", "power_w.board"])
def test_power_is_what_a_meter_tells_while_latency_is_measured(tmp_path, sensor):
    pool, cell = metered(tmp_path, {sensor: {"idle_w": 2.0, "busy_w": 10.0}})
    try:
        rows = measure_entries(pool, [cell])
        assert meter_of(pool, rows) == sensor
    finally:
        pool.close()
    assert 2.0 <= rows[0].power_w <= 13.0


@pytest.mark.slow
def test_power_of_a_meter_that_lies_is_no_power(tmp_path):
    pool, cell = metered(tmp_path, {"power_w.board": {"idle_w": 4.0, "fault": "constant"}})
    try:
        rows = measure_entries(pool, [cell])
        assert (rows[0].power_w, meter_of(pool, rows)) == (None, "")
    finally:
        pool.close()
