"""The device lock between two processes and within one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_edgert.errors import NotRunError
from pytest_edgert.locks import FOLDER_VARIABLE, DeviceLock, lock_folder

HOLD = """
import sys
from pathlib import Path
from pytest_edgert.locks import DeviceLock
lock = DeviceLock("board", folder=Path(sys.argv[1]))
if sys.argv[2] == "exclusive":
    hold = lock.exclusive("a soak")
    hold.__enter__()
else:
    lock.share()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def other_process(folder: Path, mode: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def test_shared_holds_coexist(tmp_path: Path) -> None:
    with other_process(tmp_path, "shared"):
        DeviceLock("board", wait_s=0.2, folder=tmp_path).share()


@pytest.mark.slow
def test_exclusive_waits_for_shared_and_says_so(tmp_path: Path) -> None:
    lock = DeviceLock("board", wait_s=0.2, folder=tmp_path)
    with (
        other_process(tmp_path, "shared"),
        pytest.raises(NotRunError, match=r"stayed busy for 0\.2 s: other processes"),
        lock.exclusive("x"),
    ):
        pass
    with lock.exclusive("after it left"):
        pass


@pytest.mark.slow
def test_shared_waits_for_exclusive_and_names_the_holder(tmp_path: Path) -> None:
    lock = DeviceLock("board", wait_s=0.2, folder=tmp_path)
    with other_process(tmp_path, "exclusive") as holder, pytest.raises(NotRunError) as caught:
        lock.share()
    assert f"process {holder.pid} on" in str(caught.value)
    assert "for a soak" in str(caught.value)
    assert caught.value.verdict == "NOTRUN"


def test_a_killed_holder_frees_the_device(tmp_path: Path) -> None:
    lock = DeviceLock("board", wait_s=10, folder=tmp_path)
    with other_process(tmp_path, "exclusive") as holder:
        holder.kill()
        holder.wait(10)
        with lock.exclusive("next"):
            pass


def test_exclusive_gives_up_the_own_share_first(tmp_path: Path) -> None:
    lock = DeviceLock("board", wait_s=0.2, folder=tmp_path)
    lock.share()
    lock.share()
    with lock.exclusive("timed"):
        lock.share()
    lock.release()
    with DeviceLock("board", wait_s=0.2, folder=tmp_path).exclusive("timed"):
        pass


def test_the_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "locks"))
    assert lock_folder() == tmp_path / "locks"


def test_an_unusable_named_folder_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "locks"))
    with pytest.raises(NotRunError, match="EDGERT_LOCKS"):
        lock_folder()
