"""Writes the network as .tflite: in float32, and in int8 from the input to the output.

Images are (batch, row, column, channel) here. ReLU is fused into its convolution, and hard-sigmoid is an ADD of 3
with ReLU6 and a MUL by 1/6, as TensorFlow's converter writes them: the format has no operator for it.
The classes named …T are the object interface of the flatbuffers schema that ai-edge-litert brings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers  # type: ignore[import-untyped]  # it ships no types
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from mobilenet_integers import HIGHEST, Grid, Integers, grid_over
from mobilenet_layers import (
    INPUT,
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

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
}
#: The first version of each operator with the arithmetic used here: (float32, int8), as in
#: tensorflow/lite/tools/versioning/op_version.cc.
VERSIONS = {
    "ADD": (1, 2),
    "CONV_2D": (1, 3),
    "DEPTHWISE_CONV_2D": (1, 3),
    "HARD_SWISH": (1, 1),
    "MEAN": (1, 2),
    "MUL": (1, 2),
    "RESHAPE": (1, 1),
}
_RELU = schema.ActivationFunctionType.RELU
_RELU6 = schema.ActivationFunctionType.RELU6
_LINEAR = schema.ActivationFunctionType.NONE


def write_float(weights: Weights, path: Path) -> None:
    """Write the float32 model."""
    graph = _Graph({})
    for layer in NETWORK:
        constants = []
        if isinstance(layer, Convolution):
            weight = _channels_last_filters(layer, weights[f"{layer.name}/weight"])
            constants = [graph.constant(f"{layer.name}/weight", weight)]
            constants.append(graph.constant(f"{layer.name}/bias", weights[f"{layer.name}/bias"]))
        _add_layer(graph, layer, constants)
    graph.write(path)


def write_int8(integers: Mapping[str, Integers], grids: Mapping[str, Grid], path: Path) -> None:
    """Write the int8 model; its input and output are int8 as well."""
    graph = _Graph(grids)
    for layer in NETWORK:
        constants = []
        if isinstance(layer, Convolution):
            own = integers[layer.name]
            weight = _channels_last_filters(layer, own.weight)
            scaled = _quantization(own.weight_scales, axis=3 if layer.depthwise else 0)
            constants = [graph.constant(f"{layer.name}/weight", weight, scaled)]
            constants.append(graph.constant(f"{layer.name}/bias", own.bias, _quantization(own.bias_scales)))
        _add_layer(graph, layer, constants)
    graph.write(path)


def _add_layer(graph: _Graph, layer: Layer, constants: Sequence[int]) -> None:
    """Append the operators of a layer."""
    source = graph.named(layer.source)
    if isinstance(layer, HardSigmoid):
        _add_hard_sigmoid(graph, layer)
        return
    target = graph.activation(layer.name)
    match layer:
        case Convolution():
            _add_convolution(graph, layer, [source, *constants], target)
        case HardSwish():
            graph.operator("HARD_SWISH", [source], target, "HardSwishOptions", {})
        case Mean():
            axes = graph.constant(f"{layer.name}/axes", np.array([1, 2], np.int32))
            graph.operator("MEAN", [source, axes], target, "ReducerOptions", {"keepDims": True})
        case Multiply():
            graph.operator("MUL", [source, graph.named(layer.other)], target, "MulOptions", {})
        case Add():
            graph.operator("ADD", [source, graph.named(layer.other)], target, "AddOptions", {})
        case Flatten():
            shape = list(tensor_shapes()[layer.name])
            wanted = graph.constant(f"{layer.name}/shape", np.array(shape, np.int32))
            graph.operator("RESHAPE", [source, wanted], target, "ReshapeOptions", {"newShape": shape})


def _add_convolution(graph: _Graph, layer: Convolution, inputs: Sequence[int], target: int) -> None:
    options = {
        "padding": schema.Padding.SAME,
        "strideW": layer.stride,
        "strideH": layer.stride,
        "fusedActivationFunction": _RELU if layer.relu else _LINEAR,
    }
    if layer.depthwise:
        options["depthMultiplier"] = 1
        graph.operator("DEPTHWISE_CONV_2D", inputs, target, "DepthwiseConv2DOptions", options)
    else:
        graph.operator("CONV_2D", inputs, target, "Conv2DOptions", options)


def _add_hard_sigmoid(graph: _Graph, layer: HardSigmoid) -> None:
    clipped = graph.tensor(
        f"{layer.name}/clipped", graph.shape(layer.source), graph.dtype, quantization=graph.gridded(grid_over(0.0, 6.0))
    )
    three, sixth = (graph.number(f"{layer.name}/{name}", value) for name, value in (("three", 3.0), ("sixth", 1 / 6)))
    fused = {"fusedActivationFunction": _RELU6}
    graph.operator("ADD", [graph.named(layer.source), three], clipped, "AddOptions", fused)
    graph.operator("MUL", [clipped, sixth], graph.activation(layer.name), "MulOptions", {})


def _channels_last_filters(layer: Convolution, weight: Array) -> Array:
    return weight.transpose(1, 2, 3, 0) if layer.depthwise else weight.transpose(0, 2, 3, 1)


def _quantization(scales: Array, zero_points: Array | None = None, axis: int = 0) -> Any:
    quantization = schema.QuantizationParametersT()
    quantization.scale = scales
    quantization.zeroPoint = np.zeros(len(scales), np.int64) if zero_points is None else zero_points
    quantization.quantizedDimension = axis
    return quantization


@dataclass(slots=True)
class _Graph:
    """A .tflite model while it grows; `grids` is empty for the float32 model."""

    grids: Mapping[str, Grid]
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])
    tensors: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    indices: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=tensor_shapes)

    def __post_init__(self) -> None:
        self.activation(INPUT)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of what the graph computes."""
        return np.dtype(np.int8 if self.grids else np.float32)

    def named(self, name: str) -> int:
        """Return the index of a tensor that is there."""
        return self.indices[name]

    def shape(self, name: str) -> list[int]:
        """Return the channels-last shape of a layer's tensor."""
        shape = self.shapes[name]
        return [shape[0], *shape[2:], shape[1]] if len(shape) == 4 else list(shape)

    def gridded(self, grid: Grid) -> Any:
        """Return a grid as the schema has it; None in the float32 model."""
        if not self.grids:
            return None
        return _quantization(np.array([grid.scale], np.float32), np.array([grid.zero_point]))

    def activation(self, name: str) -> int:
        """Return the index of a layer's tensor, new."""
        quantization = self.gridded(self.grids[name]) if self.grids else None
        return self.tensor(name, self.shape(name), self.dtype, quantization=quantization)

    def number(self, name: str, value: float) -> int:
        """Return the index of a positive constant without dimensions, on a grid of its own in the int8 model."""
        if not self.grids:
            return self.constant(name, np.array(value, np.float32))
        scale = _quantization(np.array([value / HIGHEST], np.float32))
        return self.constant(name, np.array(HIGHEST, np.int8), scale)

    def constant(self, name: str, values: Array, quantization: Any = None) -> int:
        """Return the index of a tensor with fixed values."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self.buffers.append(buffer)
        return self.tensor(name, list(values.shape), values.dtype, len(self.buffers) - 1, quantization)

    def tensor(
        self, name: str, shape: list[int], dtype: np.dtype[Any], buffer: int = 0, quantization: Any = None
    ) -> int:
        """Return the index of a new tensor; buffer 0 is what the graph computes."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, TYPES[dtype], buffer
        tensor.quantization, tensor.hasRank = quantization, True
        self.tensors.append(tensor)
        self.indices[name] = len(self.tensors) - 1
        return self.indices[name]

    def operator(self, builtin: str, inputs: Sequence[int], output: int, kind: str, options: Mapping[str, Any]) -> None:
        """Append an operator with the options of its kind."""
        if builtin not in self.codes:
            self.codes.append(builtin)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(builtin)
        operator.inputs, operator.outputs = list(inputs), [output]
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        operator.builtinOptions = getattr(schema, f"{kind}T")()
        for key, value in options.items():
            setattr(operator.builtinOptions, key, value)
        self.operators.append(operator)

    def write(self, path: Path) -> None:
        """Write the model; its one signature names input and output."""
        graph = schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = "mobilenet_v3_large", self.tensors, self.operators
        graph.inputs, graph.outputs = [self.named(INPUT)], [self.named(OUTPUT)]
        model = schema.ModelT()
        model.version, model.description = SCHEMA_VERSION, "mobilenet benchmark"
        model.operatorCodes = [_operator_code(builtin, int8=bool(self.grids)) for builtin in self.codes]
        model.subgraphs, model.buffers = [graph], self.buffers
        model.signatureDefs = [_signature(graph.inputs[0], graph.outputs[0])]
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
        path.write_bytes(bytes(builder.Output()))


def _operator_code(builtin: str, *, int8: bool) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, builtin)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = VERSIONS[builtin][int8]
    return code


def _signature(input_index: int, output_index: int) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    for entry, name, index in ((signature.inputs[0], INPUT, input_index), (signature.outputs[0], OUTPUT, output_index)):
        entry.name, entry.tensorIndex = name, index
    return signature
