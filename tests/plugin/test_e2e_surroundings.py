"""What is missing around a run: every runtime, or the device that was named."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from e2e_runs import QUIET, EdgeProject

import pytest_edgert

pytestmark = pytest.mark.slow

#: What pytest and this package need to run, without any runtime.
NEEDED = ("pytest", "pluggy", "iniconfig", "packaging", "pygments", "numpy", "safetensors", "filelock", "pytest-edgert")


@pytest.fixture
def without_runtimes(edge: EdgeProject) -> Path:
    """Return a folder of packages as a fresh environment has them after `pip install pytest-edgert`."""
    folder = edge.pytester.mkdir("packages")
    (folder / "pytest_edgert").symlink_to(Path(pytest_edgert.__file__).parent)
    (folder / "device_profiles").symlink_to(Path(pytest_edgert.__file__).parents[1] / "device_profiles")
    for name in NEEDED:
        for file in metadata.distribution(name).files or ():
            top = file.parts[0]
            if top not in ("..", "pytest_edgert") and not top.endswith(".pth") and not (folder / top).exists():
                (folder / top).symlink_to(
                    Path(str(file.locate())).parents[len(file.parts) - 2]
                    if len(file.parts) > 1
                    else Path(str(file.locate()))
                )
    return folder


def run_with(packages: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with no packages but those of a folder."""
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    command = [sys.executable, "-S", "-m", "pytest", *QUIET, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_without_a_runtime_a_gate_fails_with_one_message_that_names_the_extras(
    edge: EdgeProject, without_runtimes: Path
) -> None:
    edge.write_onnx()
    result = run_with(without_runtimes, edge.path, "--edge-model=net.onnx")
    assert result.returncode == 1, result.stdout + result.stderr
    told = [line for line in result.stdout.splitlines() if line.startswith("FAIL: ")]
    assert len(told) == 1
    assert "no runtime that reads .onnx files is installed" in told[0]
    assert 'pip install "pytest-edgert[cpu]"' in result.stdout
    assert "1 failed in" in result.stdout


def test_without_a_runtime_other_tests_are_left_alone(edge: EdgeProject, without_runtimes: Path) -> None:
    edge.pytester.makepyfile(test_own="def test_own(): pass")
    result = run_with(without_runtimes, edge.path, "test_own.py")
    assert result.returncode == 0, result.stdout + result.stderr


BOARD = """
schema = 1
id     = "board"
title  = "A board that is not this machine"
os     = "linux"

[match]
file = { "/proc/device-tree/model" = "Board of the tests" }
"""


def test_a_device_that_is_named_and_absent_ends_with_one_line(edge: EdgeProject) -> None:
    edge.pytester.mkdir("boards").joinpath("board.toml").write_text(BOARD, encoding="utf-8")
    edge.write_onnx()
    result = edge.run("--edge-model=net.onnx", "--edge-profiles=boards", "--edge-device=board")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    assert line.startswith("ERROR: --edge-device: ")
    assert "/proc/device-tree/model" in line
