"""The samples of one latency measurement: in memory, on the worker's pipe, and in a file of the run folder."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_edgert.errors import ArtefactError, ProtocolError, UsageError
from pytest_edgert.records import Plain
from pytest_edgert.tensors import Array

#: The one metadata key of a samples file; its value is the header as JSON.
_METADATA_KEY = "edgert.latency_samples"
_TENSORS = ("durations_ns", "starts_ns")

#: The stop reason of a worker whose own look at the samples gave a verdict.
SUFFICED = "the evidence sufficed"


@dataclass(frozen=True, slots=True)
class LatencySamples:
    """What a measurement saw.

    Args:
        durations_ns: Counted durations in the order they were measured, (n,), int64.
        starts_ns: Their starts on the worker's monotonic clock, (n,), int64.
        first_ns: Duration of the session's first inference.
        warm_up_n: Inferences thrown away before counting, the first one included.
        warm_up_ns: Time thrown away before counting.
        stop_reason: Why sampling ended, as the phrase after "stopped: ".
    """

    durations_ns: Array
    starts_ns: Array
    first_ns: int
    warm_up_n: int
    warm_up_ns: int
    stop_reason: str

    def header(self) -> dict[str, Plain]:
        """Return the plain part for the worker's pipe."""
        return {
            "first_ns": self.first_ns,
            "warm_up_n": self.warm_up_n,
            "warm_up_ns": self.warm_up_ns,
            "stop_reason": self.stop_reason,
        }

    def tensors(self) -> dict[str, Array]:
        """Return the arrays for the worker's pipe, C-contiguous int64."""
        return {name: np.ascontiguousarray(getattr(self, name), dtype=np.int64) for name in _TENSORS}

    @classmethod
    def from_wire(cls, header: Mapping[str, Plain], tensors: Mapping[str, Array]) -> LatencySamples:
        """Return the samples that `header` and `tensors` flattened.

        Raises:
            ProtocolError: A part is missing or of another kind.
        """
        durations_ns, starts_ns = (_series(tensors, name) for name in _TENSORS)
        if len(durations_ns) != len(starts_ns):
            raise ProtocolError(f"Latency samples have {len(durations_ns)} durations and {len(starts_ns)} starts.")
        return cls(
            durations_ns,
            starts_ns,
            _count(header, "first_ns"),
            _count(header, "warm_up_n"),
            _count(header, "warm_up_ns"),
            str(header.get("stop_reason", "")),
        )


def write_samples(path: Path, samples: LatencySamples) -> str:
    """Write samples as safetensors and return the SHA-256 of the file in hex."""
    from safetensors.numpy import save

    content = save(samples.tensors(), metadata={_METADATA_KEY: json.dumps(samples.header(), sort_keys=True)})
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
            return LatencySamples.from_wire(header, {name: file.get_tensor(name) for name in _TENSORS})
    except (OSError, SafetensorError, KeyError, ValueError, ProtocolError) as error:
        raise ArtefactError(f"{path} is not a file of latency samples: {error}.", "Measure again.") from error


def _series(tensors: Mapping[str, Array], name: str) -> Array:
    array = tensors.get(name)
    if array is None or array.ndim != 1 or array.dtype != np.int64:
        found = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
        raise ProtocolError(f"Latency samples need {name} as (n,) int64, found {found}.")
    return array


def _count(header: Mapping[str, Plain], name: str) -> int:
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
