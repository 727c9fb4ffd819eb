"""What the oracle tells of a graph beside its results: whether it is one operator, and which outputs hold indices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_edgert.runtimes.reference import RUNTIME

FLOAT, INT8, INT64 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.INT64
SCALE, ZERO = numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.int8(0), "z")
K = numpy_helper.from_array(np.array([2]), "k")
Port = tuple[str, int, Sequence[int]]


def facts(folder: Path, nodes: Sequence[onnx.NodeProto], inputs: Sequence[Port], outputs: Sequence[Port]) -> object:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [info(*port) for port in inputs], [info(*port) for port in outputs], [SCALE, ZERO, K]
    )
    path = folder / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with RUNTIME.open(path, "cpu", {}) as session:
        detail = session.placement.detail
    indices = detail.get("indices")
    return detail.get("operator"), detail.get("moves"), None if indices is None else json.loads(str(indices))


def node(operator: str, inputs: str, outputs: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


X, Y = ("x", FLOAT, (2, 3)), ("y", FLOAT, (2, 3))
Q_X, Q_Y = ("x", INT8, (2, 3)), ("y", INT8, (2, 3))
OFF, ONTO = node("DequantizeLinear", "x s z", "a"), node("QuantizeLinear", "b s z", "y")


@pytest.mark.parametrize(
    ("nodes", "inputs", "outputs", "told"),
    [
        ([node("Relu", "x", "y")], X, Y, ("Relu", False)),
        ([node("Identity", "x", "y")], X, Y, ("Identity", True)),
        ([OFF, node("Relu", "a", "b"), ONTO], Q_X, Q_Y, ("Relu", False)),
        ([OFF, node("Identity", "a", "b"), ONTO], Q_X, Q_Y, ("Identity", False)),
        ([node("Relu", "x", "a"), node("Neg", "a", "y")], X, Y, (None, None)),
        ([OFF, node("Relu", "a", "c"), node("Neg", "c", "b"), ONTO], Q_X, Q_Y, (None, None)),
        (
            [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "a"), node("Relu", "a", "y")],
            X,
            Y,
            (None, None),
        ),
    ],
)
def test_one_operator_is_told_with_its_grids_and_two_are_not(
    tmp_path: Path, nodes: Sequence[onnx.NodeProto], inputs: Port, outputs: Port, told: tuple[object, object]
) -> None:
    assert facts(tmp_path, nodes, [inputs], [outputs]) == (*told, None)


@pytest.mark.parametrize(
    ("nodes", "outputs", "indices"),
    [
        ([node("ArgMax", "y", "i", axis=1, keepdims=0)], [("i", INT64, (2,))], {"i": "y"}),
        ([node("ArgMin", "y", "i", axis=-1)], [("i", INT64, (2, 1))], {"i": "y"}),
        ([node("TopK", "y k", "v i")], [("i", INT64, (2, 2)), ("v", FLOAT, (2, 2))], {"i": "y"}),
        ([node("ArgMax", "y", "c", axis=1), node("Cast", "c", "i", to=INT8)], [("i", INT8, (2, 1))], {"i": "y"}),
        ([node("ArgMax", "y", "i")], [("i", INT64, (1, 3))], None),
        ([node("ArgMax", "x", "i", axis=1)], [("i", INT64, (2, 1))], None),
        ([node("ArgMax", "y", "c", axis=1), node("Cast", "c", "i", to=FLOAT)], [("i", FLOAT, (2, 1))], None),
    ],
)
def test_indices_along_the_last_axis_of_another_output_are_told(
    tmp_path: Path, nodes: Sequence[onnx.NodeProto], outputs: Sequence[Port], indices: object
) -> None:
    assert facts(tmp_path, [node("Relu", "x", "y"), *nodes], [X], [Y, *outputs]) == (None, None, indices)
