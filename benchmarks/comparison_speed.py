"""How fast and how lean all figures of two large tensors are, over `numpy.testing.assert_allclose`.

Run: ``python benchmarks/comparison_speed.py [--processes 7] [--megabytes 100]``. Each process is fresh, has one BLAS
thread and times both, interleaved, on the same two tensors; a process gives one ratio of the best times. The
interval is a bootstrap over processes. Extra memory is the peak that tracemalloc sees (NumPy reports to it).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pytest_edgert.agreement.metrics import Limits, measure
from pytest_edgert.tensors import Array

#: Goals: at least this much faster, at most this much extra memory.
LEAST_RATIO, MOST_BYTES = 5.0, 64e6
REPEATS = 5
LIMITS = Limits(rtol=1e-4, atol_rms=1e-5)
#: The tensors to compare, by what is special about them.
CASES = ("normal", "equal", "rectified", "failing")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One process's figures: seconds of each, extra bytes of each."""

    ours_s: float
    theirs_s: float
    ours_bytes: int
    theirs_bytes: int


def make_pair(case: str, n: int) -> tuple[Array, Array]:
    """Return two float32 tensors of n elements, from a fixed seed."""
    rng = np.random.default_rng(20240229)
    right = rng.standard_normal(n, dtype=np.float32)
    if case == "rectified":
        np.maximum(right, 0, out=right)
    noise = {"equal": 0.0, "failing": 1e-3}.get(case, 1e-6)
    return right + rng.standard_normal(n, dtype=np.float32) * np.float32(noise), right


def ours(left: Array, right: Array) -> None:
    measure(left, right, LIMITS)


def theirs(left: Array, right: Array) -> None:
    try:
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
    except AssertionError:
        return


def seconds(function: Callable[[Array, Array], None], left: Array, right: Array) -> float:
    start = time.perf_counter()
    function(left, right)
    return time.perf_counter() - start


def extra_bytes(function: Callable[[Array, Array], None], left: Array, right: Array) -> int:
    tracemalloc.start()
    function(left, right)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def run_here(case: str, n: int) -> Outcome:
    """Return the figures of this process."""
    left, right = make_pair(case, n)
    timings = [(seconds(ours, left, right), seconds(theirs, left, right)) for _ in range(REPEATS)]
    return Outcome(
        min(one for one, _ in timings),
        min(other for _, other in timings),
        extra_bytes(ours, left, right),
        extra_bytes(theirs, left, right),
    )


def run_fresh(case: str, n: int) -> Outcome:
    """Return the figures of a fresh process with one BLAS thread."""
    threads = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
    )
    command = [sys.executable, __file__, "--worker", case, "--elements", str(n)]
    done = subprocess.run(command, env={**os.environ, **threads}, capture_output=True, text=True, check=True)
    return Outcome(**json.loads(done.stdout))


def interval(ratios: list[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the median over processes."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(ratios, (10_000, len(ratios))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)


def report(case: str, outcomes: list[Outcome]) -> bool:
    ratios = [outcome.theirs_s / outcome.ours_s for outcome in outcomes]
    low, high = interval(ratios)
    ours_ms, theirs_ms = (
        1e3 * float(np.median(t)) for t in zip(*((o.ours_s, o.theirs_s) for o in outcomes), strict=True)
    )
    ours_mb, theirs_mb = (max(m) / 1e6 for m in zip(*((o.ours_bytes, o.theirs_bytes) for o in outcomes), strict=True))
    print(
        f"{case:10} {ours_ms:7.1f} ms  {theirs_ms:7.1f} ms  {np.median(ratios):5.2f}x [{low:.2f}, {high:.2f}]"
        f"  {ours_mb:6.1f} MB  {theirs_mb:6.1f} MB"
    )
    return low >= LEAST_RATIO and ours_mb * 1e6 <= MOST_BYTES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--megabytes", type=float, default=100.0)
    parser.add_argument("--worker", choices=CASES)
    parser.add_argument("--elements", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.worker:
        outcome = run_here(arguments.worker, arguments.elements)
        print(json.dumps({name: getattr(outcome, name) for name in Outcome.__slots__}))
        return 0
    n = round(arguments.megabytes * 1e6 / 4)
    print(f"two float32 tensors of {n} elements, NumPy {np.__version__}, {arguments.processes} processes, one thread")
    print("case            ours      assert_allclose  ratio [95 %]           extra memory: ours, theirs")
    met = [report(case, [run_fresh(case, n) for _ in range(arguments.processes)]) for case in CASES]
    print(f"goal for 'normal' (≥ {LEAST_RATIO:g}x, ≤ {MOST_BYTES / 1e6:g} MB): {'met' if met[0] else 'not met'}")
    return 0 if met[0] else 1


if __name__ == "__main__":
    raise SystemExit(main())
