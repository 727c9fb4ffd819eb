"""Gates on energy with real workers: through a meter that makes its joules up of processor time, and without any."""

from __future__ import annotations

import json
import os

import pytest
from e2e_runs import ON_FAKE, EdgeProject

from pytest_edgert.devices.telemetry.registry import meter_references
from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

PROFILE = """
schema = 1
id = "board"
title = "Board of a test"
os = "linux"
[telemetry]
power = ["fake:board"]
"""


def register_the_fake_meter(edge: EdgeProject) -> None:
    """Register it as a distribution would that lies in the project: the package itself does not."""
    folder = edge.pytester.mkdir("site") / "fake_meter-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-meter\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(
        "[pytest_edgert.meters]\nfake = pytest_edgert.devices.telemetry.fake:METER\n"
    )
    edge.pytester._monkeypatch.setenv("PYTHONPATH", str(folder.parent), prepend=os.pathsep)


def run_gate(edge: EdgeProject, keys: str, script: dict[str, object] | None = None):
    """Run the energy check on a busy model of 5 ms; with a script, on a device whose profile names the fake meter."""
    edge.write_fake(latency_s=0.005, busy=True)
    (edge.path / "net.edge.toml").write_text(f'artefacts = ["net.fake"]\nenergy = {keys}\n')
    device: tuple[str, ...] = ()
    if script is not None:
        (edge.path / "meter.json").write_text(json.dumps(script))
        (edge.path / "board.toml").write_text(PROFILE)
        register_the_fake_meter(edge)
        variable = f"--edge-option=fake:cpu.environment.EDGERT_FAKE_METER={edge.path / 'meter.json'}"
        device = (f"--edge-device={edge.path / 'board.toml'}", variable)
    return edge.run("net.edge.toml", ON_FAKE, "-k", "energy", *device)


@pytest.mark.lab
def test_a_limit_below_what_an_inference_takes_fails(edge: EdgeProject) -> None:
    result = run_gate(
        edge, '{ per_inference = "5mJ", idle = "1s" }', {"energy_j.board": {"idle_w": 2.0, "busy_w": 10.0}}
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "FAIL: energy of net.fake on fake:cpu: The median of * gross of what the idle device takes, is above*",
            "  energy gross * mJ [[]*mJ, * mJ], limit 5 mJ (from net.edge.toml:2): FAIL",
            "  energy net * mJ *: MEASURED",
        ]
    )
    gross, net = edge.record("energy").blocks
    assert 0 < net.median < gross.median
    assert 2.0 <= gross.detail["idle_power_w"] < 5.0
    assert gross.detail["sensors"] == "energy_j.board"


@pytest.mark.lab
def test_a_limit_above_it_passes(edge: EdgeProject) -> None:
    script = {"energy_j.board": {"idle_w": 2.0, "busy_w": 10.0}}
    run_gate(edge, '{ per_inference = "10J", idle = "1s" }', script).assert_outcomes(passed=1)
    assert edge.record("energy").verdict is Verdict.PASS


@pytest.mark.lab
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"power_w.board": {"idle_w": 4.0, "fault": "constant"}}, "It said 4 W in all"),
        ({"energy_j.board": {"idle_w": 4.0, "fault": "backwards", "fault_at": 60}}, "It went back"),
        ({"energy_j.board": {"idle_w": 4.0, "fault": "jumps", "fault_at": 60}}, "it jumped"),
    ],
)
def test_a_sensor_that_lies_is_no_pass(edge: EdgeProject, script: dict[str, object], words: str) -> None:
    result = run_gate(edge, '{ per_inference = "10J", idle = "3s" }', script)
    result.assert_outcomes(failed=1)
    assert edge.record("energy").verdict is Verdict.INCONCLUSIVE
    assert any(words in line for line in result.outlines)


def test_without_a_sensor_a_limit_is_inconclusive_and_says_what_to_do(edge: EdgeProject) -> None:
    if any(sensor.name.startswith(("energy_j", "power_w")) for sensor in _sensors_here()):
        pytest.skip("this machine has a sensor of power")
    result = run_gate(edge, '{ per_inference = "10J" }')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["INCONCLUSIVE: energy of *No sensor of power or energy can be read on this device.", "  What to do: *doctor*"]
    )
    assert edge.record("energy").blocks == ()


def _sensors_here():
    from pathlib import Path

    from pytest_edgert.devices.telemetry.registry import load_meter
    from pytest_edgert.records import PresenceState

    meters = [load_meter(reference) for reference in meter_references().values()]
    return [one for meter in meters for one in meter.sensors(Path("/")) if one.state is PresenceState.USABLE]
