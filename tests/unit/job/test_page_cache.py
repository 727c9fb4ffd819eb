"""How much of a file is in memory, as the kernel tells it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pytest_edgert.job.page_cache import cached_share

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mincore is asked on Linux only")


def test_a_file_just_written_is_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(bytes(300_000))
    assert cached_share(path) == 1.0


def test_a_file_dropped_from_memory_is_not(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with path.open("wb") as file:
        file.write(os.urandom(4_000_000))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    share = cached_share(path)
    if share == 1.0:
        pytest.skip("this file system keeps its files in memory")
    assert share < 0.5


def test_weights_beside_a_graph_and_the_files_of_a_folder_count(tmp_path: Path) -> None:
    (tmp_path / "net.xml").write_bytes(b"<net/>")
    (tmp_path / "net.bin").write_bytes(bytes(9_000))
    assert cached_share(tmp_path / "net.xml") == 1.0
    assert cached_share(tmp_path) == 1.0


def test_what_is_not_there_or_empty_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    assert cached_share(tmp_path / "gone.onnx") is None
    assert cached_share(tmp_path / "empty.onnx") is None
