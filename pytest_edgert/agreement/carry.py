"""The same input for two artefacts: a tensor carried from one artefact's layout and data type to another's.

Quantising and dequantising follow the declared scale and zero point: ``q = clip(round(x / scale) + zero_point)``,
halves to even, as ONNX QuantizeLinear has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pytest_edgert.agreement.layout import Fit, find_layout
from pytest_edgert.agreement.match import Matching, Pair
from pytest_edgert.agreement.steps import dequantize
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Array, Feeds, Quantization, Signature, TensorSpec


def carry_feeds(feeds: Feeds, matching: Matching, left: Signature, right: Signature) -> dict[str, Array]:
    """Return feeds of the left artefact as feeds of the right one.

    Args:
        feeds: Arrays by left input name.
        matching: Which input is which.
        left: The signature that `feeds` fit.
        right: The signature that the result fits.

    Raises:
        UsageError: A data type cannot become the other.
    """
    left_specs = {spec.name: spec for spec in left.inputs}
    right_specs = {spec.name: spec for spec in right.inputs}
    return {
        pair.right: _carry(feeds[pair.left], pair, left_specs[pair.left], right_specs[pair.right])
        for pair in matching.pairs
    }


def _carry(array: Array, pair: Pair, source: TensorSpec, wanted: TensorSpec) -> Array:
    if pair.permutation is not None:
        array = array.transpose(np.argsort(pair.permutation))
    elif pair.squeezed:
        array = array.reshape([length if isinstance(length, int) else 1 for length in wanted.shape])
    return np.asarray(as_type(array, source, wanted), order="C")


def as_type(array: Array, source: TensorSpec, wanted: TensorSpec) -> Array:
    """Return an array of `source` as the data type and quantisation of `wanted`, in its own layout.

    Raises:
        UsageError: One side is text or a plain integer and the other is not.
    """
    if source.dtype == wanted.dtype and source.quantization == wanted.quantization:
        return array
    if source.quantization is None and "float" not in source.dtype:
        if wanted.quantization is None and "float" not in wanted.dtype and wanted.dtype != "string":
            return array.astype(wanted.dtype)
        raise UsageError(
            f"Input {source.name!r} is {source.dtype}, its counterpart {wanted.name!r} is {wanted.dtype}.",
            "Give both artefacts inputs of one kind, or name the right counterpart in the gate file.",
        )
    real = array if source.quantization is None else dequantize(array, source.quantization)[0]
    if wanted.quantization is not None:
        return quantize(real, wanted.quantization, wanted.dtype)
    if "float" in wanted.dtype:
        return real.astype(wanted.dtype)
    raise UsageError(
        f"Input {wanted.name!r} is {wanted.dtype} without a scale, its counterpart {source.name!r} is real.",
        "The artefact does not tell how its integers stand for numbers: give samples for it.",
    )


def quantize(real: Array, quantization: Quantization, dtype: str) -> Array:
    """Return real numbers as integers of a type: rounded half to even, clipped to its range.

    Args:
        real: Any shape, float.
        quantization: Scale and zero point; per channel along its axis.
        dtype: NumPy name of the integer type.
    """
    shape = [1] * real.ndim
    if quantization.axis is not None and len(quantization.scale) > 1:
        shape[quantization.axis] = len(quantization.scale)
    scale = np.asarray(quantization.scale, np.float64).reshape(shape if len(quantization.scale) > 1 else ())
    zero = np.asarray(quantization.zero_point, np.float64).reshape(shape if len(quantization.scale) > 1 else ())
    bounds = np.iinfo(dtype)
    return np.clip(np.rint(real.astype(np.float64) / scale) + zero, bounds.min, bounds.max).astype(dtype)


def fit_samples(samples: Mapping[str, Array], signature: Signature, most: int) -> list[dict[str, Array]]:
    """Return recorded samples as feeds of an artefact, one feed per sample.

    An input takes the array of its own name, else the only array whose samples have its shape, a layout
    permutation allowed. Arrays that fit no input, such as labels, are left alone.

    Args:
        samples: Arrays whose first axis counts samples: (n, …) for an input of shape (1, …) or (…).
        signature: What the feeds must fit.
        most: Samples to take at most, the first ones.

    Raises:
        UsageError: An input finds no array, or several that could be it.
    """
    columns = [_column(spec, samples, most) for spec in signature.inputs]
    lengths = {len(column) for column in columns}
    if len(lengths) != 1:
        raise UsageError(f"The arrays of the samples have different numbers of samples: {sorted(lengths)}.")
    names = [spec.name for spec in signature.inputs]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _column(spec: TensorSpec, samples: Mapping[str, Array], most: int) -> list[Array]:
    found = {name: _fit_one(spec, array, most) for name, array in samples.items()}
    fitting = {name: column for name, column in found.items() if column is not None}
    if spec.name in fitting:
        return fitting[spec.name]
    if len(fitting) != 1:
        told = ", ".join(f"{name} {array.dtype.name}{list(array.shape)}" for name, array in samples.items())
        which = f"several could be it: {sorted(fitting)}" if fitting else "none fits it"
        raise UsageError(
            f"Samples for input {spec.name!r} {spec.dtype}{list(spec.shape)}: {which}. There are {told}.",
            f"Name the right array {spec.name!r}.",
        )
    return next(iter(fitting.values()))


def _fit_one(spec: TensorSpec, array: Array, most: int) -> list[Array] | None:
    """Return the samples of an array in the input's layout and type, None when they cannot be the input's."""
    if array.ndim == 0 or (array.dtype.kind != "f" and array.dtype.name != spec.dtype):
        return None
    shape = tuple(length if isinstance(length, int) else 1 for length in spec.shape)
    own: tuple[int, ...] = (1, *array.shape[1:])
    layout = find_layout(shape, own)
    if not layout.usable:
        return None
    source = replace(spec, dtype=array.dtype.name, shape=own, quantization=None)
    if array.dtype.name == spec.dtype:
        source = replace(source, quantization=spec.quantization)
    column = []
    for sample in array[:most]:
        one = sample[None]
        one = one.transpose(layout.permutation) if layout.fit is Fit.PERMUTED else one.reshape(shape)
        column.append(np.asarray(as_type(one, source, spec), order="C"))
    return column
