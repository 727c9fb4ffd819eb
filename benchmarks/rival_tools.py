"""The runtimes' own tools and bare loops as child processes: their commands, and what their output says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Longest wait for one tool, in seconds.
_PATIENCE_S = 300.0
_UNITS_NS = {"us": 1e3, "ms": 1e6}
OPENVINO_TYPES = {"float32": "f32", "int8": "i8", "uint8": "u8", "int32": "i32", "int64": "i64"}
_CONSOLE_SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Job:
    """What every contestant of one row gets alike.

    Args:
        artefact: The model file.
        threads: Threads of the runtime.
        n: Inferences that are timed.
        warm_up_n: Inferences that are thrown away before.
        feeds: Feeds by input name, as .npy files.
        shapes: Shapes by input name.
        dimensions: Lengths of named free dimensions, for ONNX.
        dtype: Data type of the inputs.
    """

    artefact: Path
    threads: int
    n: int
    warm_up_n: int
    feeds: Mapping[str, Path]
    shapes: Mapping[str, tuple[int, ...]]
    dimensions: Mapping[str, int]
    dtype: str

    def wire(self) -> str:
        """Return it as JSON for `bare_loops.py`."""
        plain = {"artefact": str(self.artefact), "threads": self.threads, "n": self.n, "warm_up_n": self.warm_up_n}
        feeds = {name: str(path) for name, path in self.feeds.items()}
        return json.dumps({**plain, "feeds": feeds, "dimensions": dict(self.dimensions)})


class ToolError(RuntimeError):
    """A tool failed, or its output cannot be read."""


def run_bare_loop(loop: str, job: Job, _folder: Path) -> dict[str, float]:
    """Run a loop of `bare_loops.py` in a fresh process; for LiteRT's tool the printed median must agree."""
    output = _output([sys.executable, str(Path(__file__).with_name("bare_loops.py")), loop, job.wire()])
    found = last_json(output)
    if loop == "litert-benchmark":
        check_printed(output, found)
    return found


def run_benchmark_app(job: Job, folder: Path) -> dict[str, float]:
    """Run OpenVINO's tool in a fresh process: one inference to warm up, then `job.n` through one request."""
    config = folder / f"openvino-{job.threads}.json"
    config.write_text(json.dumps(openvino_config(job.threads)))
    return read_benchmark_app(_output(benchmark_app_command(job, config)))


def openvino_config(threads: int) -> dict[str, dict[str, str]]:
    """Return streams and threads for ``-load_config``: the tool refuses -nstreams and -nthreads beside -hint."""
    return {"CPU": {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(threads)}}


def benchmark_app_command(job: Job, config: Path) -> list[str]:
    """Return the command line of `benchmark_app`.

    -ip: it takes an input of three or four channels for an image, and puts a conversion from uint8 into the model.
    """
    shapes = ",".join(f"{name}[{','.join(map(str, shape))}]" for name, shape in job.shapes.items())
    inputs = [f"{name}:{path}" for name, path in job.feeds.items()]
    return [
        str(_CONSOLE_SCRIPTS / "benchmark_app"),
        *("-m", str(job.artefact), "-d", "CPU", "-api", "sync", "-hint", "latency", "-load_config", str(config)),
        *("-niter", str(job.n), "-shape", shapes, "-ip", OPENVINO_TYPES[job.dtype], "-i", *inputs),
    ]


def read_benchmark_app(output: str) -> dict[str, float]:
    """Return median, mean and n of the console output of `benchmark_app`, and its wall time an inference.

    The tool's latencies are OpenVINO's own (`InferRequest.latency`), printed with two digits in us below 1 ms and in
    ms from there.

    Raises:
        ToolError: A line is missing.
    """
    median, mean = (_benchmark_app_ns(output, word) for word in ("Median", "Average"))
    count, duration_ms = (
        float(_found(output, rf"{word}:\s+([\d.]+) {unit}"))
        for word, unit in (("Count", "iterations"), ("Duration", "ms"))
    )
    return {"median_ns": median, "mean_ns": mean, "n": count, "wall_ns": 1e6 * duration_ms / count}


def read_litert_benchmark(output: str) -> dict[str, float]:
    """Return median, mean and n of the console output of `litert-benchmark`: ms with two digits.

    Raises:
        ToolError: A line is missing.
    """
    median = float(_found(output, r"Inference \(median\):\s+([\d.]+) ms"))
    mean = float(_found(output, r"Inference \(avg\):\s+([\d.]+) ms"))
    n = float(_found(output, r"Inference \(avg\):.*\((\d+) runs\)"))
    return {"median_ns": 1e6 * median, "mean_ns": 1e6 * mean, "n": n}


def check_printed(output: str, found: Mapping[str, float]) -> None:
    """Check that the unrounded figures are those that LiteRT's tool printed.

    Raises:
        ToolError: They differ by more than the rounding.
    """
    printed = read_litert_benchmark(output)
    if abs(printed["median_ns"] - found["median_ns"]) > 5_001 or printed["n"] != found["n"]:
        raise ToolError(f"litert-benchmark printed {printed}, and its durations say {dict(found)}.")


def last_json(output: str) -> dict[str, float]:
    """Return the JSON of the last line. Raises ToolError when it is none."""
    lines = output.strip().splitlines()
    try:
        found: dict[str, float] = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise ToolError(f"The loop printed no JSON: {output[-300:]!r}.") from error
    return found


def _benchmark_app_ns(output: str, word: str) -> float:
    found = re.search(rf"{word}:\s+([\d.]+) (us|ms)", output)
    if found is None:
        raise ToolError(f"benchmark_app printed no {word}: {output[-300:]!r}.")
    return float(found[1]) * _UNITS_NS[found[2]]


def _found(output: str, pattern: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        raise ToolError(f"No {pattern!r} in the output: {output[-300:]!r}.")
    return found[1]


def _output(command: list[str]) -> str:
    finished: Any = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_PATIENCE_S)
    if finished.returncode:
        told = (finished.stderr + finished.stdout).strip().splitlines()
        last = next((line for line in reversed(told) if "rror" in line or "xception" in line), "nothing said")
        raise ToolError(f"{Path(command[0]).name} {Path(command[1]).name} ended with {finished.returncode}: {last}")
    return str(finished.stdout)
