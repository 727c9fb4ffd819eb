"""One latency measurement in a process of its own, and what goes on beside it; for the scripts that tell its cost.

Run as ``python benchmarks/loop_costs.py '{"model": …}'``; prints one line of JSON.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from loop_overhead import write_model
from paired_ratios import FEWEST_BLOCKS, Ratio, median_ratio, mirrored

from pytest_edgert import clock
from pytest_edgert.job import latency
from pytest_edgert.job.watch import Watch
from pytest_edgert.measure.samples import LatencySamples
from pytest_edgert.records import Budget, LatencyPlan
from pytest_edgert.runtimes.onnxruntime import RUNTIME
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.latency import decide

#: Rows and columns of the model's matrices, and the time of an inference that is aimed at.
SIZE, AIM_S = 128, 100e-6
#: Error rates that no evidence of a run reaches, so that the rule looks until the cap.
NEVER = 1e-280


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process saw.

    Args:
        median_ns: Median duration.
        mean_ns: Mean duration.
        n: Inferences counted.
        rule_share: Time inside the stopping rule, as a share of the span.
        rule_cpu_share: CPU time inside the rule, as a share of itself and of n medians: holds beside other work as well.
        gap_share: All time between inferences, as a share of the span.
        decisions: Looks of the rule at the evidence.
        readings: Readings of the meters.
        sensors: Sensors among them.
        stop_reason: Why sampling ended.
    """

    median_ns: float
    mean_ns: float
    n: int
    rule_share: float
    rule_cpu_share: float
    gap_share: float
    decisions: int
    readings: int
    sensors: int
    stop_reason: str


def matmuls(folder: Path) -> Path:
    """Write a model that takes about `AIM_S` on this machine and return its file."""
    path = folder / "model.onnx"
    layers = 6
    for _ in range(2):
        write_model(path, SIZE, layers)
        median_ns = measure(path, seconds=0.3).median_ns
        layers = max(1, round(layers * AIM_S * 1e9 / median_ns))
    write_model(path, SIZE, layers)
    return path


def measure(model: Path, **asked: Any) -> Measured:
    """Measure in a fresh process; see `measure_here`."""
    wire = json.dumps({"model": str(model), **asked})
    finished = subprocess.run([sys.executable, __file__, wire], check=False, capture_output=True, text=True)
    if finished.returncode:
        raise SystemExit(f"the measurement failed: {finished.stderr[-2000:]}")
    return Measured(**json.loads(finished.stdout.splitlines()[-1]))


def measure_here(job: Mapping[str, Any]) -> Measured:
    """Measure in this process, on ONNX Runtime with one thread.

    Args:
        job: `model` and `seconds`; `limit_ns` of a p99 budget that is never decided; `meters` and `sysroot` of what is
            read twice a second.
    """
    spent = _TimedRule(decide)
    loop: Any = latency
    loop.decide, loop.Watch = spent, functools.partial(Watch, sysroot=Path(job.get("sysroot", "/")))
    plan = LatencyPlan(measure_s=job["seconds"], max_s=1e6, meters=tuple(job.get("meters", ())))
    if "limit_ns" in job:
        budget = Budget(99.0, job["limit_ns"] / 1e9)
        # With a budget only the cap ends the sampling, and the warm-up counts towards it.
        plan = replace(plan, budgets=(budget,), alpha=NEVER, beta=NEVER, max_s=plan.warm_up_s + job["seconds"])
    feed = np.ones((SIZE, SIZE), np.float32)
    with RUNTIME.open(Path(job["model"]), "cpu", {"threads": 1}) as session:
        samples = latency.measure_latency(session, {"x0": feed}, plan, lambda _fields: None)
    return summarise(samples, spent)


def summarise(samples: LatencySamples, rule: _TimedRule) -> Measured:
    """Return the shares of the span from the first sample's start to the last one's end."""
    durations, starts = samples.durations_ns, samples.starts_ns
    span_ns = int(starts[-1] + durations[-1] - starts[0])
    return Measured(
        float(np.median(durations)),
        float(np.mean(durations)),
        len(durations),
        rule.spent_ns / span_ns,
        rule.cpu_ns / (rule.cpu_ns + len(durations) * float(np.median(durations))),
        1 - float(durations.sum()) / span_ns,
        rule.calls,
        len(samples.series.times_ns),
        len(samples.series.names),
        samples.stop_reason,
    )


def in_turn(rounds: int, sides: Mapping[str, Callable[[], Measured]]) -> dict[str, list[Measured]]:
    """Return what each side measured, in blocks of A B B A."""
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in mirrored(list(sides)):
            found[name].append(sides[name]())
        print(f"round {turn + 1} of {rounds}, {time.strftime('%H:%M:%S')}", file=sys.stderr)
    return found


def in_blocks(ours: Sequence[float], theirs: Sequence[float], block: Callable[..., float]) -> Ratio:
    """Return the median over blocks of what `block` makes of the two figures of each side, with its interval."""
    pairs = range(0, len(ours) - 1, 2)
    return median_ratio([block(ours[i : i + 2], theirs[i : i + 2]) for i in pairs])


def added(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the difference of the means of one block."""
    return sum(ours) / len(ours) - sum(theirs) / len(theirs)


def within(found: Ratio, bound: float) -> str:
    """Return what the interval of an added share shows of "at most `bound`"."""
    if found.blocks < FEWEST_BLOCKS:
        return f"not shown ({found.blocks} blocks)"
    if found.high <= bound:
        return "met"
    return "not met" if found.low > bound else "not shown (interval)"


def percent(found: Ratio) -> str:
    """Return a share with its interval in percent."""
    return f"{100 * found.median:+.2f} % [{100 * found.low:+.2f}, {100 * found.high:+.2f}]"


def conditions() -> str:
    """Return date, machine, load and versions."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("onnxruntime", "numpy", "pytest-edgert"))
    day = time.strftime("%Y-%m-%d %H:%M")
    return f"{day}, {platform.machine()}, {os.cpu_count()} cores, load {load}, Python {platform.python_version()}, {versions}"


class _TimedRule:
    """The stopping rule, with the time spent in it."""

    def __init__(self, rule: Any) -> None:
        self._rule = rule
        self.spent_ns = self.cpu_ns = self.calls = 0

    def __call__(self, durations_ns: Array, *rest: Any, **named: Any) -> Any:
        began, cpu_began = clock.monotonic_ns(), time.thread_time_ns()
        try:
            return self._rule(durations_ns, *rest, **named)
        finally:
            self.spent_ns += clock.monotonic_ns() - began
            self.cpu_ns += time.thread_time_ns() - cpu_began
            self.calls += 1


if __name__ == "__main__":
    print(json.dumps(asdict(measure_here(json.loads(sys.argv[1])))))
