"""The samples of one latency measurement: in memory, on the worker's pipe, and in a file of the run folder."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pytest_edgert.errors import ArtefactError, ProtocolError, UsageError
from pytest_edgert.records import Plain
from pytest_edgert.series import Series
from pytest_edgert.tensors import Array, Feeds

#: The one metadata key of a samples file; its value is the header as JSON.
_METADATA_KEY = "edgert.latency_samples"
_TENSORS = ("durations_ns", "starts_ns")
#: Begins the names of an earlier attempt's samples beside feeds.
_PRIOR = "edgert.prior:"
_OPEN_TENSORS = ("service_ns", "intended_ns")

#: The stop reason of a worker whose own look at the samples gave a verdict.
SUFFICED = "the evidence sufficed"
#: The stop reason of an open loop whose requests arrive faster than they are served.
OVERRUN = "the queue grew without end"


@dataclass(frozen=True, slots=True)
class LatencySamples:
    """What a measurement saw.

    Args:
        durations_ns: Durations in the order they were measured, (n,), int64; of an open loop response times, which
            count from the intended starts.
        starts_ns: Their real starts on the worker's monotonic clock, (n,), int64.
        first_ns: Duration of the session's first inference.
        warm_up_n: Inferences thrown away before counting, the first one included.
        warm_up_ns: Time thrown away before counting.
        stop_reason: Why sampling ended, as the phrase after "stopped: ".
        service_ns: Durations from real start to end, (n,), int64; None in a closed loop, where they are the durations.
        intended_ns: Intended starts, (n,), int64; None in a closed loop.
        queue: Most requests that waited at once; 0 in a closed loop.
        series: What the sensors said beside the loop, on the same clock.
        troubles: What was wrong with a meter or sensor, a sentence by its name.
    """

    durations_ns: Array
    starts_ns: Array
    first_ns: int
    warm_up_n: int
    warm_up_ns: int
    stop_reason: str
    service_ns: Array | None = None
    intended_ns: Array | None = None
    queue: int = 0
    series: Series = field(default_factory=Series)
    troubles: Mapping[str, str] = field(default_factory=dict)

    @property
    def window_ns(self) -> tuple[int, int]:
        """The first start and the last end, on the worker's clock; (0, 0) without samples."""
        if not len(self.starts_ns):
            return 0, 0
        served_ns = self.durations_ns if self.service_ns is None else self.service_ns
        return int(self.starts_ns[0]), int(self.starts_ns[-1]) + int(served_ns[-1])

    def meta(self) -> dict[str, Any]:
        """Return all that is not an array, for the worker's pipe and the file."""
        beside = {"queue": self.queue, "sensors": list(self.series.names), "troubles": dict(self.troubles)}
        return {**self.header(), **beside}

    def header(self) -> dict[str, Plain]:
        """Return what `verdicts.latency.judge_latency` takes beside the arrays."""
        return {
            "first_ns": self.first_ns,
            "warm_up_n": self.warm_up_n,
            "warm_up_ns": self.warm_up_ns,
            "stop_reason": self.stop_reason,
        }

    def tensors(self) -> dict[str, Array]:
        """Return the arrays for the worker's pipe, C-contiguous: int64, the readings float64."""
        given = [name for name in (*_TENSORS, *_OPEN_TENSORS) if getattr(self, name) is not None]
        samples = {name: np.ascontiguousarray(getattr(self, name), dtype=np.int64) for name in given}
        return {**samples, **(self.series.tensors() if self.series.names else {})}

    @classmethod
    def from_wire(cls, header: Mapping[str, Any], tensors: Mapping[str, Array]) -> LatencySamples:
        """Return the samples that `meta` and `tensors` flattened.

        Raises:
            ProtocolError: A part is missing or of another kind.
        """
        durations_ns, starts_ns = (_series(tensors, name) for name in _TENSORS)
        service_ns, intended_ns = (_series(tensors, n) if n in tensors else None for n in _OPEN_TENSORS)
        for name, array in (("starts", starts_ns), ("service times", service_ns), ("intended starts", intended_ns)):
            if array is not None and len(array) != len(durations_ns):
                raise ProtocolError(f"Latency samples have {len(durations_ns)} durations and {len(array)} {name}.")
        return cls(
            durations_ns,
            starts_ns,
            _count(header, "first_ns"),
            _count(header, "warm_up_n"),
            _count(header, "warm_up_ns"),
            str(header.get("stop_reason", "")),
            service_ns,
            intended_ns,
            _count({"queue": 0, **header}, "queue"),
            Series.from_parts([str(name) for name in header.get("sensors", ())], tensors),
            {str(name): str(told) for name, told in header.get("troubles", {}).items()},
        )


def with_prior(feeds: Feeds, prior: LatencySamples | None) -> dict[str, Array]:
    """Return feeds and, under names that no input has, the samples of an attempt before."""
    return {**feeds, **{_PRIOR + name: array for name, array in (prior.tensors() if prior else {}).items()}}


def without_prior(
    tensors: Mapping[str, Array], meta: Mapping[str, Any] | None
) -> tuple[dict[str, Array], LatencySamples | None]:
    """Return the feeds and the samples that `with_prior` put together, `meta` as `LatencySamples.meta` gave it."""
    feeds = {name: array for name, array in tensors.items() if not name.startswith(_PRIOR)}
    if meta is None:
        return feeds, None
    parts = {name.removeprefix(_PRIOR): array for name, array in tensors.items() if name.startswith(_PRIOR)}
    return feeds, LatencySamples.from_wire(meta, parts)


def write_samples(path: Path, samples: LatencySamples) -> str:
    """Write samples as safetensors and return the SHA-256 of the file in hex."""
    from safetensors.numpy import save

    content = save(samples.tensors(), metadata={_METADATA_KEY: json.dumps(samples.meta(), sort_keys=True)})
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_samples(path: Path) -> LatencySamples:
    """Return the samples of a file that `write_samples` wrote.

    Raises:
        ArtefactError: The file is missing, unreadable or no samples file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[_METADATA_KEY])
            names = file.keys()  # The file itself cannot be iterated over.
            return LatencySamples.from_wire(header, {name: file.get_tensor(name) for name in names})
    except (OSError, SafetensorError, KeyError, ValueError, ProtocolError) as error:
        raise ArtefactError(f"{path} is not a file of latency samples: {error}.", "Measure again.") from error


def _series(tensors: Mapping[str, Array], name: str) -> Array:
    array = tensors.get(name)
    if array is None or array.ndim != 1 or array.dtype != np.int64:
        found = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
        raise ProtocolError(f"Latency samples need {name} as (n,) int64, found {found}.")
    return array


def _count(header: Mapping[str, Any], name: str) -> int:
    value = header.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProtocolError(f"Latency samples need {name} as a whole number, found {value!r}.")
    return value


def read_recorded(path: Path) -> dict[str, Array]:
    """Return the arrays of a file of recorded samples, by name; nothing in it is unpickled.

    Args:
        path: A .npz file; the first axis of every array counts samples.

    Raises:
        UsageError: The file is missing, damaged, or holds Python objects.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise UsageError(
            f"The samples in {path} cannot be read: {error}.", "Write them with numpy.savez(path, INPUT=array)."
        ) from error
