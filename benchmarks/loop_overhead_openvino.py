"""What our sampling loop adds to a measured latency, on real OpenVINO sessions with bound tensors.

In each of several fresh processes, blocks of four loops alternate on one model, in the order A B C D D C B A: our loop,
the loop that anyone would write on the same call, that loop on OpenVINO's own `InferRequest.infer` of a request made by
hand, and the bare call without a clock. Printed: the median over processes of what each loop adds, with a bootstrap
95 % interval. Run: ``python benchmarks/loop_overhead_openvino.py [processes]``.
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
from typing import Any, TypeAlias

import numpy as np

from pytest_edgert import clock
from pytest_edgert.contracts import Options
from pytest_edgert.measure.loop import runner, sample_into
from pytest_edgert.runtimes.openvino import RUNTIME
from pytest_edgert.runtimes.openvino_devices import import_openvino, make_core

#: Rows and columns of the square products, and how many in a row.
MODELS = {"tiny": (16, 1), "small": (64, 2), "middle": (128, 8), "large": (256, 4)}
#: Time of one block, and rounds of eight blocks for each model in each process.
BLOCK_S = 0.03
ROUNDS = 8
OPTIONS: Options = {"threads": 1, "precision": "f32"}

Run: TypeAlias = Callable[[], object]


def write_model(path: Path, size: int, layers: int) -> None:
    """Write a model of `layers` products with a constant (size, size) float32 matrix."""
    openvino: Any = import_openvino()
    from openvino import opset13 as ops

    weight = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32) / size**0.5
    x: Any = ops.parameter([size, size], np.float32, name="x")
    last = x
    for _ in range(layers):
        last = ops.matmul(last, ops.constant(weight), False, False)  # noqa: FBT003 - OpenVINO's signature
    openvino.save_model(openvino.Model([last], [x], "products"), path, compress_to_fp16=False)


def by_hand(path: Path, size: int) -> Run:
    """Return OpenVINO's own call on a bound tensor, as its documentation has it."""
    properties = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = make_core().compile_model(path, "CPU", properties).create_infer_request()
    request.set_input_tensor(import_openvino().Tensor(np.ones((size, size), np.float32)))
    call: Run = request.infer
    return call


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
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (size, layers) in MODELS.items():
            path = Path(folder) / f"{name}.xml"
            write_model(path, size, layers)
            vendor = by_hand(path, size)
            with RUNTIME.open(path, "cpu", OPTIONS) as session:
                run = runner(session, {session.signature.inputs[0].name: np.ones((size, size), np.float32)})
                count = max(10, round(BLOCK_S * 1e9 / bare_ns(run, 50)))
                loops = {
                    "ours": (ours_ns, run),
                    "plain": (plain_ns, run),
                    "vendor": (plain_ns, vendor),
                    "bare": (bare_ns, run),
                }
                found[name] = {loop: [] for loop in loops}
                for loop in [*loops, *reversed(loops)] * ROUNDS:
                    timed, call = loops[loop]
                    found[name][loop].append(timed(call, count))
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
    print("| model | plain loop, µs | ours / plain | ours - plain, µs | ours - bare call, µs | ours - `infer()`, µs |")
    print("|---|---|---|---|---|---|")
    for name in MODELS:
        medians = [{loop: statistics.median(blocks) for loop, blocks in one[name].items()} for one in results]
        plain = statistics.median(m["plain"] for m in medians) / 1e3
        ratio = "{:.4f} [{:.4f}, {:.4f}]".format(*interval([m["ours"] / m["plain"] for m in medians]))
        over = [
            "{:+.3f} [{:+.3f}, {:+.3f}]".format(*interval([(m["ours"] - m[other]) / 1e3 for m in medians]))
            for other in ("plain", "bare", "vendor")
        ]
        print(f"| {name} | {plain:.1f} | {ratio} | {' | '.join(over)} |")


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        print(json.dumps(measure_models()))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
