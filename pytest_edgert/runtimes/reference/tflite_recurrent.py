"""UNIDIRECTIONAL_SEQUENCE_LSTM: its gates are real numbers, its two states are rounded onto their own grids at each step.

The order of the 24 inputs is that of the kernel, tflite/kernels/unidirectional_sequence_lstm.cc. Every inference begins
with states of zero, as a session's does. LiteRT's int8 kernel rounds its gates to int16 too and may be a step off.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.elementwise import sigmoid
from pytest_edgert.runtimes.reference.tflite_model import Operation
from pytest_edgert.runtimes.reference.tflite_operators import Arguments, first, node_of
from pytest_edgert.runtimes.reference.values import Value
from pytest_edgert.tensors import Array

#: Rounds a value as the tensor of an input, by its place, would hold it, and gives back the real numbers.
Keep = Callable[[int, Array], Array]
#: Places of the inputs: of the gates (input, forget, cell, output) the weights, the recurrent weights, the biases.
_WEIGHTS, _RECURRENT, _BIASES = (1, 2, 3, 4), (5, 6, 7, 8), (12, 13, 14, 15)
_HIDDEN, _CELL = 18, 19
#: Places of what is refused: peepholes, projection, layer normalisation.
_REFUSED = (*range(9, 12), 16, 17, *range(20, 24))
_TANH = 4


def sequence_lstm(operation: Operation, arguments: Arguments, keep: Keep) -> Value:
    """UNIDIRECTIONAL_SEQUENCE_LSTM, with or without an input gate.

    Args:
        operation: Its options are the activation, the limit of the cell and whether time comes first.
        arguments: Real values; input (batch, time, features), or (time, batch, features).
        keep: Rounds the states.

    Returns:
        The hidden states, in the layout of the input.
    """
    _check(operation, arguments)
    x = first(arguments).array
    by_time = operation.number(3, "?")
    steps = x if by_time else x.transpose(1, 0, 2)
    limit = _limit(operation)
    hidden, cell = first(arguments, _HIDDEN).array, first(arguments, _CELL).array
    found = []
    for step in steps:
        i, f, c, o = _gates(arguments, step, hidden)
        cell = f * cell + i * np.tanh(c)
        cell = keep(_CELL, np.clip(cell, -limit, limit) if limit else cell)
        hidden = keep(_HIDDEN, o * np.tanh(cell))
        found.append(hidden)
    whole = np.stack(found) if found else np.zeros((0, *hidden.shape))
    return Value(whole if by_time else whole.transpose(1, 0, 2), "float32")


def _gates(arguments: Arguments, step: Array, hidden: Array) -> tuple[Array, Array, Array, Array]:
    """Return the input, forget and output gates after the sigmoid, and the cell gate before its tanh."""
    raw: list[Array | None] = []
    for weight, recurrent, bias in zip(_WEIGHTS, _RECURRENT, _BIASES, strict=True):
        if arguments[weight] is None:
            raw.append(None)
            continue
        total = step @ first(arguments, weight).array.T + hidden @ first(arguments, recurrent).array.T
        offset = arguments[bias]
        raw.append(total if offset is None else total + offset.array)
    i, f, c, o = (np.zeros(()) if one is None else one for one in raw)
    forget = _sigmoid(f)
    return (1 - forget if raw[0] is None else _sigmoid(i)), forget, c, _sigmoid(o)


def _sigmoid(x: Array) -> Array:
    return sigmoid(node_of("LOGISTIC"), x)


def _limit(operation: Operation) -> float:
    """Return the limit of the cell's state; 0 is none."""
    if operation.options is None:
        return 0.0
    return float(struct.unpack("<f", struct.pack("<I", operation.number(1, "I")))[0])


def _check(operation: Operation, arguments: Arguments) -> None:
    if operation.number(0, "b") != _TANH:
        raise UnsupportedModelError("The reference lacks UNIDIRECTIONAL_SEQUENCE_LSTM with an activation but TANH.")
    if any(place < len(arguments) and arguments[place] is not None for place in _REFUSED):
        raise UnsupportedModelError(
            "The reference lacks UNIDIRECTIONAL_SEQUENCE_LSTM with peepholes, projection or layer normalisation."
        )
