"""Writes the digits network as ONNX: in float32, and in int8 as QuantizeLinear / DequantizeLinear pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from network import (
    INPUT,
    INPUT_SHAPE,
    NETWORK,
    OUTPUT,
    Array,
    Convolution,
    Dense,
    Flatten,
    HardSwish,
    Layer,
    MaxPool,
    Softmax,
    Weights,
    tensor_shapes,
)
from onnx import NodeProto, TensorProto, helper, numpy_helper
from quantize import ActivationGrid, QuantizedLayer

#: HardSwish entered in opset 14, per-axis DequantizeLinear in 13; ONNX Runtime reads both versions since 1.11.
OPSET, IR_VERSION = 17, 8


def export_float(weights: Weights, path: Path) -> None:
    """Write the float32 model."""
    nodes = []
    before = INPUT
    for layer in NETWORK:
        nodes.append(_node(layer, before, f"{layer.name}/weight", f"{layer.name}/bias", layer.name))
        before = layer.name
    _write(nodes, weights, path)


def export_int8(layers: Mapping[str, QuantizedLayer], grids: Mapping[str, ActivationGrid], path: Path) -> None:
    """Write the int8 model: float32 in and out, every tensor between on its grid.

    Args:
        layers: The integers of each layer with weights.
        grids: The grid of the input and of every layer's tensor.
        path: Where the model goes.
    """
    constants: dict[str, Array] = {}
    nodes = _onto_grid(INPUT, INPUT, f"{INPUT}/dequantized", grids[INPUT], constants)
    before = INPUT
    for layer in NETWORK:
        name = layer.name
        if name in layers:
            nodes += _dequantized_weights(layer, layers[name], constants)
        made = f"{name}/float"
        weight, bias = f"{name}/weight/dequantized", f"{name}/bias/dequantized"
        nodes.append(_node(layer, f"{before}/dequantized", weight, bias, made))
        dequantized = OUTPUT if name == OUTPUT else f"{name}/dequantized"
        nodes += _onto_grid(name, made, dequantized, grids[name], constants)
        before = name
    _write(nodes, constants, path)


def _node(layer: Layer, source: str, weight: str, bias: str, target: str) -> NodeProto:
    """Return a layer's node; `weight` and `bias` are used by the layers that have them."""
    made, name = [target], layer.name
    sizes: dict[str, Any]
    match layer:
        case Convolution():
            sizes = {"kernel_shape": [layer.kernel] * 2, "pads": [layer.padding] * 4, "group": layer.groups}
            return helper.make_node("Conv", [source, weight, bias], made, name, **sizes)
        case HardSwish():
            return helper.make_node("HardSwish", [source], made, name)
        case MaxPool():
            sizes = {"kernel_shape": [layer.size] * 2, "strides": [layer.size] * 2}
            return helper.make_node("MaxPool", [source], made, name, **sizes)
        case Flatten():
            return helper.make_node("Flatten", [source], made, name, axis=1)
        case Dense():
            return helper.make_node("Gemm", [source, weight, bias], made, name, transB=1)
        case Softmax():
            return helper.make_node("Softmax", [source], made, name, axis=-1)


def _onto_grid(
    name: str, source: str, target: str, grid: ActivationGrid, constants: dict[str, Array]
) -> list[NodeProto]:
    """Return the pair that puts `source` onto its grid as `target`."""
    scale, zero_point = f"{name}/scale", f"{name}/zero_point"
    constants[scale] = np.array(grid.scale, np.float32)
    constants[zero_point] = np.array(grid.zero_point, np.int8)
    quantized = f"{name}/quantized"
    return [
        helper.make_node("QuantizeLinear", [source, scale, zero_point], [quantized], f"{name}/quantize"),
        helper.make_node("DequantizeLinear", [quantized, scale, zero_point], [target], f"{name}/dequantize"),
    ]


def _dequantized_weights(layer: Layer, integers: QuantizedLayer, constants: dict[str, Array]) -> list[NodeProto]:
    """Return the nodes that make a layer's weight and bias from its integers."""
    nodes = []
    pairs = {"weight": (integers.weight, integers.weight_scales), "bias": (integers.bias, integers.bias_scales)}
    for part, (values, scales) in pairs.items():
        whole = f"{layer.name}/{part}"
        per_filter = isinstance(layer, Convolution)
        scales = scales if per_filter else scales.reshape(())  # noqa: PLW2901
        names = [f"{whole}/quantized", f"{whole}/scale", f"{whole}/zero_point"]
        constants |= dict(zip(names, (values, scales, np.zeros(scales.shape, values.dtype)), strict=True))
        axis: dict[str, Any] = {"axis": 0} if per_filter else {}
        target = [f"{whole}/dequantized"]
        nodes.append(helper.make_node("DequantizeLinear", names, target, f"{whole}/dequantize", **axis))
    return nodes


def _write(nodes: list[NodeProto], constants: Mapping[str, Array], path: Path) -> None:
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, INPUT_SHAPE)],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, tensor_shapes()[OUTPUT])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="digits example")
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
