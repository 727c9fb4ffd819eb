"""How far each node of a graph is to be trusted, told before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    if operator is None:
        return Trust.ONNX, Known.NOTHING
    result = _RESULTS[operator.reach](inputs or [Known.GIVEN])
    return (Trust.FLOAT64, Known.NOTHING) if result is None else (Trust.EXACT, result)


def _of_moves(inputs: Sequence[Known]) -> Known | None:
    return inputs[0]


def _of_joins(inputs: Sequence[Known]) -> Known | None:
    return inputs[0] if inputs[0] == Known.GRID and Known.NOTHING not in inputs else Known.NOTHING


def _of_kept(inputs: Sequence[Known]) -> Known | None:
    if inputs[0] == Known.GIVEN:
        return Known.NOTHING
    return inputs[0] if inputs[0] >= Known.MIXED else None


def _of_sums(inputs: Sequence[Known]) -> Known | None:
    return _sum_of(inputs) if Known.MIXED <= min(inputs) < Known.GIVEN else None


def _of_means(inputs: Sequence[Known]) -> Known | None:
    return Known.MEAN if Known.SUM <= inputs[0] <= Known.GRID else None


def _of_products(inputs: Sequence[Known]) -> Known | None:
    factors, summands = list(inputs[:2]), inputs[2:]
    known = factors == [Known.GRID] * 2 and min(summands, default=Known.GIVEN) >= Known.MIXED
    return _sum_of(summands) if known else None


def _of_rounding(inputs: Sequence[Known]) -> Known | None:
    return Known.GIVEN if inputs[0] else None


def _sum_of(inputs: Sequence[Known]) -> Known:
    """Return what a sum is, plain numbers in it or not."""
    return Known.MIXED if Known.GIVEN in inputs or Known.MIXED in inputs else Known.SUM


#: What is known of the result; None where it is an approximation.
_RESULTS: Mapping[Reach, Callable[[Sequence[Known]], Known | None]] = {
    Reach.GIVES: lambda _inputs: Known.GIVEN,
    Reach.ENTERS: lambda _inputs: Known.GRID,
    Reach.MOVES: _of_moves,
    Reach.JOINS: _of_joins,
    Reach.KEEPS: _of_kept,
    Reach.SUMS: _of_sums,
    Reach.MEANS: _of_means,
    Reach.PRODUCTS: _of_products,
    Reach.ONTO: _of_rounding,
    Reach.LEAVES: lambda _inputs: None,
}
