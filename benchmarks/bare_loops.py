"""The loops that an application or a vendor's tool runs, each in a process of its own: children of `side_by_side`.

Run as ``python benchmarks/bare_loops.py LOOP '{"artefact": …}'``; the last line of standard output is JSON with
`median_ns`, `mean_ns` and `n`; for OpenVINO also what the runtime itself says of such runs (`inner_ns`).
"""

from __future__ import annotations

import functools
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


def timed_loop(
    run: Callable[[], object], job: Mapping[str, Any], after: Callable[[], object] | None = None
) -> list[int]:
    """Return the durations of `job["n"]` runs in ns, after `job["warm_up_n"]` that are thrown away."""
    for _ in range(job["warm_up_n"]):
        run()
    durations = []
    for _ in range(job["n"]):
        start = time.perf_counter_ns()
        run()
        durations.append(time.perf_counter_ns() - start)
        if after is not None:
            after()
    return durations


def summary(durations: Sequence[float], **more: float) -> dict[str, float]:
    """Return what the parent reads."""
    return {
        "median_ns": statistics.median(durations),
        "mean_ns": statistics.fmean(durations),
        "n": len(durations),
        **more,
    }


def feeds_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the feeds by name, from the files of the job."""
    return {name: np.load(path) for name, path in job["feeds"].items()}


def _onnx_session(job: Mapping[str, Any]) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = job["threads"]
    settings.inter_op_num_threads = 1
    for name, length in job["dimensions"].items():
        settings.add_free_dimension_override_by_name(name, length)
    return onnxruntime.InferenceSession(job["artefact"], settings, providers=["CPUExecutionProvider"])


def onnxruntime_run(job: Mapping[str, Any]) -> dict[str, float]:
    """Time ``InferenceSession.run``, which takes the feeds and makes the outputs anew each time."""
    session, feeds = _onnx_session(job), feeds_of(job)
    names = [output.name for output in session.get_outputs()]
    return summary(timed_loop(functools.partial(session.run, names, feeds), job))


def onnxruntime_bound(job: Mapping[str, Any]) -> dict[str, float]:
    """Time ``run_with_iobinding``, inputs and outputs bound once."""
    session, feeds = _onnx_session(job), feeds_of(job)
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_cpu_input(name, array)
    kept = []
    for name, array in zip([o.name for o in session.get_outputs()], session.run(None, feeds), strict=True):
        buffer = np.empty_like(array)
        kept.append(buffer)
        binding.bind_output(name, "cpu", 0, buffer.dtype.type, buffer.shape, buffer.ctypes.data)
    return summary(timed_loop(functools.partial(session.run_with_iobinding, binding), job))


def litert_interpreter(job: Mapping[str, Any]) -> dict[str, float]:
    """Time ``Interpreter.invoke`` on tensors that were set once."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(job["artefact"], num_threads=job["threads"])
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), feeds_of(job).values(), strict=True):
        interpreter.set_tensor(detail["index"], array)
    return summary(timed_loop(interpreter.invoke, job))


def litert_benchmark(job: Mapping[str, Any]) -> dict[str, float]:
    """Run LiteRT's own tool as it is, and tell its durations before it rounds them to 10 us.

    The tool prints and saves milliseconds with two digits. Its only call of ``statistics.median`` gets all durations
    in ms, so they are read there; its report goes to standard output as always.
    """
    from ai_edge_litert.tools import benchmark_litert_model as tool

    seen: list[list[float]] = []

    class Statistics:
        """The tool's `statistics`, which keeps what a median is taken of."""

        mean, stdev = staticmethod(statistics.mean), staticmethod(statistics.stdev)

        @staticmethod
        def median(durations: list[float]) -> float:
            """Return the median, the durations kept."""
            seen.append(durations)
            return statistics.median(durations)

    tool.statistics = Statistics
    flags = {"model": job["artefact"], "num_threads": job["threads"], "num_runs": job["n"]}
    sys.argv = [sys.argv[0], *(f"--{k}={v}" for k, v in flags.items()), f"--warmup_runs={job['warm_up_n']}"]
    tool.main()
    return summary([1e6 * duration for duration in seen[0]])


def openvino_request(job: Mapping[str, Any]) -> dict[str, float]:
    """Time ``InferRequest.infer`` from outside, and read what OpenVINO says of the same runs (`InferRequest.latency`)."""
    import openvino

    core = openvino.Core()
    model = core.read_model(job["artefact"])
    feeds = feeds_of(job)
    model.reshape({index: list(array.shape) for index, array in enumerate(feeds.values())})
    properties = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": job["threads"]}
    request = core.compile_model(model, "CPU", properties).create_infer_request()
    for index, array in enumerate(feeds.values()):
        request.get_input_tensor(index).data[...] = array
    durations, inner_ns = _outside_and_inside(request, request.infer, job)
    return summary(durations, inner_ns=inner_ns, **_thin_call(request, openvino, job))


def _outside_and_inside(request: Any, run: Callable[[], object], job: Mapping[str, Any]) -> tuple[list[int], float]:
    """Return durations by our clock, and the median of OpenVINO's own figure, in ns, of runs that alternate with them.

    Not of the same runs: reading the figure after each of them makes the next one slower.
    """
    durations, inner = list[int](), list[float]()
    part = {**job, "n": max(1, job["n"] // 10)}
    for _ in range(10):
        durations += timed_loop(run, part)
        timed_loop(run, part, lambda: inner.append(1e6 * request.latency))
        part["warm_up_n"] = 5
    return durations, statistics.median(inner)


def _thin_call(request: Any, openvino: Any, job: Mapping[str, Any]) -> dict[str, float]:
    """Return what the call that our adapter makes adds around OpenVINO's own figure, in ns.

    That is the method below `InferRequest.infer`, which wraps no outputs.
    """
    infer = functools.partial(super(openvino.InferRequest, request).infer, {}, True, False)  # noqa: FBT003
    durations, inner_ns = _outside_and_inside(request, infer, job)
    return {"thin_call_ns": statistics.median(durations), "thin_inner_ns": inner_ns}


LOOPS = {
    "onnxruntime-run": onnxruntime_run,
    "onnxruntime-bound": onnxruntime_bound,
    "litert-interpreter": litert_interpreter,
    "litert-benchmark": litert_benchmark,
    "openvino-request": openvino_request,
}

if __name__ == "__main__":
    print("\n" + json.dumps(LOOPS[sys.argv[1]](json.loads(sys.argv[2]))))
