"""What our sampling loop adds to a measured latency, on real ONNX Runtime sessions with bound buffers.

In each of several fresh processes, blocks of our loop, of the loop that anyone would write and of the bare call
without a clock alternate on one session, in the order A B C C B A. Printed: the median over processes of what each
loop adds, with a bootstrap 95 % interval. Run: ``python benchmarks/loop_overhead.py [processes]``.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from pytest_edgert import clock
from pytest_edgert.measure.loop import runner, sample_into
from pytest_edgert.runtimes.onnxruntime import RUNTIME

#: Rows and columns of the square MatMuls, and how many in a row.
MODELS = {"tiny": (16, 1), "small": (64, 2), "middle": (128, 8), "large": (256, 4)}
#: Time of one block, and rounds of six blocks for each model in each process.
BLOCK_S = 0.03
ROUNDS = 10

Run: TypeAlias = Callable[[], object]


def write_model(path: Path, size: int, layers: int) -> None:
    """Write a model of `layers` products with a constant (size, size) float32 matrix."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32) / size**0.5
    nodes = [helper.make_node("MatMul", [f"x{i}", "w"], [f"x{i + 1}"]) for i in range(layers)]
    ends = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, [size, size]) for i in (0, layers)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def ours_ns(run: Run, count: int) -> float:
    """Return the median duration that our loop measures."""
    durations, starts = np.zeros(count, np.int64), np.zeros(count, np.int64)
    sample_into(run, durations, starts, 0, count, clock.monotonic_ns)
    return float(np.median(durations))


def plain_ns(run: Run, count: int) -> float:
    """Return the median duration of the loop that anyone would write."""
    durations = []
    for _ in range(count):
        start = time.perf_counter_ns()
        run()
        durations.append(time.perf_counter_ns() - start)
    return statistics.median(durations)


def bare_ns(run: Run, count: int) -> float:
    """Return the duration of the call with no clock between: the median over runs of ten calls."""
    tens = []
    for _ in range(max(1, count // 10)):
        start = time.perf_counter_ns()
        for _ in range(10):
            run()
        tens.append((time.perf_counter_ns() - start) / 10)
    return statistics.median(tens)


def measure_models() -> dict[str, dict[str, list[float]]]:
    """Return, by model and loop, the figure of each block in nanoseconds: one process's share."""
    loops = {"ours": ours_ns, "plain": plain_ns, "bare": bare_ns}
    order = [*loops, *reversed(loops)]
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (size, layers) in MODELS.items():
            path = Path(folder) / f"{name}.onnx"
            write_model(path, size, layers)
            with RUNTIME.open(path, "cpu", {"threads": 1}) as session:
                run = runner(session, {"x0": np.ones((size, size), np.float32)})
                count = max(10, round(BLOCK_S * 1e9 / bare_ns(run, 50)))
                found[name] = {loop: [] for loop in loops}
                for loop in order * ROUNDS:
                    found[name][loop].append(loops[loop](run, count))
    return found


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return the median with a bootstrap 95 % interval over processes."""
    draws = np.random.default_rng(0).choice(values, (10_000, len(values)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return statistics.median(values), float(low), float(high)


def main(processes: int) -> None:
    """Run the processes one after another and print the table."""
    command = [sys.executable, __file__, "--one"]
    outputs = [subprocess.run(command, check=True, capture_output=True).stdout for _ in range(processes)]
    results = [json.loads(output) for output in outputs]
    print(f"{processes} processes, {2 * ROUNDS} blocks of {1000 * BLOCK_S:.0f} ms each; medians [95 % interval]")
    print("| model | plain loop, µs | ours / plain | ours - plain, µs | ours - bare call, µs |\n|---|---|---|---|---|")
    for name in MODELS:
        medians = [{loop: statistics.median(blocks) for loop, blocks in one[name].items()} for one in results]
        plain = statistics.median(m["plain"] for m in medians) / 1e3
        ratio = "{:.4f} [{:.4f}, {:.4f}]".format(*interval([m["ours"] / m["plain"] for m in medians]))
        added = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*interval([(m["ours"] - m["plain"]) / 1e3 for m in medians]))
        over = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*interval([(m["ours"] - m["bare"]) / 1e3 for m in medians]))
        print(f"| {name} | {plain:.1f} | {ratio} | {added} | {over} |")


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        print(json.dumps(measure_models()))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
