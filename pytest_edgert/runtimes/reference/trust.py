"""How far each node of a graph is to be trusted, told before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from pytest_edgert.runtimes.reference.nodes import Node, Operator, Reach, Trust


class Known(IntEnum):
    """What is known of a tensor exactly, least first."""

    NOTHING = 0
    MEAN = 1  # a sum over a divisor: it can be moved, cut off and rounded
    MIXED = 2  # a sum of whole numbers on grids and of plain numbers
    SUM = 3  # a sum of whole numbers on grids
    GRID = 4
    GIVEN = 5


def trust_of(nodes: Iterable[tuple[Node, Operator | None]], given: Iterable[str]) -> list[Trust]:
    """Return the trust in each node.

    Args:
        nodes: In the order they run, with their operator, None where the `onnx` package evaluates it.
        given: Names of inputs and constants.
    """
    known = dict.fromkeys(given, Known.GIVEN)
    found = []
    for node, operator in nodes:
        inputs = [known.get(name, Known.NOTHING) for name in node.inputs if name]
        trust, result = _judge(operator, inputs)
        known.update(dict.fromkeys(node.outputs, result))
        found.append(trust)
    return found


def _judge(operator: Operator | None, inputs: Sequence[Known]) -> tuple[Trust, Known]:
    first = inputs[0] if inputs else Known.GIVEN
    match operator.reach if operator else None:
        case None:
            return Trust.ONNX, Known.NOTHING
        case Reach.GIVES:
            return Trust.EXACT, Known.GIVEN
        case Reach.ENTERS:
            return Trust.EXACT, Known.GRID
        case Reach.MOVES:
            return Trust.EXACT, first
        case Reach.KEEPS if first:
            return Trust.EXACT, first
        case Reach.ONTO:
            return (Trust.EXACT if first else Trust.FLOAT64), Known.GIVEN
        case Reach.JOINS:
            return Trust.EXACT, first if first >= Known.GRID and set(inputs) == {first} else Known.NOTHING
        case Reach.SUMS if Known.MIXED <= min(inputs) < Known.GIVEN:
            return Trust.EXACT, _sum_of(inputs)
        case Reach.MEANS if Known.SUM <= first <= Known.GRID:
            return Trust.EXACT, Known.MEAN
        case Reach.PRODUCTS if list(inputs[:2]) == [Known.GRID] * 2 and min(inputs) >= Known.MIXED:
            return Trust.EXACT, _sum_of(inputs[2:])
        case _:
            return Trust.FLOAT64, Known.NOTHING


def _sum_of(inputs: Sequence[Known]) -> Known:
    """Return what a sum is, plain numbers in it or not."""
    return Known.MIXED if Known.GIVEN in inputs or Known.MIXED in inputs else Known.SUM
