"""Artefacts for the contract suite, made here and now."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FAKE_MODEL = {
    "inputs": [
        {"name": "x", "dtype": "float32", "shape": ["batch", 4]},
        {"name": "q", "dtype": "int16", "shape": [3]},
    ],
    "outputs": [{"name": "y", "of": "x", "scale": 2.0, "bias": 1.0}, {"name": "p", "of": "q"}],
    "accelerators": ["cpu", "npu"],
}


def write_fake(path: Path, **more: object) -> Path:
    path.write_text(json.dumps({**FAKE_MODEL, **more}), encoding="utf-8")
    return path


def write_onnx(path: Path, *, plain: bool = False) -> Path:
    """Write a model with a free batch and two inputs; not `plain`, also a passed-through input and a constant output."""
    weight = numpy_helper.from_array(np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5), "w")
    constant = numpy_helper.from_array(np.arange(3, dtype=np.int64), "c")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Relu", ["m"], ["y"]),
        helper.make_node("Identity", ["q"], ["p"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4]),
        helper.make_tensor_value_info("q", TensorProto.INT32, [3]),
    ]
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 5]),
        helper.make_tensor_value_info("p", TensorProto.INT32, [3]),
        helper.make_tensor_value_info("q", TensorProto.INT32, [3]),
        helper.make_tensor_value_info("c", TensorProto.INT64, [3]),
    ]
    graph = helper.make_graph(nodes, "contract", inputs, outputs[: 2 if plain else 4], [weight, constant])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path
