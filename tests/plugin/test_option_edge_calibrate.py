"""``--edge-calibrate``: margins of what agreement showed, to freeze; the verdict stays what it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from e2e_runs import EdgeProject

from pytest_edgert.records import Verdict

CALIBRATE = "--edge-calibrate=margins.toml"


def write_pair(edge: EdgeProject, scale: float) -> None:
    """Write a gate on a model, and a twin of it whose output is `scale` times as large."""
    for name, by in (("net.fake", 1.0), ("twin.fake", scale)):
        model = {
            "inputs": [{"name": "x", "shape": [1, 500]}],
            "outputs": [{"name": "y", "of": "x", "scale": by}],
            "accelerators": ["cpu", "npu"],
        }
        (edge.path / name).write_text(json.dumps(model))
    np.savez(edge.path / "s.npz", x=np.linspace(1, 2, 1500, dtype=np.float32).reshape(3, 500))
    (edge.path / "net.edge.toml").write_text('artefacts = ["net.fake", "twin.fake"]\ninputs = { samples = "s.npz" }\n')


RUN = ("net.edge.toml", "--edge-target=fake:npu", "-k", "agreement")


@pytest.mark.slow
def test_a_failure_stays_one_and_what_was_written_lets_it_through_with_a_reason(edge: EdgeProject) -> None:
    write_pair(edge, 1.01)
    result = edge.run(*RUN, CALIBRATE)
    assert result.ret == 1
    assert Verdict.FAIL in {record.verdict for record in edge.document.records}
    port = next(a for record in edge.document.records for a in record.agreement if a.question == "port")
    assert "calibration: margins are 2 times p99.9 of 1500 elements" in port.outputs[0].notes
    margins = (edge.path / "margins.toml").read_text()
    assert '[agreement.port.outputs."y"]' in margins
    assert '  [agreement.port.outputs."y"]' in result.stdout.str().splitlines()
    with (edge.path / "net.edge.toml").open("a") as gate:
        gate.write(margins)
    assert edge.run(*RUN).ret == 0
    port = next(a for record in edge.document.records for a in record.agreement if a.question == "port")
    assert port.outputs[0].tolerance_reason.startswith("calibrated 20")
    assert "2 times p99.9 of 1500 elements, 3 feeds" in port.outputs[0].tolerance_reason
    assert port.outputs[0].tolerance_source.startswith("net.edge.toml:")
    assert not any(name.startswith("margin_") for name in port.outputs[0].figures)


@pytest.mark.slow
def test_workers_of_xdist_calibrate_too(edge: EdgeProject) -> None:
    write_pair(edge, 1.01)
    edge.run(*RUN, CALIBRATE, "-n", "2")
    assert '[agreement.port.outputs."y"]' in (edge.path / "margins.toml").read_text()


@pytest.mark.slow
def test_another_network_freezes_nothing(edge: EdgeProject) -> None:
    write_pair(edge, 1.0)
    edge.write_fake("twin.fake", shape=(1, 7))
    edge.run(*RUN, CALIBRATE)
    margins = (edge.path / "margins.toml").read_text()
    assert "[agreement.port" not in margins


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((CALIBRATE, "--edge-accept"), "--edge-calibrate contradicts --edge-accept"),
        (("--edge-calibrate=none/m.toml",), "no file can be written to"),
        (("--edge-calibrate=",), "the path is empty"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(
    project: pytest.Pytester, write_models, arguments: tuple[str, ...], words: str
) -> None:
    write_models("net.onnx")
    result = project.runpytest_inprocess("--edge-model=net.onnx", *arguments)
    assert result.ret == 4
    assert words in result.stderr.str()


def test_the_ini_file_cannot_calibrate(project: pytest.Pytester, write_models) -> None:
    write_models("net.onnx")
    project.makeini("[pytest]\nedge_calibrate = margins.toml\n")
    result = project.runpytest_inprocess("--edge-model=net.onnx")
    assert result.ret == 4
    assert "calibrated only when the command line says so" in result.stderr.str()
