"""Tensors described for a manifest, and arrays checked against such a description."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from pytest_edgert.errors import ArtefactError, UsageError
from pytest_edgert.golden.dtypes import to_stored
from pytest_edgert.golden.manifest import GoldenInputs, TensorRecord, TensorStats
from pytest_edgert.tensors import Array, Feeds, Quantization, TensorSpec


def describe_tensors(arrays: Feeds, specs: Sequence[TensorSpec] = ()) -> tuple[TensorRecord, ...]:
    """Return one record per array, in the arrays' order.

    Args:
        arrays: Inputs or outputs by name.
        specs: Where their quantisation is told; names without a spec have none.

    Raises:
        UsageError: An array cannot be held by a golden, or its type is not what its spec declares.
    """
    quantizations = {spec.name: spec.quantization for spec in specs}
    records = tuple(describe_tensor(name, array, quantizations.get(name)) for name, array in arrays.items())
    declared = {spec.name: spec.dtype for spec in specs}
    for record in records:
        if declared.get(record.name, record.dtype) != record.dtype:
            raise UsageError(f"Tensor {record.name!r} is declared {declared[record.name]} and came as {record.dtype}.")
    return records


def describe_tensor(name: str, array: Array, quantization: Quantization | None = None) -> TensorRecord:
    """Return the record of one array; raises UsageError for one that a golden cannot hold."""
    stored = to_stored(name, array)
    return TensorRecord(
        name, array.dtype.name, tuple(array.shape), stored_sha256(stored), measure_stats(array), quantization
    )


def stored_sha256(stored: Array) -> str:
    """Return the SHA-256 of a stored array's bytes in hex; `stored` is C-contiguous and little-endian."""
    return hashlib.sha256(stored.reshape(-1).view(np.uint8).data if stored.size else b"").hexdigest()


def measure_stats(array: Array) -> TensorStats:
    """Return the summary of an array of any dtype and shape; empty ones and infinities give no warning."""
    # A signalling NaN warns when it is cast, the magnitude of a huge complex number when it overflows.
    with np.errstate(invalid="ignore", over="ignore"):
        values = (np.abs(array) if array.dtype.kind == "c" else array).astype(np.float64).reshape(-1)
    nan_count, inf_count = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    finite = values[np.isfinite(values)] if nan_count or inf_count else values
    if finite.size == 0:
        return TensorStats(np.nan, np.nan, np.nan, np.nan, nan_count, inf_count)
    low, high = float(finite.min()), float(finite.max())
    scale = max(abs(low), abs(high)) or 1.0  # so that neither sum nor squares overflow
    with np.errstate(under="ignore"):
        scaled = finite / scale
        mean, rms = float(scaled.mean()) * scale, float(np.sqrt(np.square(scaled).mean())) * scale
    return TensorStats(low, high, mean, rms, nan_count, inf_count)


def check_inputs(inputs: GoldenInputs, feeds: Feeds) -> None:
    """Check that feeds are, byte for byte, those that the golden was recorded with.

    Args:
        inputs: What the manifest says of them.
        feeds: Feeds made again, from the seed for instance.

    Raises:
        ArtefactError: An input is missing, added, or of another type, shape or content.
    """
    wanted = {record.name: record for record in inputs.tensors}
    if set(wanted) != set(feeds):
        raise _other_inputs(inputs, f"its inputs were {sorted(wanted)}, these are {sorted(feeds)}")
    for name, record in wanted.items():
        array = feeds[name]
        if (array.dtype.name, tuple(array.shape)) != (record.dtype, record.shape):
            raise _other_inputs(
                inputs,
                f"input {name!r} was {record.dtype}{list(record.shape)}, now {array.dtype.name}{list(array.shape)}",
            )
        if stored_sha256(to_stored(name, array)) != record.sha256:
            raise _other_inputs(inputs, f"input {name!r} now has other values")


def _other_inputs(inputs: GoldenInputs, what: str) -> ArtefactError:
    made = [f"made by {inputs.generator}"] * bool(inputs.generator)
    made += [f"with seed {inputs.seed}"] * (inputs.seed is not None)
    if inputs.numpy_version not in ("", np.__version__):
        made.append(f"under NumPy {inputs.numpy_version}, this is {np.__version__}")
    told = f" (recorded inputs {' '.join(made)})" if made else ""
    return ArtefactError(
        f"The golden was recorded with other inputs: {what}{told}.",
        "Use the recorded seed and shapes, or record again: pytest --edge-update-golden=all.",
    )
