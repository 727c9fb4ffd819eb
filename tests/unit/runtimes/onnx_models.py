"""Small ONNX models, each with one thing that a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def value(name: str, shape: Sequence[int | str | None] | None, kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto] = (),
    *,
    opset: int = 13,
    ir: int = 8,
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir)


def save(built: onnx.ModelProto, folder: Path, name: str = "m.onnx") -> Path:
    (folder / name).write_bytes(built.SerializeToString())
    return folder / name


def one_node(operator: str, kind: int = FLOAT, shape: Sequence[int | str | None] = (2,), **more) -> onnx.ModelProto:
    """A model of one node with one input x and one output y of the same type."""
    node = helper.make_node(operator, ["x"], ["y"], name="n0", domain=more.pop("domain", ""))
    return model([node], [value("x", shape, kind)], [value("y", shape, kind)], **more)


def external(location: str, size_bytes: int = 8) -> onnx.ModelProto:
    """A model that adds two float32 weights kept in a file."""
    weight = TensorProto(name="w", data_type=FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    for key, text in (("location", location), ("offset", "0"), ("length", str(size_bytes))):
        weight.external_data.add(key=key, value=text)
    return model([helper.make_node("Add", ["x", "w"], ["y"])], [value("x", [2])], [value("y", [2])], [weight])


def quantized(
    kind: int = TensorProto.INT8,
    scale: Sequence[float] = (0.5,),
    zero_point: Sequence[int] = (3,),
    axis: int | None = None,
    *,
    as_constant_nodes: bool = False,
) -> onnx.ModelProto:
    """Integer in and out: DequantizeLinear, Relu, QuantizeLinear with the same parameters."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    scalar = axis is None
    constants = [
        numpy_helper.from_array(np.float32(scale[0]) if scalar else np.array(scale, np.float32), "s"),
        numpy_helper.from_array(np.array(zero_point[0] if scalar else zero_point, dtype), "z"),
    ]
    extra = {} if axis is None else {"axis": axis}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["r"], **extra),
        helper.make_node("Relu", ["r"], ["t"]),
        helper.make_node("QuantizeLinear", ["t", "s", "z"], ["y"], **extra),
    ]
    if as_constant_nodes:
        nodes = [helper.make_node("Constant", [], [c.name], value=c) for c in constants] + nodes
    shape = [2, 3]
    return model(
        nodes,
        [value("x", shape, kind)],
        [value("y", shape, kind)],
        [] if as_constant_nodes else constants,
        opset=21,
        ir=10,
    )
