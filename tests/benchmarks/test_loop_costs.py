"""The scripts on the cost of the loop tell a rule's share and a file tree of sensors rightly."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pytest_edgert.devices.telemetry.registry import load_meter, meter_references
from pytest_edgert.measure.samples import LatencySamples

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
MODULES = ("paired_ratios", "loop_overhead", "loop_costs", "telemetry_cost", "stopping_rule_cost")


@pytest.fixture(scope="module")
def scripts():
    sys.path.insert(0, str(FOLDER))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)


def test_shares_are_of_the_span_of_the_samples(scripts):
    durations, starts = np.full(10, 90, np.int64), 100 * np.arange(10, dtype=np.int64)
    rule = SimpleNamespace(spent_ns=99, cpu_ns=100, calls=3)
    found = scripts.loop_costs.summarise(LatencySamples(durations, starts, 1, 1, 1, "the cap"), rule)
    assert found.rule_share == pytest.approx(99 / 990)
    assert found.rule_cpu_share == pytest.approx(100 / 1000)
    assert found.gap_share == pytest.approx(90 / 990)
    assert (found.n, found.median_ns, found.decisions) == (10, 90, 3)


@pytest.mark.parametrize(("share", "said"), [(0.005, "met"), (0.02, "not met")])
def test_a_share_is_held_against_its_bound(scripts, share, said):
    blocks = [share + 0.0001 * i for i in range(5)]
    assert scripts.loop_costs.within(scripts.paired_ratios.median_ratio(blocks), 0.01) == said


def test_an_added_share_is_a_difference_of_blocks(scripts):
    ours, theirs = [0.05, 0.07, 0.05, 0.07], [0.01, 0.01, 0.02, 0.02]
    found = scripts.loop_costs.in_blocks(ours, theirs, scripts.loop_costs.added)
    assert (found.median, found.blocks) == (pytest.approx(0.045), 2)


def test_every_meter_of_files_reads_the_large_board(scripts, tmp_path):
    root = scripts.telemetry_cost.write_sensors(tmp_path)
    for name in ("thermal", "hwmon", "cooling", "cpufreq", "rapl"):
        readings = load_meter(meter_references()[name]).open(root).read()
        assert len(readings) >= 4, name
        assert None not in readings.values(), name


@pytest.mark.slow
def test_a_budget_at_the_own_percentile_is_looked_at_until_the_cap(scripts, tmp_path):
    model = tmp_path / "model.onnx"
    scripts.loop_overhead.write_model(model, scripts.loop_costs.SIZE, 2)
    found = scripts.loop_costs.measure(model, seconds=0.3, limit_ns=1e5)
    assert found.decisions > 1
    assert found.stop_reason.startswith("the cap")
    assert 0 < found.rule_share < 1
