"""What the plugin costs a user who does not use it: ``pytest --collect-only`` on an empty folder, with and without.

Fresh processes in blocks of with, without, without, with, so that a drift of the machine falls on both; the
figure is the median over blocks of the ratio of the two sums, with a bootstrap interval of 95 %. The time of the
CPU stands beside that of the clock: it suffers less from what else runs. Other
installed plugins are blocked in both, which makes the ratio the strictest. Byte code lies in a folder of the run's
own, written by a first start that does not count: an installed plugin is compiled once, not at every start.

Run: ``python benchmarks/plugin_start.py [--blocks=40]``
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pytest_edgert import clock

#: Highest ratio by the clock that may be.
BOUND = 1.05
RESAMPLES = 10_000


def start(arguments: Sequence[str], folder: Path) -> tuple[float, float]:
    """Return the seconds, by the clock and of the CPU, of one fresh pytest on an empty folder below `folder`."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    began = clock.monotonic_ns()
    process = subprocess.Popen(
        command, cwd=folder / "empty", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return (clock.monotonic_ns() - began) / 1e9, usage.ru_utime + usage.ru_stime


def others_blocked() -> list[str]:
    """Return the options that keep every other installed plugin out."""
    names = {point.name for point in metadata.entry_points(group="pytest11")} - {"edgert"}
    return [option for name in sorted(names) for option in ("-p", f"no:{name}")]


def measure(blocks: int, folder: Path) -> npt.NDArray[np.float64]:
    """Return seconds (blocks, 4, 2), float64: four starts, with, without, without, with; each by clock and CPU."""
    with_plugin = others_blocked()
    without = [*with_plugin, "-p", "no:edgert"]
    (folder / "empty").mkdir()
    start(with_plugin, folder)
    start(without, folder)
    block = (with_plugin, without, without, with_plugin)
    return np.asarray([[start(arguments, folder) for arguments in block] for _ in range(blocks)])


def interval(ratios: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the percentile bootstrap interval of 95 % of the median of `ratios`, (blocks,), float64."""
    draws = np.random.default_rng(0).choice(ratios, (RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return float(low), float(high)


def main() -> int:
    """Measure, print the figures, and return 0 when the median ratio is within the bound, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=40)
    blocks = parser.parse_args().blocks
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(blocks, Path(folder))
    ratios = {what: report(what, seconds[:, :, column]) for column, what in enumerate(("clock", "CPU"))}
    return 0 if ratios["clock"] <= BOUND else 1


def report(what: str, seconds: npt.NDArray[np.float64]) -> float:
    """Print the figures of one kind of time, (blocks, 4), float64, and return the median ratio."""
    with_plugin, without = seconds[:, [0, 3]], seconds[:, [1, 2]]
    ratios = with_plugin.sum(axis=1) / without.sum(axis=1)
    low, high = interval(ratios)
    ratio = float(np.median(ratios))
    both = f"{np.median(with_plugin) * 1e3:.1f} ms with, {np.median(without) * 1e3:.1f} ms without"
    print(f"{what:5} {both}: ratio {ratio:.3f} (95 % interval {low:.3f} to {high:.3f}, {len(ratios)} blocks)")
    return ratio


if __name__ == "__main__":
    sys.exit(main())
