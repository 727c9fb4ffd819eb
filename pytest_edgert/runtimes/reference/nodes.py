"""What an operator of the oracle is: a rule from values to values, and how far it is to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.values import Value, computed, moved
from pytest_edgert.tensors import Array


class Trust(str, Enum):
    """Where an operator's arithmetic comes from, most trusted first."""

    EXACT = "own-exact"
    FLOAT64 = "own-float64"
    ONNX = "onnx-reference"


class Reach(str, Enum):
    """What an operator does to what is known exactly."""

    GIVES = "gives whole numbers or constants"
    ENTERS = "gives whole numbers on a grid"
    MOVES = "moves elements"
    KEEPS = "keeps what its first input is"
    JOINS = "moves elements, and keeps grids only"
    SUMS = "is exact when all it adds is"
    MEANS = "is exact for whole numbers on grids, and for sums of them"
    PRODUCTS = "is exact for two tensors on grids"
    ONTO = "rounds once, exactly when what it rounds is known"
    LEAVES = "approximates in float64"


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its operator, names, attributes, and the version of the operator set it is read by."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    opset: int = 0

    @property
    def label(self) -> str:
        """The node as messages call it."""
        return f"{self.name or self.outputs[0]} ({self.operator})"

    def get(self, name: str, default: Any) -> Any:
        """Return an attribute or its default."""
        return self.attributes.get(name, default)


#: Inputs in order, None where an optional one is left out.
Arguments = Sequence[Value | None]
Rule = Callable[[Node, Arguments], "Value | tuple[Value, ...]"]


@dataclass(frozen=True, slots=True)
class Operator:
    """A rule and its reach."""

    rule: Rule
    reach: Reach


def needed(node: Node, arguments: Arguments, index: int) -> Value:
    """Return an input that the operator cannot do without. Raises UnsupportedModelError."""
    found = arguments[index] if index < len(arguments) else None
    if found is None:
        raise UnsupportedModelError(f"Node {node.label} lacks its input {index}.", "Export the model again.")
    return found


def optional(arguments: Arguments, index: int) -> Value | None:
    """Return an input that may be left out."""
    return arguments[index] if index < len(arguments) else None


def whole_numbers(node: Node, arguments: Arguments, index: int, attribute: str) -> list[int] | None:
    """Return numbers that older operator sets have as an attribute and newer ones as an input; None when absent."""
    found = optional(arguments, index)
    if found is not None:
        return [int(number) for number in found.array.reshape(-1)]
    value = node.attributes.get(attribute)
    return None if value is None else [int(number) for number in value]


def of_arrays(function: Callable[..., Array], reach: Reach = Reach.LEAVES) -> Operator:
    """Return the operator that is ``function(node, *arrays)``; the result has the type of the first input."""

    def rule(node: Node, arguments: Arguments) -> Value:
        arrays = [None if value is None else value.array for value in arguments]
        return computed(function(node, *arrays), needed(node, arguments, 0))

    return Operator(rule, reach)


def of_moves(plan: Callable[[Node, Arguments], Callable[[Array], Array]]) -> Operator:
    """Return the operator that only moves the elements of its first input, as `plan` says."""

    def rule(node: Node, arguments: Arguments) -> Value:
        return moved(needed(node, arguments, 0), plan(node, arguments))

    return Operator(rule, Reach.MOVES)
