from __future__ import annotations

from pathlib import Path

import pytest
from golden_samples import make_golden

from pytest_edgert.errors import ArtefactError
from pytest_edgert.golden.listing import golden_folders, list_goldens, listing_lines
from pytest_edgert.golden.store import GoldenStore


def lines(start: Path) -> list[str]:
    return list(listing_lines(list_goldens(start)))


def test_goldens_are_found_at_any_depth(tmp_path: Path) -> None:
    for folder in ("b/goldens", "a/deep/goldens", "kept"):
        GoldenStore(tmp_path / folder).write(make_golden())
    found = [folder.relative_to(tmp_path).as_posix() for folder in golden_folders(tmp_path)]
    assert found == ["a/deep/goldens", "b/goldens", "kept"]


def test_hidden_folders_environments_and_links_are_left_out(tmp_path: Path) -> None:
    GoldenStore(tmp_path / "real/.hidden").write(make_golden())
    GoldenStore(tmp_path / "real/venv/lib").write(make_golden())
    (tmp_path / "real/venv/pyvenv.cfg").touch()
    GoldenStore(tmp_path / "elsewhere").write(make_golden())
    (tmp_path / "real/link").symlink_to(tmp_path / "elsewhere")
    assert list(golden_folders(tmp_path / "real")) == []


def test_a_golden_is_shown_with_where_it_comes_from(tmp_path: Path) -> None:
    path = GoldenStore(tmp_path).write(make_golden())
    shown = lines(tmp_path)
    assert shown[0] == str(path)
    text = "\n".join(shown)
    assert "model digits.onnx (abababababab)" in text
    assert "y float32[1, 2], q int8[1, 2]" in text
    assert "from runtime:onnxruntime 1.20 on onnxruntime:cpu, 2025-01-02T03:04:05+00:00: first µ" in text
    assert "by tests/test_digits.py::test_golden" in text
    assert shown[-1] == "1 golden, 0 with a problem"


def test_low_headroom_is_shown(tmp_path: Path) -> None:
    GoldenStore(tmp_path).write(make_golden())
    assert "    low headroom: q lsb 0.9 of 1" in lines(tmp_path)


def test_a_damaged_golden_is_shown_with_its_problem(tmp_path: Path) -> None:
    store = GoldenStore(tmp_path)
    store.write(make_golden("a"))
    store.write(make_golden("b"))
    store.path("a").write_text("{")
    shown = lines(tmp_path)
    assert any(line.startswith("    PROBLEM: ") and "truncated" in line for line in shown)
    assert shown[-1] == "2 goldens, 1 with a problem"


def test_no_goldens_are_said_so(tmp_path: Path) -> None:
    assert lines(tmp_path) == ["no goldens"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="is not a folder"):
        list(golden_folders(tmp_path / "nowhere"))
