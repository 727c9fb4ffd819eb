"""Writes the network as ONNX: in float32, and in int8 as QuantizeLinear / DequantizeLinear pairs, float32 in and out.

Activations are uint8 here, the same grids moved up by 128: with int8 ones ONNX Runtime 1.32 on x86-64 leaves every
operator beside a tensor with two readers in float32 (18 convolutions, all sums, products and means of blocks), which
takes twice as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from mobilenet_integers import LOWEST, Grid, Integers
from mobilenet_layers import (
    INPUT,
    INPUT_SHAPE,
    NETWORK,
    OUTPUT,
    Add,
    Array,
    Convolution,
    Flatten,
    HardSigmoid,
    HardSwish,
    Layer,
    Mean,
    Multiply,
    Weights,
    tensor_shapes,
)
from onnx import NodeProto, TensorProto, helper, numpy_helper

#: HardSwish entered in opset 14, per-axis DequantizeLinear in 13.
OPSET, IR_VERSION = 17, 8


def write_float(weights: Weights, path: Path) -> None:
    """Write the float32 model."""
    nodes: list[NodeProto] = []
    for layer in NETWORK:
        parts = (f"{layer.name}/weight", f"{layer.name}/bias")
        nodes += _nodes(layer, _sources(layer), parts, layer.name)
    _write(nodes, weights, path)


def write_int8(integers: Mapping[str, Integers], grids: Mapping[str, Grid], path: Path) -> None:
    """Write the int8 model: every tensor between two layers on its grid."""
    constants: dict[str, Array] = {}
    nodes = _onto_grid(INPUT, INPUT, f"{INPUT}/dequantized", grids[INPUT], constants)
    for layer in NETWORK:
        name = layer.name
        if name in integers:
            nodes += _dequantized(name, integers[name], constants)
        parts = (f"{name}/weight/dequantized", f"{name}/bias/dequantized")
        nodes += _nodes(layer, [f"{source}/dequantized" for source in _sources(layer)], parts, f"{name}/float")
        target = OUTPUT if name == OUTPUT else f"{name}/dequantized"
        nodes += _onto_grid(name, f"{name}/float", target, grids[name], constants)
    _write(nodes, constants, path)


def _sources(layer: Layer) -> list[str]:
    return [layer.source, layer.other] if isinstance(layer, Multiply | Add) else [layer.source]


def _nodes(layer: Layer, sources: Sequence[str], parts: Sequence[str], target: str) -> list[NodeProto]:
    """Return a layer's nodes; `parts` are the names of weight and bias of the layers that have them."""
    name = layer.name
    match layer:
        case Convolution():
            return _convolution(layer, [*sources, *parts], target)
        case HardSwish():
            return [helper.make_node("HardSwish", sources, [target], name)]
        case HardSigmoid():
            return [helper.make_node("HardSigmoid", sources, [target], name, alpha=1 / 6, beta=0.5)]
        case Mean():
            return [helper.make_node("GlobalAveragePool", sources, [target], name)]
        case Multiply():
            return [helper.make_node("Mul", sources, [target], name)]
        case Add():
            return [helper.make_node("Add", sources, [target], name)]
        case Flatten():
            return [helper.make_node("Flatten", sources, [target], name, axis=1)]


def _convolution(layer: Convolution, inputs: Sequence[str], target: str) -> list[NodeProto]:
    rows, columns = (layer.padding(extent) for extent in tensor_shapes()[layer.source][2:])
    made = f"{target}/linear" if layer.relu else target
    node = helper.make_node(
        "Conv",
        inputs,
        [made],
        layer.name,
        kernel_shape=[layer.kernel] * 2,
        strides=[layer.stride] * 2,
        pads=[rows[0], columns[0], rows[1], columns[1]],
        group=layer.groups,
    )
    return [node, helper.make_node("Relu", [made], [target], f"{layer.name}/relu")] if layer.relu else [node]


def _onto_grid(name: str, source: str, target: str, grid: Grid, constants: dict[str, Array]) -> list[NodeProto]:
    """Return the pair that puts `source` onto its grid as `target`."""
    scale, zero_point = f"{name}/scale", f"{name}/zero_point"
    constants |= {
        scale: np.array(grid.scale, np.float32),
        zero_point: np.array(grid.zero_point - LOWEST, np.uint8),
    }
    quantized = f"{name}/quantized"
    return [
        helper.make_node("QuantizeLinear", [source, scale, zero_point], [quantized], f"{name}/quantize"),
        helper.make_node("DequantizeLinear", [quantized, scale, zero_point], [target], f"{name}/dequantize"),
    ]


def _dequantized(name: str, integers: Integers, constants: dict[str, Array]) -> list[NodeProto]:
    """Return the nodes that make a layer's weight and bias from its integers."""
    nodes = []
    pairs = {"weight": (integers.weight, integers.weight_scales), "bias": (integers.bias, integers.bias_scales)}
    for part, (values, scales) in pairs.items():
        whole = f"{name}/{part}"
        names = [f"{whole}/quantized", f"{whole}/scale", f"{whole}/zero_point"]
        constants |= dict(zip(names, (values, scales, np.zeros(scales.shape, values.dtype)), strict=True))
        target = [f"{whole}/dequantized"]
        nodes.append(helper.make_node("DequantizeLinear", names, target, f"{whole}/dequantize", axis=0))
    return nodes


def _write(nodes: list[NodeProto], constants: Mapping[str, Array], path: Path) -> None:
    graph = helper.make_graph(
        nodes,
        "mobilenet_v3_large",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, INPUT_SHAPE)],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, tensor_shapes()[OUTPUT])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mobilenet benchmark")
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
