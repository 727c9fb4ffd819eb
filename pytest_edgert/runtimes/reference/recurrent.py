"""LSTM, GRU and RNN in float64, both directions; https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html, onnx__RNN.html."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.elementwise import sigmoid
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, optional
from pytest_edgert.runtimes.reference.values import Value
from pytest_edgert.tensors import Array

_DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
#: One step: (x's part of the gates, state) -> state; a state is (hidden,) or (hidden, cell).
Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]


def recurrent(node: Node, arguments: Arguments) -> tuple[Value, ...]:
    """LSTM, GRU or RNN: all hidden states (steps, directions, batch, hidden), then the last states."""
    _check(node, arguments)
    x = needed(node, arguments, 0)
    steps = x.array.transpose(1, 0, 2) if node.get("layout", 0) else x.array
    backwards = {b"forward": [False], b"reverse": [True], b"bidirectional": [False, True]}[
        node.get("direction", b"forward")
    ]
    runs = [_direction(node, arguments, steps, index, back=back) for index, back in enumerate(backwards)]
    sequence = np.stack([hidden for hidden, _ in runs], axis=1)
    last = [np.stack([states[part] for _, states in runs]) for part in range(2 if node.operator == "LSTM" else 1)]
    if node.get("layout", 0):
        sequence, last = sequence.transpose(2, 0, 1, 3), [state.transpose(1, 0, 2) for state in last]
    return tuple(Value(np.ascontiguousarray(part), x.dtype) for part in (sequence, *last))


def _check(node: Node, arguments: Arguments) -> None:
    activations = [name.decode() if isinstance(name, bytes) else name for name in node.get("activations", [])]
    directions = 2 if node.get("direction", b"forward") == b"bidirectional" else 1
    known = not activations or activations == _DEFAULTS[node.operator] * directions
    lengths = optional(arguments, 4)
    whole = lengths is None or bool(
        (lengths.array == needed(node, arguments, 0).array.shape[node.get("layout", 0)]).all()
    )
    if not known or not whole or node.get("clip", 0) or node.get("input_forget", 0):
        raise UnsupportedModelError(
            f"Node {node.label} uses other activations, lengths per sequence, clipping or coupled gates, "
            "which the reference does not do."
        )


def _direction(
    node: Node, arguments: Arguments, x: Array, index: int, *, back: bool
) -> tuple[Array, tuple[Array, ...]]:
    w, r = needed(node, arguments, 1).array[index], needed(node, arguments, 2).array[index]
    hidden = r.shape[1]
    bias = optional(arguments, 3)
    b = np.zeros(2 * r.shape[0]) if bias is None else bias.array[index]
    state = _initial(node, arguments, index, (x.shape[1], hidden))
    steps: dict[str, Callable[[], Step]] = {
        "LSTM": lambda: _lstm(arguments, r, b, index),
        "GRU": lambda: _gru(node, r, b),
        "RNN": lambda: _rnn(r, b),
    }
    step = steps[node.operator]()
    gates = x @ w.T + b[: r.shape[0]]
    found = []
    for one in gates[::-1] if back else gates:
        state = step(one, state)
        found.append(state[0])
    return np.stack(found[::-1] if back else found), state


def _initial(node: Node, arguments: Arguments, index: int, shape: tuple[int, int]) -> tuple[Array, ...]:
    given = [optional(arguments, position) for position in ((5, 6) if node.operator == "LSTM" else (5,))]
    swap = bool(node.get("layout", 0))
    return tuple(
        np.zeros(shape) if value is None else value.array[:, index] if swap else value.array[index] for value in given
    )


def _lstm(arguments: Arguments, r: Array, b: Array, index: int) -> Step:
    peepholes = optional(arguments, 7)
    p = np.zeros((3, r.shape[1])) if peepholes is None else peepholes.array[index].reshape(3, -1)

    def step(gates: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        hidden, cell = state
        i, o, f, c = np.split(gates + hidden @ r.T + b[r.shape[0] :], 4, axis=-1)
        cell = _sigmoid(f + p[2] * cell) * cell + _sigmoid(i + p[0] * cell) * np.tanh(c)
        return _sigmoid(o + p[1] * cell) * np.tanh(cell), cell

    return step


def _gru(node: Node, r: Array, b: Array) -> Step:
    size = r.shape[1]
    rest = b[r.shape[0] :]

    def step(gates: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        (hidden,) = state
        both = gates[:, : 2 * size] + hidden @ r[: 2 * size].T + rest[: 2 * size]
        z, reset = np.split(_sigmoid(both), 2, axis=-1)
        if node.get("linear_before_reset", 0):
            new = np.tanh(gates[:, 2 * size :] + reset * (hidden @ r[2 * size :].T + rest[2 * size :]))
        else:
            new = np.tanh(gates[:, 2 * size :] + (reset * hidden) @ r[2 * size :].T + rest[2 * size :])
        return ((1 - z) * new + z * hidden,)

    return step


def _rnn(r: Array, b: Array) -> Step:
    rest = b[r.shape[0] :]
    return lambda gates, state: (np.tanh(gates + state[0] @ r.T + rest),)


def _sigmoid(x: Array) -> Array:
    return sigmoid(Node("Sigmoid", "", (), ("",)), x)


OPERATORS = dict.fromkeys(_DEFAULTS, Operator(recurrent, Reach.LEAVES))
