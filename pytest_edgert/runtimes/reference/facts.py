"""What a graph tells of itself beside its results: whether it is one operator, and which outputs hold indices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from pytest_edgert.records import Plain
from pytest_edgert.runtimes.reference.nodes import Node
from pytest_edgert.runtimes.reference.onnx_graph import Graph
from pytest_edgert.runtimes.reference.tflite_graph import MOVES, TfliteGraph
from pytest_edgert.runtimes.reference.tflite_names import NAMES
from pytest_edgert.tensors import Signature

#: ONNX operators that only move elements.
ONNX_MOVES = frozenset(
    [
        "Concat",
        "DepthToSpace",
        "Expand",
        "Flatten",
        "Gather",
        "GatherElements",
        "GatherND",
        "Identity",
        "Reshape",
        "Slice",
        "SpaceToDepth",
        "Split",
        "Squeeze",
        "Tile",
        "Transpose",
        "Unsqueeze",
    ]
)
_ONTO_GRID, _OFF_GRID = "QuantizeLinear", "DequantizeLinear"
_LARGEST, _K_LARGEST = ("ArgMax", "ArgMin"), "TopK"


def onnx_facts(graph: Graph, signature: Signature) -> dict[str, Plain]:
    """Return what an ONNX graph tells.

    That is `operator` and `moves` (whether it only moves elements) where it is one operator, `indices` where it has some.
    """
    nodes = [step.node for step in graph.steps if step.node.operator != "Constant"]
    indices = _indices(nodes, signature)
    told: dict[str, Plain] = {"indices": json.dumps(indices)} if indices else {}
    single = None if any(step.bodies for step in graph.steps) else _single(nodes, graph)
    if single is None:
        return told
    return {**told, "operator": single, "moves": len(nodes) == 1 and single in ONNX_MOVES}


def tflite_facts(graph: TfliteGraph) -> dict[str, Plain]:
    """Return what a ``.tflite`` graph tells, as `onnx_facts` does."""
    names = [NAMES.get(operation.code, "") for operation in graph.model.operations]
    one: dict[str, Plain] = {"operator": names[0], "moves": names[0] in MOVES}
    return one if len(names) == 1 else {}


def _single(nodes: Sequence[Node], graph: Graph) -> str | None:
    """Return the one operator of a graph: alone, or with its inputs taken off their grids and its outputs put onto one.

    An input that is put onto a grid first does not count: its rounding is one more.
    """
    if len(nodes) == 1:
        return nodes[0].operator
    middle = [node for node in nodes if node.operator not in (_ONTO_GRID, _OFF_GRID)]
    entered, given = {*graph.inputs, *graph.constants}, {*graph.outputs}
    sound = all(
        node.inputs[0] in entered if node.operator == _OFF_GRID else given.issuperset(node.outputs)
        for node in nodes
        if node not in middle
    )
    return middle[0].operator if len(middle) == 1 and sound else None


def _indices(nodes: Iterable[Node], signature: Signature) -> dict[str, str]:
    """Return outputs of ArgMax, ArgMin and TopK along the last axis of another output; a cast between is looked through."""
    ranks = {spec.name: len(spec.shape) for spec in signature.outputs}
    made, came_from = {}, {}
    for node in nodes:
        scores = node.inputs[0] if node.inputs else ""
        default, position = (-1, 1) if node.operator == _K_LARGEST else (0, 0)
        if node.operator in ("Cast", "Identity"):
            came_from[node.outputs[0]] = scores
        if node.operator not in (*_LARGEST, _K_LARGEST) or len(node.outputs) <= position:
            continue
        if scores in ranks and node.get("axis", default) in (-1, ranks[scores] - 1):
            made[node.outputs[position]] = scores
    whole = [spec.name for spec in signature.outputs if spec.dtype.startswith(("int", "uint"))]
    return {name: made[source] for name in whole if (source := _source(name, came_from)) in made}


def _source(name: str, came_from: Mapping[str, str]) -> str:
    while name in came_from:
        name = came_from[name]
    return name
