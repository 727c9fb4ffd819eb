from __future__ import annotations

from pathlib import Path

import pytest

from pytest_edgert.errors import UsageError
from pytest_edgert.plugin.models import comparison_hint, find_gate_file, group_models, labels, read_spec


def test_a_name_counts_only_without_a_separator(tmp_path: Path) -> None:
    assert read_spec("net=a.onnx", tmp_path) == ("net", tmp_path / "a.onnx")
    assert read_spec("run/lr=0.1/a.onnx", tmp_path) == (None, tmp_path / "run/lr=0.1/a.onnx")


def test_an_existing_file_is_never_split(tmp_path: Path) -> None:
    (tmp_path / "lr=0.onnx").touch()
    assert read_spec("lr=0.onnx", tmp_path) == (None, tmp_path / "lr=0.onnx")


def test_a_path_is_made_plain(tmp_path: Path) -> None:
    assert read_spec("./x/../a.onnx", tmp_path)[1] == tmp_path / "a.onnx"


@pytest.mark.parametrize("text", ["a[1].onnx", "a::b.onnx", "net="])
def test_what_cannot_be_an_id_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="--edge-model="):
        read_spec(text, tmp_path)


def test_one_stem_or_one_name_is_one_model(tmp_path: Path) -> None:
    models = group_models(["a.onnx", "x=b.onnx", "sub/a.tflite", "x=c.onnx", "a.onnx"], tmp_path)
    assert [(m.name, [p.name for p in m.artefacts]) for m in models] == [
        ("a", ["a.onnx", "a.tflite"]),
        ("x", ["b.onnx", "c.onnx"]),
    ]


def test_named_models_need_no_hint(tmp_path: Path) -> None:
    assert comparison_hint(group_models(["x=a.onnx", "b.onnx"], tmp_path)) == ""
    assert "two models; to compare them" in comparison_hint(group_models(["a.onnx", "b.onnx"], tmp_path))


def test_labels_are_as_short_as_they_can_be() -> None:
    paths = [Path("/m/x/a.onnx"), Path("/m/y/a.onnx"), Path("/m/b.onnx")]
    assert list(labels(paths).values()) == ["x/a.onnx", "y/a.onnx", "b.onnx"]


def test_two_gate_files_for_one_artefact_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.edge.toml").write_text('artefacts = ["a.onnx"]')
    with pytest.raises(UsageError, match=r"one\.edge\.toml and two\.edge\.toml"):
        find_gate_file(tmp_path / "a.onnx")


def test_a_gate_file_of_another_model_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other.edge.toml").write_text('artefacts = ["b.onnx"]\nwrong = 1')
    assert find_gate_file(tmp_path / "a.onnx") is None
