"""Our median latency over the runtimes' own tools and over bare loops, on the same models in one run.

Each round gives every row one block: ours, the others, the others backwards, ours again, each in a fresh process
(ours: a fresh worker), with equal feeds, threads, streams, hints, warm-up and number of inferences. Printed: the median
ratio over rounds with its bootstrap interval of 95 %, and whether it shows 3 %. MobileNet-v3 is built where it is not;
corpus models are taken from $EDGERT_CORPUS, by default ../shared/corpus.

Run: ``python benchmarks/side_by_side.py [--rounds=7] [--seconds=0.4] [--threads=1,2] [--only=TEXT] [--out=FILE]``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

import numpy as np
from paired_ratios import Ratio, block_ratio, median_ratio, mirrored
from rival_tools import Job, ToolError, run_bare_loop, run_benchmark_app

from pytest_edgert.contracts import OptionValue
from pytest_edgert.errors import EdgertError
from pytest_edgert.records import LatencyPlan
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.tensors import TensorSpec
from pytest_edgert.transports.local import TRANSPORT
from pytest_edgert.worker.client import Worker

ROOT = Path(__file__).resolve().parents[1]
BOUND = 0.03
#: Inferences thrown away before timing. `benchmark_app` runs one and cannot be told otherwise, so ours does as well.
WARM_UP_N = {"openvino": 1, "litert": 50, "onnxruntime": 50}
#: Fewest and most inferences that are timed in one process.
FEWEST, MOST = 100, 50_000

Contestant: TypeAlias = Callable[[Job, Path], dict[str, float]]

BARE_OPENVINO = "bare `InferRequest.infer`"
WITH_CALL = "benchmark_app + the call"

#: Who is compared with ours, by runtime; the first is the runtime's own tool where it has one.
RIVALS: Mapping[str, Mapping[str, Contestant]] = {
    "openvino": {
        "benchmark_app": run_benchmark_app,
        BARE_OPENVINO: partial(run_bare_loop, "openvino-request"),
    },
    "litert": {
        "litert-benchmark": partial(run_bare_loop, "litert-benchmark"),
        "bare `Interpreter.invoke`": partial(run_bare_loop, "litert-interpreter"),
    },
    "onnxruntime": {
        "bare loop, IOBinding": partial(run_bare_loop, "onnxruntime-bound"),
        "bare loop, `run`": partial(run_bare_loop, "onnxruntime-run"),
    },
}


@dataclass(slots=True)
class Row:
    """One model on one runtime at one number of threads, and what every contestant measured, in order."""

    runtime: str
    model: str
    job: Job
    seen: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def ratio(self, rival: str, figure: str = "median_ns") -> Ratio:
        """Return ours over a rival's, by rounds of two processes each."""
        ours, theirs = ([one[figure] for one in self.seen[name]] for name in ("ours", rival))
        pairs = range(0, min(len(ours), len(theirs)) - 1, 2)
        return median_ratio([block_ratio(ours[i : i + 2], theirs[i : i + 2]) for i in pairs])


def models(mobilenet: Path, corpus: Path) -> list[tuple[str, Path]]:
    """Return runtime and artefact of every row."""
    digits = ROOT / "examples" / "digits"
    shared = [corpus / "mlperf_kws" / "kws_ref_model.tflite", corpus / "mlperf_vww" / "vww_96_float.tflite"]
    own = [corpus / "hand_gesture" / "keypoint_classifier.onnx", corpus / "magika" / "fast_v2_1.onnx"]
    found = {
        "openvino": [digits / "digits.xml", digits / "digits_int8.xml", mobilenet / "mobilenet_v3.onnx", *shared],
        "litert": [digits / "digits.tflite", digits / "digits_int8.tflite", mobilenet / "mobilenet_v3.tflite", *shared],
        "onnxruntime": [digits / "digits.onnx", digits / "digits_int8.onnx", mobilenet / "mobilenet_v3.onnx", *own],
    }
    return [(runtime, path) for runtime, paths in found.items() for path in paths]


def measure_ours(runtime: str, job: Job, _folder: Path) -> dict[str, float]:
    """Measure in a fresh worker, as `edgert` does, without a budget."""
    options: dict[str, OptionValue] = {"threads": job.threads}
    options |= {f"shape.{name}": "x".join(map(str, shape)) for name, shape in job.shapes.items()}
    plan = LatencyPlan(warm_up_n=job.warm_up_n, warm_up_s=0.0, fixed_n=job.n, max_s=300.0)
    with Worker.start(TRANSPORT) as worker:
        opened = worker.open(adapter_references()[runtime], job.artefact, "cpu", options, timeout_s=120.0)
        feeds = {name: np.load(path) for name, path in job.feeds.items()}
        samples = worker.measure_latency(opened.session_id, feeds, plan)
    durations = samples.durations_ns
    return {"median_ns": float(np.median(durations)), "mean_ns": float(np.mean(durations)), "n": len(durations)}


def plan_row(runtime: str, artefact: Path, threads: int, seconds: float, folder: Path) -> Row:
    """Return a row with feeds written and the number of inferences that take about `seconds`."""
    with Worker.start(TRANSPORT) as worker:
        opened = worker.open(adapter_references()[runtime], artefact, "cpu", {"threads": threads}, timeout_s=120.0)
        specs = opened.signature.inputs
    shapes = {spec.name: bound_shape(spec) for spec in specs}
    dimensions = {
        d: n for spec in specs for d, n in zip(spec.shape, shapes[spec.name], strict=True) if isinstance(d, str)
    }
    feeds = {spec.name: write_feed(folder, artefact, spec, shapes[spec.name]) for spec in specs}
    job = Job(artefact, threads, FEWEST, WARM_UP_N[runtime], feeds, shapes, dimensions, specs[0].dtype)
    once = measure_ours(runtime, job, folder)
    job = replace(job, n=int(min(MOST, max(FEWEST, seconds * 1e9 / once["median_ns"]))))
    return Row(runtime, artefact.name, job)


def bound_shape(spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape of an input, every free dimension 1."""
    return tuple(length if isinstance(length, int) else 1 for length in spec.shape)


def write_feed(folder: Path, artefact: Path, spec: TensorSpec, shape: tuple[int, ...]) -> Path:
    """Write the feed of an input and return its file: drawn as LiteRT's tool draws its own, which cannot be given any."""
    draw = np.random.default_rng(0)
    kind = np.dtype(spec.dtype)
    if kind.kind == "f":
        array = draw.uniform(-1.0, 1.0, shape).astype(kind)
    else:
        array = draw.integers(max(np.iinfo(kind).min, -128) if kind.itemsize == 1 else 0, 128, shape).astype(kind)
    path = folder / f"{artefact.name}-{spec.name.replace('/', '_').replace(':', '_')}.npy"
    np.save(path, array)
    return path


def measure_block(row: Row, folder: Path) -> None:
    """Give a row one block; a contestant that failed once is left out from then on."""
    contestants: dict[str, Contestant] = {"ours": partial(measure_ours, row.runtime), **RIVALS[row.runtime]}
    for name in mirrored(list(contestants)):
        if name in row.problems:
            continue
        try:
            row.seen.setdefault(name, []).append(contestants[name](row.job, folder))
        except (ToolError, EdgertError, subprocess.TimeoutExpired) as error:
            row.problems[name] = str(error).splitlines()[0][:200]


def add_call(row: Row) -> None:
    """Add a rival to an OpenVINO row: the tool's figure with the time of the call into OpenVINO, which it leaves out.

    `benchmark_app` prints `InferRequest.latency`, which OpenVINO takes inside; ours is timed from outside. What lies
    between is measured in the bare loop, for the very call that our adapter makes, in the same block.
    """
    pairs = zip(row.seen.get("benchmark_app", ()), row.seen.get(BARE_OPENVINO, ()), strict=False)
    row.seen[WITH_CALL] = [
        {"median_ns": app["median_ns"] + bare["thin_call_ns"] - bare["thin_inner_ns"]} for app, bare in pairs
    ]


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """Return the table as markdown."""
    yield "| runtime | model | threads | over | ours, µs | theirs, µs | ours / theirs | within 3 % |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        added = {"openvino": (WITH_CALL,)}.get(row.runtime, ())
        for rival in (*RIVALS[row.runtime], *added):
            start = f"| {row.runtime} | {row.model} | {row.job.threads} | {rival} |"
            problem = row.problems.get("ours") or row.problems.get(rival)
            if problem or len(row.seen.get(rival, ())) < 2:
                yield f"{start} | | | not measured: {problem or 'no block was finished'} |"
                continue
            ours, theirs = (statistics.median(o["median_ns"] for o in row.seen[name]) for name in ("ours", rival))
            ratio = row.ratio(rival)
            yield f"{start} {ours / 1e3:.2f} | {theirs / 1e3:.2f} | {ratio} | {ratio.shows(BOUND)} |"


def openvino_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Return what OpenVINO's own figure leaves out: loops timed from outside, less what OpenVINO says of such runs."""
    yield "| model | threads | `InferRequest.infer`, µs | our adapter's call, µs |"
    yield "|---|---|---|---|"
    for row in rows:
        if seen := row.seen.get(BARE_OPENVINO):
            pairs = (("median_ns", "inner_ns"), ("thin_call_ns", "thin_inner_ns"))
            public, thin = (
                statistics.median(one[outside] - one[inner] for one in seen) / 1e3 for outside, inner in pairs
            )
            yield f"| {row.model} | {row.job.threads} | {public:.2f} | {thin:.2f} |"


def conditions() -> str:
    """Return machine, date, load and versions."""
    packages = ("onnxruntime", "openvino", "ai-edge-litert", "numpy", "pytest-edgert")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {platform.machine()}, {os.cpu_count()} cores, load {load}, "
        f"Python {platform.python_version()}, {versions}"
    )


def mobilenet_folder(temporary: Path) -> Path:
    """Return the folder of MobileNet-v3, building it where it was not built."""
    built = ROOT / "benchmarks" / "mobilenet_v3" / "models"
    if (built / "mobilenet_v3.tflite").is_file():
        return built
    script = ROOT / "benchmarks" / "mobilenet_v3" / "build_mobilenet.py"
    subprocess.run([sys.executable, str(script), "--out", str(temporary)], check=True, capture_output=True)
    return temporary


def main(chosen: argparse.Namespace) -> None:
    """Measure round after round and print the tables; an interrupted run prints what it has."""
    corpus = Path(os.environ.get("EDGERT_CORPUS", ROOT.parent / "shared" / "corpus"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = []
        for runtime, artefact in models(mobilenet_folder(folder / "mobilenet"), corpus):
            if chosen.only not in f"{runtime} {artefact.name}":
                continue
            if not artefact.is_file():
                print(f"left out, no such file: {artefact}", file=sys.stderr)
                continue
            counts = map(int, chosen.threads.split(","))
            rows += [plan_row(runtime, artefact, threads, chosen.seconds, folder) for threads in counts]
        began = conditions()
        try:
            for turn in range(chosen.rounds):
                for row in rows:
                    measure_block(row, folder)
                print(f"round {turn + 1} of {chosen.rounds}, {time.strftime('%H:%M:%S')}", file=sys.stderr)
                if chosen.out:
                    told = [{"runtime": r.runtime, "model": r.model, "threads": r.job.threads, **r.seen} for r in rows]
                    Path(chosen.out).write_text(json.dumps(told, indent=1))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
    print(
        f"{chosen.rounds} rounds, {chosen.seconds:g} s a process; began {began}; ended with load {os.getloadavg()[0]:.1f}\n"
    )
    for row in rows:
        if row.runtime == "openvino":
            add_call(row)
    print("\n".join(lines(rows)))
    print("\nWhat OpenVINO's own figure leaves out\n\n" + "\n".join(openvino_lines(rows)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only", default="", help="rows whose runtime and file contain this")
    parser.add_argument("--out", help="file for all figures as JSON")
    main(parser.parse_args())
