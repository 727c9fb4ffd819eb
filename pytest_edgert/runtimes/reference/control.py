"""Control flow: If, Loop and Scan, which run graphs of their own inside the one around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.nodes import Node, needed
from pytest_edgert.runtimes.reference.values import Value, moved
from pytest_edgert.tensors import Array


class Body(Protocol):
    """A graph inside a node."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of its inputs in order."""

    def run(self, tensors: dict[str, Value]) -> list[Value]:
        """Return its outputs; `tensors` are its inputs and everything around it."""


Bodies = Mapping[str, Body]
Tensors = Mapping[str, Value]


def control(node: Node, bodies: Bodies, tensors: Tensors) -> list[Value]:
    """Return the outputs of If, Loop or Scan."""
    rules = {"If": _if, "Loop": _loop, "Scan": _scan}
    return rules[node.operator](node, bodies, tensors)


def _arguments(node: Node, tensors: Tensors) -> list[Value | None]:
    return [tensors[name] if name else None for name in node.inputs]


def _if(node: Node, bodies: Bodies, tensors: Tensors) -> list[Value]:
    condition = needed(node, _arguments(node, tensors), 0)
    return bodies["then_branch" if _is_true(condition) else "else_branch"].run(dict(tensors))


def _is_true(value: Value) -> bool:
    return bool(value.array.reshape(-1)[0])


def _loop(node: Node, bodies: Bodies, tensors: Tensors) -> list[Value]:
    """Loop: until the count or the condition ends it; the body's first output is the next condition."""
    body, (most, condition, *carried) = bodies["body"], _arguments(node, tensors)
    state = [_present(node, value) for value in carried]
    goes = condition is None or _is_true(condition)
    turns, collected = 0, list[list[Value]]()
    while goes and (most is None or turns < int(most.array.reshape(-1)[0])):
        count = Value(np.asarray(turns, np.int64), "int64")
        fed = dict(zip(body.inputs, (count, Value(np.asarray(goes), "bool"), *state), strict=True))
        made = body.run({**tensors, **fed})
        goes, turns = _is_true(made[0]), turns + 1
        state = made[1 : 1 + len(carried)]
        collected.append(made[1 + len(carried) :])
    return [*state, *_stacked(node, collected, len(node.outputs) - len(carried))]


def _scan(node: Node, bodies: Bodies, tensors: Tensors) -> list[Value]:
    """Scan of operator set 9 and later: along given axes, forwards or backwards."""
    if node.opset < 9:
        raise UnsupportedModelError(f"Node {node.label} is of operator set {node.opset}; the reference begins at 9.")
    body, scanned = bodies["body"], int(node.attributes["num_scan_inputs"])
    arguments = [_present(node, value) for value in _arguments(node, tensors)]
    first = len(arguments) - scanned
    state, sequences = arguments[:first], arguments[first:]
    axes, backwards = _numbers(node, "scan_input_axes", scanned), _numbers(node, "scan_input_directions", scanned)
    lengths = {value.array.shape[axis] for value, axis in zip(sequences, axes, strict=True)}
    if len(lengths) != 1:
        raise UnsupportedModelError(f"Node {node.label} scans sequences of unequal lengths: {sorted(lengths)}.")
    length, collected = lengths.pop(), list[list[Value]]()
    for turn in range(length):
        parts = [
            moved(value, lambda part, at=length - 1 - turn if back else turn, a=axis: np.take(part, at, a))  # type: ignore[misc]
            for value, axis, back in zip(sequences, axes, backwards, strict=True)
        ]
        made = body.run({**tensors, **dict(zip(body.inputs, (*state, *parts), strict=True))})
        state = made[:first]
        collected.append(made[first:])
    results = _stacked(node, collected, len(node.outputs) - first)
    return [*state, *_placed(node, results)]


def _placed(node: Node, results: Sequence[Value]) -> list[Value]:
    axes = _numbers(node, "scan_output_axes", len(results))
    turned = _numbers(node, "scan_output_directions", len(results))
    found = []
    for value, axis, back in zip(results, axes, turned, strict=True):
        array: Array = np.flip(value.array, 0) if back else value.array
        found.append(Value(np.moveaxis(array, 0, axis), value.dtype))
    return found


def _numbers(node: Node, name: str, count: int) -> list[int]:
    return [int(number) for number in node.get(name, [0] * count)]


def _present(node: Node, value: Value | None) -> Value:
    return needed(node, [value], 0)


def _stacked(node: Node, collected: Sequence[Sequence[Value]], count: int) -> list[Value]:
    """Return what each turn gave, one after the other along a new first axis."""
    if count <= 0:
        return []
    if not collected:
        raise UnsupportedModelError(
            f"Node {node.label} ran its body not once, so that the shape of what it collects is not known."
        )
    return [
        Value(np.stack([turn[index].array for turn in collected]), collected[0][index].dtype) for index in range(count)
    ]
