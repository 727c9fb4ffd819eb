"""How long the oracle takes for one feed of MobileNet-v3 Large at 224×224, and how much memory.

Run: ``python benchmarks/oracle_speed.py [--processes 5] [--models DIR]``. Every figure is from a fresh process with one BLAS
thread, which opens one file and evaluates one seeded feed; the median over processes is shown with the extremes. Peak
memory is that of the whole process, Python and NumPy included. Without ``--models`` the files are built first.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

#: Goals of the int8 files.
MOST_S, MOST_BYTES = 5.0, 1e9
FILES = ("mobilenet_v3_int8.onnx", "mobilenet_v3_int8.tflite", "mobilenet_v3.onnx", "mobilenet_v3.tflite")
BUILD = Path(__file__).parent / "mobilenet_v3" / "build_mobilenet.py"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One process's figures: seconds to open, seconds of the first feed, bytes at the peak."""

    open_s: float
    feed_s: float
    peak_bytes: float


def run_here(path: Path) -> Outcome:
    """Return the figures of this process."""
    from pytest_edgert.measure.feeds import default_feeds
    from pytest_edgert.runtimes.reference import RUNTIME

    start = time.perf_counter()
    with RUNTIME.open(path, "cpu", {}) as session:
        opened = time.perf_counter()
        feeds = default_feeds(session.signature, 0)
        begun = time.perf_counter()
        session.infer(feeds)
        done = time.perf_counter()
    return Outcome(opened - start, done - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0)


def run_fresh(path: Path) -> Outcome:
    """Return the figures of a fresh process with one BLAS thread."""
    command = [sys.executable, __file__, "--worker", str(path)]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return Outcome(**json.loads(done.stdout))


def report(path: Path, outcomes: list[Outcome]) -> bool:
    feeds = sorted(outcome.feed_s for outcome in outcomes)
    peak = max(outcome.peak_bytes for outcome in outcomes)
    opened = statistics.median(outcome.open_s for outcome in outcomes)
    print(
        f"{path.name:26} open {opened:6.2f} s   feed {statistics.median(feeds):6.2f} s [{feeds[0]:.2f}, {feeds[-1]:.2f}]"
        f"   peak {peak / 1e6:6.0f} MB"
    )
    return "int8" not in path.name or (statistics.median(feeds) <= MOST_S and peak <= MOST_BYTES)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--models", type=Path, help="folder with the files that build_mobilenet.py writes")
    parser.add_argument("--worker", type=Path)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(asdict(run_here(arguments.worker))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        models = arguments.models or Path(folder)
        if arguments.models is None:
            subprocess.run([sys.executable, str(BUILD), "--out", folder], check=True, capture_output=True)
        print(f"NumPy {np.__version__}, {arguments.processes} fresh processes a file, one thread, one feed each")
        met = [report(models / name, [run_fresh(models / name) for _ in range(arguments.processes)]) for name in FILES]
    print(
        f"goal of the int8 files (at most {MOST_S:g} s and {MOST_BYTES / 1e6:g} MB): {'met' if all(met) else 'not met'}"
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
