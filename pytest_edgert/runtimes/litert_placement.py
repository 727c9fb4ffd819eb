"""Where the nodes of an open LiteRT interpreter run: by its own kernels, or in nodes of a delegate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_edgert.records import Evidence, Placement, Plain


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the first subgraph: its operator and the indices of its tensors; a delegate's is DELEGATE."""

    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_placement(interpreter: Any, detail: Mapping[str, Plain]) -> Placement:
    """Return the placement of an allocated interpreter. Everything is on the CPU; the detail says who computes it.

    The nodes are those of the first subgraph: LiteRT does not tell which delegate took nodes of branches and loops.
    """
    nodes = _read_nodes(interpreter)
    if nodes is None:
        return Placement("cpu", Evidence.PLANNED, detail=dict(detail))
    own = [index for index, node in enumerate(nodes) if node.operator != "DELEGATE"]
    taken = delegated(nodes)
    kept = Counter(nodes[index].operator for index in own if index not in taken)
    more: dict[str, Plain] = {
        "delegated_nodes": len(taken),
        "delegate_calls": len(nodes) - len(own),
        "own_kernels": ", ".join(f"{operator} x{count}" for operator, count in sorted(kept.items())),
    }
    return Placement("cpu", Evidence.TRACED, {"cpu": len(own)}, detail={**detail, **more})


def delegated(nodes: Sequence[Node]) -> frozenset[int]:
    """Return the nodes that a delegate took: those between the outputs and the inputs of a DELEGATE node.

    LiteRT lists the nodes of the model first and, for each part that a delegate took, one DELEGATE node after them.
    """
    producers = {
        tensor: index for index, node in enumerate(nodes) if node.operator != "DELEGATE" for tensor in node.outputs
    }
    taken: set[int] = set()
    for node in nodes:
        if node.operator == "DELEGATE":
            taken.update(_between(nodes, producers, node.outputs, frozenset(node.inputs)))
    return frozenset(taken)


def _between(
    nodes: Sequence[Node], producers: Mapping[int, int], outputs: Iterable[int], inputs: frozenset[int]
) -> set[int]:
    found: set[int] = set()
    waiting = [tensor for tensor in outputs if tensor not in inputs]
    while waiting:
        index = producers.get(waiting.pop())
        if index is not None and index not in found:
            found.add(index)
            waiting.extend(tensor for tensor in nodes[index].inputs if tensor not in inputs)
    return found


def _read_nodes(interpreter: Any) -> list[Node] | None:
    """Return the nodes, None when this build does not tell them; its public interface has no call for it."""
    native: Any = getattr(interpreter, "_interpreter", None)
    try:
        return [
            Node(native.NodeName(index), _indices(native.NodeInputs(index)), _indices(native.NodeOutputs(index)))
            for index in range(native.NumNodes())
        ]
    except AttributeError:
        return None


def _indices(array: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(index) for index in array)
