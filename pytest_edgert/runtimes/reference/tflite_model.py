"""A ``.tflite`` file as the oracle reads it: tensors with their weights and grids, operators with their options.

Field numbers: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs. The file is checked
by the same reader that guards LiteRT; no package is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pytest_edgert.errors import ArtefactError, UnsupportedModelError
from pytest_edgert.runtimes.litert_file import Port, read_file
from pytest_edgert.runtimes.litert_flatbuffer import Table, root
from pytest_edgert.tensors import Array, Quantization, Signature, TensorSpec

#: TensorType by number, those that NumPy has.
TYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
}
TYPES |= {12: "uint64", 15: "uint32", 16: "uint16"}
_CUSTOM = 32


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor.

    Args:
        name, dtype: As in the file; a name that is empty or there twice has the tensor's number behind it.
        shape: Lengths, None where free.
        default_shape: What the file gives to free lengths, None where none is free.
        content: Of a constant.
        scale, zero_point, axis: The grid, float64 and whole; no scale, no grid.
        is_variable: Whether operators keep state in it; here every inference begins with zeros.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    default_shape: tuple[int, ...] | None
    content: Array | None
    scale: Array | None
    zero_point: Array
    axis: int
    is_variable: bool = False

    @property
    def is_quantized(self) -> bool:
        """Whether its integers stand for real numbers."""
        return self.scale is not None and "int" in self.dtype


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator: its number in BuiltinOperator, the indices of its tensors (-1: left out), and its options."""

    code: int
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None

    def number(self, field: int, code: str = "i", default: int = 0) -> int:
        """Return a whole number of the options."""
        return default if self.options is None else self.options.number(field, code, default)


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """The first subgraph of a file."""

    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def read_model(artefact: Path) -> TfliteModel:
    """Return what a file holds.

    Raises:
        ArtefactError: It is truncated or foreign.
        UnsupportedModelError: A resource is assigned to, or a tensor is of a type that NumPy lacks.
    """
    found = read_file(artefact)
    if found.assigns_variables:
        raise UnsupportedModelError(
            f"{artefact.name} reads and assigns variables (VAR_HANDLE), which the reference does not do.",
            "Compare runtimes with each other, without the reference.",
        )
    try:
        return _read(artefact, found.inputs, found.outputs)
    except (ValueError, IndexError) as error:
        raise ArtefactError(
            f"{artefact} is no .tflite model, or a damaged one: {error}.", "Convert or download it again."
        ) from error


def _read(artefact: Path, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> TfliteModel:
    content = artefact.read_bytes()
    model = root(content, b"TFL3")
    buffers = [_buffer(table, content) for table in model.tables(4)]
    codes = [(max(code.number(0, "b"), code.number(3, "i")), code.text(1)) for code in model.tables(1)]
    graph = next(model.tables(2))
    operations = []
    for table in graph.tables(3):
        code, custom = codes[table.number(0, "I")]
        operations.append(Operation(code, custom, table.integers(1), table.integers(2), table.table(4)))
    tensors = [_tensor(table, buffers, content, artefact) for table in graph.tables(0)]
    return TfliteModel(_named_apart(tensors), tuple(operations), inputs, outputs)


def _named_apart(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return tensors with a number behind each name that is empty or there twice: files may leave names out."""
    count = Counter(tensor.name for tensor in tensors)
    return tuple(
        tensor
        if tensor.name and count[tensor.name] == 1
        else replace(tensor, name=f"{tensor.name or 'tensor'}#{index}")
        for index, tensor in enumerate(tensors)
    )


def _buffer(table: Table, content: bytes) -> bytes:
    start, count = table.span(0, 1)
    if not count and table.number(2, "Q"):
        start, count = table.number(1, "Q"), table.number(2, "Q")
    return content[start : start + count]


def _tensor(table: Table, buffers: Sequence[bytes], content: bytes, artefact: Path) -> Tensor:
    name, number = table.text(3), table.number(1, "b")
    if number not in TYPES:
        raise UnsupportedModelError(f"Tensor {name!r} of {artefact.name} has type {number}, which the reference lacks.")
    dtype, shape, free = TYPES[number], table.integers(0), table.integers(7)
    data = buffers[table.number(2, "I")]
    scale, zero_point, axis = _grid(table.table(4), content)
    constant = np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).reshape(shape) if data else None
    lengths = tuple(None if length < 0 else length for length in (free or shape))
    default = shape if None in lengths else None
    return Tensor(name, dtype, lengths, default, constant, scale, zero_point, axis, bool(table.number(5, "?")))


def _grid(table: Table | None, content: bytes) -> tuple[Array | None, Array, int]:
    none = np.zeros(1, np.int64)
    if table is None:
        return None, none, 0
    start, count = table.span(2, 4)
    if not count:
        return None, none, 0
    scale = np.frombuffer(content, "<f4", count, start).astype(np.float64)
    start, n = table.span(3, 8)
    zero_point = np.frombuffer(content, "<i8", n, start) if n else np.zeros(count, np.int64)
    return scale, zero_point, table.number(6, "i")


def read_signature(model: TfliteModel) -> Signature:
    """Return inputs and outputs by the names that LiteRT gives them."""
    return Signature(
        tuple(_spec(port, model) for port in model.inputs),
        tuple(_spec(port, model) for port in model.outputs),
        any(tensor.is_quantized for tensor in model.tensors),
    )


def _spec(port: Port, model: TfliteModel) -> TensorSpec:
    tensor = model.tensors[port.index]
    quantization = None
    if tensor.is_quantized and tensor.scale is not None:
        axis = tensor.axis if tensor.scale.size > 1 else None
        quantization = Quantization(tuple(tensor.scale.tolist()), tuple(map(int, tensor.zero_point)), axis)
    return TensorSpec(port.name, tensor.dtype, tensor.shape, quantization, tensor.default_shape)
