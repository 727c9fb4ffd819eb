from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_edgert.errors import ArtefactError
from pytest_edgert.runtimes.artefact import identify, known_suffixes

SOUND = b"\x08\x08\x12\x00:\x07\x0a\x05model" * 100_000


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refusal(path: Path) -> ArtefactError:
    with pytest.raises(ArtefactError) as caught:
        identify(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy
    return caught.value


def test_a_file_is_identified_by_its_content(tmp_path: Path) -> None:
    found = identify(write(tmp_path / "m.ONNX", SOUND))
    assert (found.sha256, found.size_bytes, found.suffix) == (hashlib.sha256(SOUND).hexdigest(), len(SOUND), ".onnx")


def test_two_paths_of_one_content_have_one_identity(tmp_path: Path) -> None:
    first, second = (identify(write(tmp_path / name, SOUND)) for name in ("a.onnx", "b [1].onnx"))
    assert first.sha256 == second.sha256


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "mobilenet.onnx", SOUND)
    assert "mobilenet.onnx" in refusal(tmp_path / "mobilnet.onnx").remedy


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "no" / "m.onnx").message


def test_a_broken_link_names_its_target(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").symlink_to(tmp_path / "gone.onnx")
    assert "gone.onnx" in refusal(tmp_path / "m.onnx").message


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").symlink_to(tmp_path / "m.onnx")
    refusal(tmp_path / "m.onnx")


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    assert "is empty" in refusal(write(tmp_path / "m.onnx", b"")).message


def test_a_folder_names_the_models_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "models.onnx"
    folder.mkdir()
    write(folder / "inside.tflite", SOUND)
    assert "inside.tflite" in refusal(folder).remedy


def test_a_pipe_is_refused_and_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.onnx")
    assert "neither" in refusal(tmp_path / "m.onnx").message


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>", b"\n  <html lang=en>", b"<?xml version='1.0'?><Error/>"])
def test_a_web_page_is_told(tmp_path: Path, page: bytes) -> None:
    assert "web page" in refusal(write(tmp_path / "m.onnx", page)).message


def test_text_is_told_with_its_beginning(tmp_path: Path) -> None:
    assert "Not Found" in refusal(write(tmp_path / "m.tflite", b'{"message": "Not Found"}')).message


def test_a_git_lfs_pointer_names_the_command(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    assert "git lfs pull" in refusal(write(tmp_path / "m.onnx", pointer)).remedy


@pytest.mark.parametrize("suffix", [".xml", ".fake"])
def test_formats_that_are_text_are_taken(tmp_path: Path, suffix: str) -> None:
    assert identify(write(tmp_path / f"m{suffix}", b"<net name='m'/>")).suffix == suffix


@pytest.mark.parametrize(("suffix", "near"), [(".onx", ".onnx"), (".tflit", ".tflite")])
def test_an_unknown_suffix_names_the_nearest(tmp_path: Path, suffix: str, near: str) -> None:
    assert f"Did you mean {near}?" in refusal(write(tmp_path / f"m{suffix}", SOUND)).remedy


def test_no_suffix_names_the_known_ones(tmp_path: Path) -> None:
    assert ".onnx, .ort" in refusal(write(tmp_path / "model", SOUND)).remedy


def test_every_registered_suffix_is_known() -> None:
    assert {".onnx", ".ort", ".fake", ".tflite"} <= set(known_suffixes())


def test_a_package_folder_is_one_artefact(tmp_path: Path) -> None:
    package = tmp_path / "m.mlpackage"
    (package / "Data").mkdir(parents=True)
    write(package / "Manifest.json", b"{}")
    write(package / "Data" / "weights", b"12345")
    first = identify(package)
    assert first.size_bytes == 7
    (package / "Data" / "weights").rename(package / "Data" / "weight")
    assert identify(package).sha256 != first.sha256


def test_an_empty_package_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.mlpackage").mkdir()
    assert "is empty" in refusal(tmp_path / "m.mlpackage").message


@contextmanager
def as_nobody() -> Iterator[None]:
    """Drop root's right to read everything, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", ["file", "folder"])
def test_an_unreadable_path_is_told(tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    path = write(folder / "m.onnx", SOUND)
    locked = path if mode == "file" else folder
    locked.chmod(0)
    with as_nobody():
        error = refusal(path)
    locked.chmod(0o700)
    assert "cannot be read" in error.message
    assert "ermission" in str(error)
