"""The keys of a gate file that agreement is judged by."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_edgert.contracts import Target
from pytest_edgert.errors import UsageError
from pytest_edgert.plugin.gate_file import GateFile, read_gate_file


def gate(folder: Path, text: str) -> GateFile:
    path = folder / "net.edge.toml"
    path.write_text('artefacts = ["net.onnx"]\n' + text)
    return read_gate_file(path)


def test_a_reference_is_an_artefact_and_a_target(tmp_path: Path) -> None:
    reference = gate(tmp_path, 'reference = "net.onnx @ onnxruntime:cpu"').agreement.reference
    assert reference is not None
    assert (reference.artefact, reference.target) == (tmp_path / "net.onnx", Target("onnxruntime", "cpu"))


def test_the_oracle_needs_no_target(tmp_path: Path) -> None:
    reference = gate(tmp_path, 'reference = "oracle"').agreement.reference
    assert reference is not None
    assert (reference.artefact, reference.target) == (None, None)
    reference = gate(tmp_path, 'reference = "net.onnx @ oracle"').agreement.reference
    assert reference is not None
    assert (reference.artefact, reference.target) == (tmp_path / "net.onnx", None)


def test_tolerances_are_read_into_their_fields_with_who_set_them(tmp_path: Path) -> None:
    keys = gate(tmp_path, 'agreement = { top1 = 0.99, lsb = 3, sqnr = "35dB", nan = "propagate" }').agreement
    assert keys.changes == {"top1": 0.99, "lsb": 3.0, "sqnr_db": 35.0, "nan": "propagate"}
    assert keys.source == "net.edge.toml:2"


def test_one_question_and_one_output_have_their_own_tolerances_the_weakest_first(tmp_path: Path) -> None:
    text = (
        "[agreement]\nlsb = 3\n[agreement.outputs.y]\nlsb = 2\n"
        '[agreement.port]\nsqnr = "20dB"\nreason = "int8"\n[agreement.port.outputs."y z"]\natol = 1\n'
    )
    keys = gate(tmp_path, text).agreement
    assert keys.changes == {"lsb": 3.0}
    assert [(part.question, part.output, dict(part.changes), part.reason) for part in keys.parts] == [
        ("", "y", {"lsb": 2.0}, ""),
        ("port", "", {"sqnr_db": 20.0}, "int8"),
        ("port", "y z", {"atol": 1.0}, ""),
    ]
    assert [part.source for part in keys.parts] == ["net.edge.toml:4", "net.edge.toml:6", "net.edge.toml:9"]


def test_outputs_of_indices_are_read_with_their_scores(tmp_path: Path) -> None:
    keys = gate(tmp_path, 'agreement = { lsb = 1, indices = { labels = "scores" } }').agreement
    assert (keys.changes, keys.indices) == ({"lsb": 1.0}, {"labels": "scores"})


def test_names_of_outputs_are_kept_by_artefact(tmp_path: Path) -> None:
    keys = gate(tmp_path, 'outputs = { "net.tflite" = { Identity = "scores" } }').agreement
    assert keys.outputs == {"net.tflite": {"Identity": "scores"}}


def test_samples_are_found_beside_the_gate_file(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for name in ("b.npz", "a.npz"):
        (tmp_path / "samples" / name).write_bytes(b"")
    keys = gate(tmp_path, 'inputs = { samples = "samples/*.npz" }').agreement
    assert [path.name for path in keys.samples] == ["a.npz", "b.npz"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('reference = "@ onnxruntime:cpu"', "no reference"),
        ('reference = "net.onnx @ onxruntime:cpu"', "unknown runtime 'onxruntime'"),
        ("reference = 3", "wanted text"),
        ("agreement = { tpo1 = 0.9 }", "Did you mean 'top1'"),
        ('agreement = { sqnr = "loud" }', "wanted decibels"),
        ("agreement = { lsb = true }", "wanted a number"),
        ("agreement = 3", "wanted a table"),
        ("agreement = { prot = { lsb = 1 } }", "Did you mean 'port'"),
        ("agreement = { port = 3 }", "wanted a table"),
        ("agreement = { port = { lbs = 3 } }", "Did you mean 'lsb'"),
        ("agreement = { outputs = { y = 3 } }", "wanted a table"),
        ('agreement = { port = { indices = { a = "b" } } }', "stands in agreement itself"),
        ('agreement = { indices = ["labels"] }', "wanted names of outputs"),
        ("agreement = { indices = { labels = 3 } }", "wanted names of outputs"),
        ("outputs = { a = 3 }", "wanted own names"),
        ('inputs = { samples = "none/*.npz" }', "no file matches"),
    ],
)
def test_a_wrong_value_names_the_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=r"net\.edge\.toml:2") as caught:
        gate(tmp_path, line)
    assert message in str(caught.value)
