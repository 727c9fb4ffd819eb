"""What a tensor is to this project: its specification, its quantisation, and feeds checked against them.

The only word that needs NumPy at run time; starting the plugin does not import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_edgert.errors import FeedsError

Array: TypeAlias = npt.NDArray[Any]
#: Input tensors by name; outputs likewise.
Feeds: TypeAlias = Mapping[str, Array]
#: One dimension: a length, a name of a free dimension ("batch"), or None when free and nameless.
Dimension: TypeAlias = int | str | None


@dataclass(frozen=True, slots=True)
class Quantization:
    """Affine quantisation ``real = scale * (q - zero_point)``.

    Args:
        scale: One scale per tensor, or one per slice along `axis`; > 0.
        zero_point: As many zero points.
        axis: The quantised axis of per-channel parameters, None per tensor.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output.

    Args:
        name: Its name in the artefact.
        dtype: NumPy dtype name: "float32", "int8", "bfloat16", ….
        shape: Lengths, free dimensions by name or None.
        quantization: Affine parameters; None where there are none or the runtime does not tell.
        default_shape: The lengths that the file itself gives to free dimensions, which an application gets unless it
            asks for others; None where it gives none.
    """

    name: str
    dtype: str
    shape: tuple[Dimension, ...]
    quantization: Quantization | None = None
    default_shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of an artefact, in the artefact's own order.

    Args:
        inputs, outputs: Every tensor.
        quantized: Whether the artefact computes on quantised tensors inside; None where the runtime does not tell.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    quantized: bool | None = None


def fit_feeds(signature: Signature, feeds: Feeds) -> dict[str, Array]:
    """Return feeds as a runtime wants them: every input there, C-contiguous, native byte order.

    Arrays that already are so are passed on without a copy; none is changed.

    Args:
        signature: What the session takes.
        feeds: Arrays by input name; read-only, strided and byte-swapped ones are fine.

    Raises:
        FeedsError: A name is missing or unknown, or a shape or dtype differs.
    """
    specs = {spec.name: spec for spec in signature.inputs}
    _check_names(specs, feeds)
    return {name: fit_array(spec, feeds[name]) for name, spec in specs.items()}


def fit_array(spec: TensorSpec, array: Array) -> Array:
    """Return one feed C-contiguous in native byte order, or raise FeedsError when it does not fit `spec`."""
    if not isinstance(array, np.ndarray):
        raise FeedsError(
            f"Input {spec.name!r} must be a numpy.ndarray, got {type(array).__name__}.",
            "Pass numpy.asarray(value, dtype).",
        )
    native = array.dtype.newbyteorder("=")
    if native.name != spec.dtype and not (spec.dtype == "string" and native.kind in "OUST"):
        raise FeedsError(
            f"Input {spec.name!r} takes {spec.dtype}, got {array.dtype}.", f"Convert it with .astype({spec.dtype!r})."
        )
    if not _fits(spec.shape, array.shape):
        raise FeedsError(f"Input {spec.name!r} takes shape {_shape_text(spec.shape)}, got {_shape_text(array.shape)}.")
    return np.asarray(array, dtype=native, order="C")


def _check_names(specs: Mapping[str, TensorSpec], feeds: Feeds) -> None:
    missing = [name for name in specs if name not in feeds]
    unknown = [name for name in feeds if name not in specs]
    if missing or unknown:
        parts = [f"missing {missing}"] * bool(missing) + [f"unknown {unknown}"] * bool(unknown)
        raise FeedsError(f"Feeds do not match the inputs: {', '.join(parts)}.", f"The inputs are {list(specs)}.")


def _fits(wanted: tuple[Dimension, ...], found: tuple[int, ...]) -> bool:
    return len(wanted) == len(found) and all(
        not isinstance(w, int) or w == f for w, f in zip(wanted, found, strict=True)
    )


def _shape_text(shape: tuple[Dimension, ...]) -> str:
    return "(" + ", ".join("?" if length is None else str(length) for length in shape) + ")"
