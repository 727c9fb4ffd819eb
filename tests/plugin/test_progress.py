"""Progress: after a second, on a terminal, past pytest's capture; never in a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.plugin.progress import Progress

SLOW = """
from pytest_edgert.plugin import progress

def test_it(pytestconfig, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_NS", -1)
    show = progress.progress_printer(pytestconfig)
    show("building the engine")
    show("")
"""


def test_nothing_is_shown_within_the_first_second() -> None:
    shown: list[str] = []
    fake = FakeClock()
    progress = Progress(shown.append, fake.now_ns)
    progress("a")
    fake.sleep_s(0.9)
    progress("b")
    progress("")
    assert shown == []


def test_a_long_activity_is_shown_a_few_times_a_second_and_cleared() -> None:
    shown: list[str] = []
    fake = FakeClock()
    progress = Progress(shown.append, fake.now_ns)
    progress("a")
    fake.sleep_s(1.1)
    progress("b")
    fake.sleep_s(0.1)
    progress("c")
    fake.sleep_s(0.2)
    progress("d")
    progress("")
    assert shown == ["b", "d", ""]


def test_the_next_activity_starts_in_silence_again() -> None:
    shown: list[str] = []
    fake = FakeClock()
    progress = Progress(shown.append, fake.now_ns)
    for _ in range(2):
        progress("a")
        fake.sleep_s(0.6)
        progress("b")
        progress("")
    assert shown == []


def test_nothing_is_shown_in_a_pipe(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SLOW)
    assert "building" not in pytester.runpytest("-p", "no:cacheprovider").stdout.str()


@pytest.mark.slow
@pytest.mark.parametrize(("ci", "shown"), [("", True), ("true", False)])
def test_a_terminal_shows_it_past_the_capture_unless_it_is_in_ci(tmp_path: Path, ci: str, shown: bool) -> None:
    (tmp_path / "test_slow.py").write_text(SLOW)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "CI": ci, "BUILD_NUMBER": "", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "test_slow.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        output = b""
        while chunk := _read(ours):
            output += chunk
        status = process.wait()
    os.close(ours)
    assert status == 0
    assert (b"building the engine" in output) is shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux ends a terminal that no one holds any more with EIO
        return b""
