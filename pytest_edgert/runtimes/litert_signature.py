"""The signature of an open LiteRT interpreter: shapes with their free dimensions, and quantisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_edgert.runtimes.litert_file import ModelFile, Port
from pytest_edgert.tensors import Quantization, Signature, TensorSpec

#: Types whose values stand for real numbers by a scale and a zero point.
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32")


def lengths_of(shape: Sequence[object]) -> list[int] | None:
    """Return a shape without free dimensions, None for any other."""
    found = [length for length in shape if isinstance(length, int)]
    return found if len(found) == len(shape) else None


def read_signature(interpreter: Any, model: ModelFile) -> Signature:
    """Return the signature with names and types of the file, shapes and quantisation of the interpreter."""
    details = {found["index"]: found for found in (*interpreter.get_input_details(), *interpreter.get_output_details())}
    return Signature(
        tuple(_read_spec(port, details[port.index]) for port in model.inputs),
        tuple(_read_spec(port, details[port.index]) for port in model.outputs),
        model.quantized,
    )


def _read_spec(port: Port, details: Mapping[str, Any]) -> TensorSpec:
    shape = tuple(None if length < 0 else int(length) for length in details["shape_signature"])
    default = tuple(int(length) for length in details["shape"])
    return TensorSpec(
        port.name,
        port.dtype,
        shape,
        _read_quantization(port, details["quantization_parameters"]),
        default if None in shape and all(length > 0 for length in default) else None,
    )


def _read_quantization(port: Port, parameters: Mapping[str, Any]) -> Quantization | None:
    scales = tuple(float(scale) for scale in parameters["scales"])
    if not scales or port.dtype not in INTEGERS:
        return None
    zero_points = tuple(int(zero_point) for zero_point in parameters["zero_points"])
    axis = int(parameters["quantized_dimension"]) if len(scales) > 1 else None
    return Quantization(scales, zero_points, axis)


def with_output_shapes(interpreter: Any, model: ModelFile, signature: Signature) -> Signature:
    """Return the signature with free output dimensions as allocated, where every input's shape is fixed.

    A tensor that has no memory yet gets its shape in each inference, and stays free; so does one that is empty now.
    """
    if any(lengths_of(spec.shape) is None for spec in signature.inputs):
        return signature
    details = {found["index"]: found for found in interpreter.get_output_details()}
    outputs = tuple(
        TensorSpec(spec.name, spec.dtype, _allocated_shape(interpreter, details[port.index], spec), spec.quantization)
        for port, spec in zip(model.outputs, signature.outputs, strict=True)
    )
    return replace(signature, outputs=outputs)


def _allocated_shape(interpreter: Any, details: Mapping[str, Any], spec: TensorSpec) -> tuple[Any, ...]:
    if lengths_of(spec.shape) is not None:
        return spec.shape
    try:
        allocated = interpreter.get_tensor(details["index"]).shape
    except ValueError:
        return spec.shape
    return spec.shape if 0 in allocated else tuple(allocated)
