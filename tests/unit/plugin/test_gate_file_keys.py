from __future__ import annotations

from pathlib import Path

import pytest

from pytest_edgert.contracts import Target
from pytest_edgert.errors import NotYetError, UsageError
from pytest_edgert.plugin.gate_file import GateFile, read_gate_file
from pytest_edgert.plugin.gate_soak import SoakKeys
from pytest_edgert.plugin.option_values import AskedArrival
from pytest_edgert.records import Arrival, Budget

WHOLE = """
artefacts  = ["net.onnx", "sub/net_int8.onnx"]
inputs     = { batch = 1, image = "1x3x8x8" }
latency    = { p95 = "5ms", p99 = "8ms", arrival = "closed" }
memory     = { peak = "64MB", device = "8MB" }
size       = { artefact = "6MB" }
load       = { cold = "2s", build = "1s", first = "50ms" }
placement  = { accelerator = 1 }
throughput = { at_least = "200/s", streams = 4, batch = 8 }
sustained  = { duration = "10min", p95 = "7ms", "p99.9" = "1s", slowdown = 1.3, memory_growth = "10MB" }
energy     = { per_inference = "20mJ", idle = "3s" }
options    = { "onnxruntime:cpu" = { threads = 4 } }
require    = ["onnxruntime:cpu"]
quantization = { rmse = 0.5, clipped = "1%", unused = 0.25, dead = 0, constant = 3 }

[device.raspberry-pi-5]
latency    = { p95 = "20ms" }
size       = { artefact = "5MB" }
throughput = { at_least = "20/s" }
sustained  = { duration = "5min", p95 = "9ms" }
"""


def read(folder: Path, text: str) -> GateFile:
    path = folder / "net.edge.toml"
    path.write_text(text, encoding="utf-8")
    return read_gate_file(path)


def test_every_key_that_is_built_is_read(tmp_path: Path) -> None:
    gate = read(tmp_path, WHOLE)
    assert gate.name == "net"
    assert gate.artefacts == (tmp_path / "net.onnx", tmp_path / "sub/net_int8.onnx")
    assert gate.limits.budgets == (Budget(95, 0.005, "net.edge.toml:4"), Budget(99, 0.008, "net.edge.toml:4"))
    assert gate.limits.amounts == {
        "memory.peak": (64_000_000, "net.edge.toml:5"),
        "memory.device": (8_000_000, "net.edge.toml:5"),
        "load.build": (1.0, "net.edge.toml:7"),
        "energy.per_inference": (0.02, "net.edge.toml:11"),
        "energy.idle": (3.0, "net.edge.toml:11"),
        "size.artefact": (6_000_000, "net.edge.toml:6"),
        "load.cold": (2.0, "net.edge.toml:7"),
        "load.first": (0.05, "net.edge.toml:7"),
        "placement.accelerator": (1.0, "net.edge.toml:8"),
        "throughput.at_least": (200.0, "net.edge.toml:9"),
        "throughput.streams": (4.0, "net.edge.toml:9"),
        "throughput.batch": (8.0, "net.edge.toml:9"),
        "quantization.rmse": (0.5, "net.edge.toml:14"),
        "quantization.clipped": (0.01, "net.edge.toml:14"),
        "quantization.unused": (0.25, "net.edge.toml:14"),
        "quantization.dead": (0.0, "net.edge.toml:14"),
        "quantization.constant": (3.0, "net.edge.toml:14"),
    }
    assert gate.limits.sustained == SoakKeys(
        (600.0, "net.edge.toml:10"),
        (Budget(95, 0.007, "net.edge.toml:10"), Budget(99.9, 1.0, "net.edge.toml:10")),
        (1.3, "net.edge.toml:10"),
        (10_000_000.0, "net.edge.toml:10"),
    )
    assert gate.limits.arrival == AskedArrival(Arrival(), "net.edge.toml:4")
    assert (gate.shapes, gate.dimensions) == ({"image": (1, 3, 8, 8)}, {"batch": 1})
    assert gate.options == {"onnxruntime:cpu": {"threads": 4}}
    assert gate.require == (Target("onnxruntime", "cpu"),)


def test_a_device_section_overrides_what_it_names(tmp_path: Path) -> None:
    gate = read(tmp_path, WHOLE)
    here = gate.limits_on(("rpi5", "raspberry-pi-5"))
    assert [budget.limit_s for budget in here.budgets] == [0.02]
    assert here.amounts["size.artefact"] == (5_000_000, "net.edge.toml:18")
    assert here.amounts["throughput.at_least"] == (20.0, "net.edge.toml:19")
    assert here.amounts["throughput.streams"] == gate.limits.amounts["throughput.streams"]
    assert here.amounts["load.cold"] == gate.limits.amounts["load.cold"]
    soak = here.sustained
    assert (soak.duration_s, soak.slowdown) == ((300.0, "net.edge.toml:20"), gate.limits.sustained.slowdown)
    assert [budget.name for budget in soak.budgets] == ["p95"]
    assert here.arrival == gate.limits.arrival
    assert gate.limits_on(("other",)) == gate.limits


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("latency = { p95 = 5 }", "'latency.p95' is 5, wanted a duration"),
        ('latency = { p95 = "5" }', "has no unit"),
        ('latency = { p101 = "5ms" }', "p101"),
        ('latency = { p95 = "nan" }', "p95"),
        ('latency = { arrival = "every 33" }', "has no unit"),
        ('latency = { arrival = "often" }', "no pattern of arrival"),
        ("latency = { arrival = 33 }", "wanted a pattern"),
        ('sustained = { durration = "5min" }', "Did you mean 'duration'?"),
        ('sustained = { p101 = "5ms" }', "p101"),
        ("sustained = { p95 = 5 }", "wanted a duration"),
        ("sustained = { duration = 600 }", "wanted text with a unit"),
        ('sustained = { duration = "10" }', "has no unit"),
        ("sustained = { slowdown = 0.9 }", "wanted a ratio from 1 on"),
        ('sustained = { slowdown = "1.3" }', "wanted a ratio from 1 on"),
        ('sustained = { memory_growth = "10ms" }', "unknown unit"),
        ('sustained = "10min"', "wanted a table"),
        ('latency = "5ms"', "'latency' is '5ms', wanted a table"),
        ('memory = { peek = "64MB" }', "'memory.peek' is no key of a gate file. Did you mean 'peak'?"),
        ("memory = { peak = 64 }", "wanted a quantity with its unit"),
        ("placement = { accelerator = 2 }", "wanted a share from 0 to 1"),
        ('inputs = { image = "big" }', "'big' is not a shape"),
        ("inputs = { batch = 1.5 }", "wanted a length or a shape"),
        ('options = { "onnxruntime:cpu" = { thread = 4 } }', "Did you mean 'threads'?"),
        ('options = { "onnxruntim" = { threads = 4 } }', "Did you mean 'onnxruntime'?"),
        ('require = ["onnxruntime:cpuu"]', "Did you mean 'cpu'?"),
        ('require = "onnxruntime"', "wanted a list of targets"),
        ('throughput = { at_least = "200" }', "'200' has no unit"),
        ("throughput = { at_least = 200 }", "'throughput.at_least' is 200, wanted a quantity with its unit"),
        ('throughput = { at_least = "0/s" }', "must be a finite number above zero"),
        ('throughput = { at_least = "5ms" }', "has an unknown unit 'ms'"),
        ('throughput = { at_least = "1/s", streams = 0 }', "'throughput.streams' is 0, wanted a whole number from 1"),
        ('throughput = { at_least = "1/s", batch = true }', "'throughput.batch' is True, wanted a whole number"),
        ('throughput = { at_leats = "1/s" }', "Did you mean 'at_least'?"),
        ('energy = { per_inference = "20" }', "'20' has no unit"),
        ('energy = { per_inference = "20mW" }', "has an unknown unit 'mW'"),
        ('energy = { per_inference = "20mJ", idle = "1ms" }', "too short to tell"),
        ('energy = { per_inferense = "20mJ" }', "Did you mean 'per_inference'?"),
        ("[device.pi]\nenergy = {}", "'device.pi.energy' is empty"),
        ('load = { biuld = "1s" }', "Did you mean 'build'?"),
        ("quantization = { rsme = 0.5 }", "'quantization.rsme' is no key of a gate file. Did you mean 'rmse'?"),
        ("quantization = { rmse = 0 }", "'quantization.rmse' is 0, wanted RMSE/scale above 0"),
        ('quantization = { rmse = "0.5" }', "wanted RMSE/scale above 0"),
        ("quantization = { rmse = inf }", "wanted RMSE/scale above 0"),
        ('quantization = { clipped = "1" }', "'quantization.clipped' is '1', wanted a share from 0 % to 100 %"),
        ('quantization = { unused = "101%" }', "wanted a share from 0 % to 100 %"),
        ("quantization = { clipped = true }", "wanted a share from 0 % to 100 %"),
        ("quantization = { dead = 0.5 }", "'quantization.dead' is 0.5, wanted a number of channels"),
        ("quantization = { constant = -1 }", "wanted a number of channels"),
        ("quantization = 0.5", "'quantization' is 0.5, wanted a table"),
        ("[device.pi]\nquantization = { dead = true }", "'device.pi.quantization.dead' is True"),
        ("throughput = {}", "'throughput' is empty"),
        ('throughput = "200/s"', "'throughput' is '200/s', wanted a table"),
        ("[device.pi]\nthroughput = { streams = 0.5 }", "'device.pi.throughput.streams' is 0.5"),
        ("[device.pi]\nartefacts = []", "is no key of a gate file"),
    ],
)
def test_a_wrong_key_or_value_names_its_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, 'artefacts = ["net.onnx"]\n\n' + line)
    assert words in str(caught.value)
    assert f"net.edge.toml:{3 + line.count(chr(10))}: " in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "accuracy = {}",
        "inputs = { ranges = {} }",
        "[device.pi]\naccuracy = {}",
    ],
)
def test_what_is_planned_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(NotYetError, match=f"net.edge.toml:{2 + line.count(chr(10))}: .*not yet: "):
        read(tmp_path, 'artefacts = ["net.onnx"]\n' + line)


@pytest.mark.parametrize("text", ["", "artefacts = []", 'artefacts = "net.onnx"', "artefacts = [1]"])
def test_a_gate_without_artefacts_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="wanted a list of files"):
        read(tmp_path, text)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.edge.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_gate_file(path)
