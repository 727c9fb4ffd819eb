"""A ``.tflite`` graph made ready to run: integers come off their grids exactly, results go onto theirs in one rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference import (
    tflite_arrays,
    tflite_functions,
    tflite_names,
    tflite_operators,
    tflite_recurrent,
)
from pytest_edgert.runtimes.reference.nodes import Trust
from pytest_edgert.runtimes.reference.rounding import Decision, half_away, half_even, quantize
from pytest_edgert.runtimes.reference.tflite_model import Operation, Tensor, TfliteModel
from pytest_edgert.runtimes.reference.tflite_operators import TfliteOperator
from pytest_edgert.runtimes.reference.values import Term, Value, given
from pytest_edgert.runtimes.reference.watching import Rounding, show
from pytest_edgert.tensors import Array

OPERATORS: Mapping[int, TfliteOperator] = {
    **tflite_operators.OPERATORS,
    **tflite_arrays.OPERATORS,
    **tflite_functions.OPERATORS,
    44: TfliteOperator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", tflite_operators.same, exact=False, stateful=tflite_recurrent.sequence_lstm
    ),
}
ROUNDINGS: dict[str, Decision] = {"half-even": half_even, "half-away": half_away}
#: Operators that only move elements, or tell shapes.
MOVES = {"RESHAPE", "TRANSPOSE", "SPLIT", "PAD", "STRIDED_SLICE", "EXPAND_DIMS", "PACK", "MIRROR_PAD", "SHAPE"}
MOVES |= {"GATHER", "SQUEEZE", "SLICE", "TILE", "UNPACK"}
#: Operators whose third input is a bias: integers in the accumulator's scale, not in that of their own tensor.
_BIASED = {3, 4, 9}


@dataclass(frozen=True, slots=True)
class TfliteGraph:
    """A graph with known operators, and the trust in each."""

    model: TfliteModel
    rounding: Decision
    trust: tuple[tuple[str, Trust], ...]

    def run(self, inputs: dict[str, Value]) -> list[Value]:
        """Return the outputs in order; an integer output is on its grid."""
        model = self.model
        values = {port.index: inputs[port.name] for port in model.inputs}
        for index, tensor in enumerate(model.tensors):
            if tensor.content is not None and index not in values:
                values[index] = given(tensor.content)
            elif tensor.is_variable:
                values[index] = given(initial(tensor))
        for operation in model.operations:
            made = self._apply(operation, self._arguments(operation, values))
            results = made if isinstance(made, tuple) else (made,)
            for index, value in zip(operation.outputs, results, strict=True):
                values[index] = stored(model.tensors[index], value, self.rounding)
        return [values[port.index] for port in model.outputs]

    def _apply(self, operation: Operation, arguments: list[Value | None]) -> Value | tuple[Value, ...]:
        operator = OPERATORS[operation.code]
        if operator.stateful is None:
            return operator.rule(operation, arguments)

        def keep(position: int, array: Array) -> Array:
            tensor = self.model.tensors[operation.inputs[position]]
            return real(tensor, stored(tensor, Value(array, "float32"), self.rounding)).array

        return operator.stateful(operation, arguments, keep)

    def _arguments(self, operation: Operation, values: dict[int, Value]) -> list[Value | None]:
        found: list[Value | None] = []
        for position, index in enumerate(operation.inputs):
            if index == -1:
                found.append(None)
            elif operation.code in _BIASED and position == 2:
                found.append(values[index])
            else:
                found.append(real(self.model.tensors[index], values[index]))
        return found


def initial(tensor: Tensor) -> Array:
    """Return the state that an inference begins with: what stands for zero."""
    zeros = np.zeros([length or 1 for length in tensor.shape], tensor.dtype)
    return zeros + tensor.zero_point.astype(tensor.dtype)[0] if tensor.is_quantized else zeros


def real(tensor: Tensor, value: Value) -> Value:
    """Return what the integers of a tensor stand for; other tensors as they are."""
    if not tensor.is_quantized or tensor.scale is None:
        return value
    scale, zero_point = (_spread(part, tensor.axis, value.array.ndim) for part in (tensor.scale, tensor.zero_point))
    count = value.array.astype(np.float64) - zero_point
    return Value(np.asarray(count * scale), "float32", (Term(count, scale, 1),))


def stored(tensor: Tensor, value: Value, rounding: Decision) -> Value:
    """Return a result as its tensor holds it: rounded once onto its grid where it has one."""
    if not tensor.is_quantized or tensor.scale is None or not value.is_float:
        return Value(value.array, tensor.dtype, value.terms, value.divisor)
    scale, zero_point = (_spread(part, tensor.axis, value.array.ndim) for part in (tensor.scale, tensor.zero_point))
    made = quantize(value, scale, zero_point, tensor.dtype, rounding)
    show(Rounding(tensor.name, value.array, scale, zero_point, tensor.dtype, made.array))
    return made


def _spread(part: Array, axis: int, rank: int) -> Array:
    return part.reshape(()) if part.size == 1 else part.reshape([-1 if index == axis else 1 for index in range(rank)])


def build(artefact: Path, model: TfliteModel, rounding: str) -> TfliteGraph:
    """Return a graph ready to run.

    Raises:
        UnsupportedModelError: Operators are missing; all are named.
    """
    missing = sorted({_name(operation) for operation in model.operations if operation.code not in OPERATORS})
    if missing:
        raise UnsupportedModelError(
            f"{artefact.name} needs operators that the reference lacks: {', '.join(missing)}.",
            "Compare runtimes with each other, without the reference.",
        )
    trust = tuple(_trust(model.tensors, operation) for operation in model.operations)
    return TfliteGraph(model, ROUNDINGS[rounding], trust)


def _name(operation: Operation) -> str:
    return operation.custom or tflite_names.NAMES.get(operation.code, f"builtin operator {operation.code}")


def _trust(tensors: Sequence[Tensor], operation: Operation) -> tuple[str, Trust]:
    operator = OPERATORS[operation.code]
    read = [tensors[index] for index in operation.inputs[:2] if index != -1]
    moves = operator.name in {*MOVES, "QUANTIZE", "DEQUANTIZE"}
    whole = all("int" in tensor.dtype for tensor in read)
    return operator.name, Trust.EXACT if moves or (operator.exact and whole) else Trust.FLOAT64
