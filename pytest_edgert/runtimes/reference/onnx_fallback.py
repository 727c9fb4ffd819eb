"""Operators that the oracle has no own rule for: the reference evaluator of the package `onnx`, fed in float64.

Its results carry the trust "onnx-reference": that evaluator is known to be wrong in places (Resize with
`align_corners`, onnxruntime issue 17564), and a rule of our own replaces it wherever that matters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Rule
from pytest_edgert.runtimes.reference.onnx_model import import_onnx
from pytest_edgert.runtimes.reference.values import Value, given
from pytest_edgert.tensors import Array

#: Operators whose result depends on chance: no oracle.
_RANDOM = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}


def fallback(proto: Any, opsets: Any) -> Rule | None:
    """Return a rule that evaluates one node with the package `onnx`, None where it has no such operator.

    Args:
        proto: The NodeProto.
        opsets: The model's operator sets.
    """
    if proto.op_type in _RANDOM or any(attribute.g.node or attribute.graphs for attribute in proto.attribute):
        return None
    evaluate = _evaluator(proto, opsets)
    if evaluate is None:
        return None

    nothing = given(np.zeros(0, np.float32))

    def rule(node: Node, arguments: Arguments) -> tuple[Value, ...]:
        feeds = {name: value.array for name, value in zip(node.inputs, arguments, strict=True) if value is not None}
        try:
            arrays = evaluate(feeds)
        except Exception as error:
            raise UnsupportedModelError(
                f"The evaluator of the package onnx cannot do node {node.label}: {type(error).__name__}: {error}."
            ) from error
        like = next((value.dtype for value in arguments if value is not None and value.is_float), "float32")
        made = iter([_named(np.asarray(array), like) for array in arrays])
        return tuple(next(made) if name else nothing for name in node.outputs)

    return rule


def _named(array: Array, like: str) -> Value:
    value = given(array, like if array.dtype.kind == "f" else None)
    return Value(value.array, value.dtype)


def _evaluator(proto: Any, opsets: Any) -> Callable[[dict[str, Array]], list[Array]] | None:
    onnx = import_onnx()
    from onnx.reference import ReferenceEvaluator

    names = [name for name in proto.input if name]
    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in dict.fromkeys(names)]
    outputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in proto.output if name]
    graph = onnx.helper.make_graph([proto], "node", inputs, outputs)
    try:
        evaluator = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=list(opsets)))
    except Exception:  # noqa: BLE001 - it raises its own kinds; each means that it lacks the operator
        return None
    return lambda feeds: list(evaluator.run(None, feeds))
