"""What a worker can be asked to do: a table from the operation's name to its function.

Each function takes the worker's sessions, the request's metadata and its tensors, and returns the plain
metadata and the tensors of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from pytest_edgert.codec import decode, encode
from pytest_edgert.job.process_memory import peak_rss_bytes, reset_peak_rss
from pytest_edgert.job.sessions import SessionTable, probe, read_quantization
from pytest_edgert.job.watch import read_sensors
from pytest_edgert.records import BlockPlan, LatencyPlan
from pytest_edgert.tensors import Array

Meta: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = "tuple[dict[str, Any], Mapping[str, Array]]"
#: What a sign of progress carries unless it hands a part of the result on.
NO_TENSORS: Mapping[str, Array] = {}


class Report(Protocol):
    """Sends a sign of progress; with arrays it is a part of the result that outlives this process."""

    def __call__(self, progress: Mapping[str, Any], tensors: Mapping[str, Array] = ..., /) -> None:
        """Send plain values, and arrays where there are any."""


Operation: TypeAlias = Callable[[SessionTable, Meta, "dict[str, Array]", Report], Answer]

#: The two sides of a comparison: their keys in the request, and what the names of their feeds begin with.
PAIR = ("artefact", "baseline")
#: The operation after whose answer the worker ends.
SHUTDOWN = "shutdown"


def _probe(_sessions: SessionTable, meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    return encode(probe(meta["adapter"])), {}


def _open(sessions: SessionTable, meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    opened = sessions.open(meta["adapter"], Path(meta["artefact"]), meta["accelerator"], meta["options"])
    return encode(opened), {}


def _infer(sessions: SessionTable, meta: Meta, tensors: Mapping[str, Array], _report: Report) -> Answer:
    outputs, duration_ns = sessions.infer(meta["session_id"], tensors)
    return {"duration_ns": duration_ns}, outputs


def _measure_latency(sessions: SessionTable, meta: Meta, tensors: Mapping[str, Array], report: Report) -> Answer:
    from pytest_edgert.measure.samples import without_prior

    plan = decode(LatencyPlan, meta["plan"])
    feeds, prior = without_prior(tensors, meta.get("prior"))
    samples = sessions.measure_latency(meta["session_id"], feeds, plan, report, prior=prior, keep=report)
    return samples.meta(), samples.tensors()


def _measure_throughput(sessions: SessionTable, meta: Meta, tensors: Mapping[str, Array], report: Report) -> Answer:
    found = sessions.measure_throughput(meta["session_id"], tensors, decode(BlockPlan, meta["plan"]), report)
    return found.header(), found.tensors()


def _measure_pairs(sessions: SessionTable, meta: Meta, tensors: Mapping[str, Array], report: Report) -> Answer:
    from pytest_edgert.verdicts.margin import Margin

    sides = [
        (
            meta[side],
            {key.removeprefix(f"{side}/"): feed for key, feed in tensors.items() if key.startswith(f"{side}/")},
        )
        for side in PAIR
    ]
    plan = decode(LatencyPlan, meta["plan"])
    pairs = sessions.measure_pairs((sides[0], sides[1]), Margin(meta["margin"]), plan, report)
    return dict(pairs.meta()), {"medians_ns": pairs.medians_ns}


def _measure_soak(sessions: SessionTable, meta: Meta, tensors: Mapping[str, Array], report: Report) -> Answer:
    plan = decode(LatencyPlan, meta["plan"])
    soak = sessions.measure_soak(meta["session_id"], tensors, plan, report, keep=report)
    return soak.meta(), soak.samples.tensors()


def _measure_energy(sessions: SessionTable, meta: Meta, tensors: Mapping[str, Array], report: Report) -> Answer:
    found = sessions.measure_energy(meta["session_id"], tensors, decode(BlockPlan, meta["plan"]), report)
    return found.header(), found.tensors()


def _read_quantization(_sessions: SessionTable, meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    return {"reading": encode(read_quantization(meta["adapter"], Path(meta["artefact"])))}, {}


def _watch_quantization(sessions: SessionTable, meta: Meta, tensors: Mapping[str, Array], report: Report) -> Answer:
    feeds: list[dict[str, Array]] = [{} for _ in range(meta["n"])]
    for key, array in tensors.items():
        turn, _, name = key.partition("/")
        feeds[int(turn)][name] = array
    found = sessions.watch_quantization(meta["session_id"], feeds, report)
    return {"health": encode(found)}, {}


def _close_session(sessions: SessionTable, meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    sessions.close(meta["session_id"])
    return {}, {}


def _device_memory(sessions: SessionTable, meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    return {"device_memory_bytes": sessions.device_memory_bytes(meta["session_id"])}, {}


def _peak_rss(_sessions: SessionTable, _meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    return {"peak_rss_bytes": peak_rss_bytes()}, {}


def _reset_peak_rss(_sessions: SessionTable, _meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    return {"reset": reset_peak_rss()}, {}


def _read_sensors(_sessions: SessionTable, meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    return {"meters": [encode(state) for state in read_sensors(meta["meters"])]}, {}


def _shutdown(sessions: SessionTable, _meta: Meta, _tensors: Mapping[str, Array], _report: Report) -> Answer:
    sessions.close_all()
    return {}, {}


OPERATIONS: Mapping[str, Operation] = {
    "probe": _probe,
    "open": _open,
    "infer": _infer,
    "measure_latency": _measure_latency,
    "measure_throughput": _measure_throughput,
    "measure_pairs": _measure_pairs,
    "measure_soak": _measure_soak,
    "measure_energy": _measure_energy,
    "read_quantization": _read_quantization,
    "watch_quantization": _watch_quantization,
    "close_session": _close_session,
    "device_memory": _device_memory,
    "peak_rss": _peak_rss,
    "reset_peak_rss": _reset_peak_rss,
    "read_sensors": _read_sensors,
    SHUTDOWN: _shutdown,
}
