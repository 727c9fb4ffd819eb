"""Writes the digits network as .tflite: in float32, and in int8 with float32 in and out.

Images are (batch, row, column, channel) here, so filters and the dense layer's columns are permuted on the way out.
The classes named …T are the object interface of the flatbuffers schema that ai-edge-litert brings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers  # type: ignore[import-untyped]  # it ships no types
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from network import (
    INPUT,
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
from quantize import ActivationGrid, QuantizedLayer

SCHEMA_VERSION = 3
FILE_IDENTIFIER = b"TFL3"
TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
}
#: The first version of each operator with the arithmetic used here: (builtin name, float32, int8), as in
#: tensorflow/lite/tools/versioning/op_version.cc.
VERSIONS = {
    "CONV_2D": (1, 3),
    "DEPTHWISE_CONV_2D": (1, 3),
    "HARD_SWISH": (1, 1),
    "MAX_POOL_2D": (1, 2),
    "RESHAPE": (1, 1),
    "FULLY_CONNECTED": (1, 4),
    "SOFTMAX": (1, 2),
    "QUANTIZE": (1, 1),
    "DEQUANTIZE": (2, 2),
}


def export_float(weights: Weights, path: Path) -> None:
    """Write the float32 model."""
    graph = _Graph(int8=False)
    shapes = tensor_shapes()
    before = graph.add_activation(INPUT, shapes[INPUT], np.float32)
    for layer in NETWORK:
        constants = []
        if isinstance(layer, Convolution | Dense):
            weight = _reordered(layer, weights[f"{layer.name}/weight"])
            constants = [graph.add_constant(f"{layer.name}/weight", weight)]
            constants.append(graph.add_constant(f"{layer.name}/bias", weights[f"{layer.name}/bias"]))
        made = graph.add_activation(layer.name, shapes[layer.name], np.float32)
        graph.add_layer(layer, [before, *constants], made)
        before = made
    graph.write(path)


def export_int8(layers: Mapping[str, QuantizedLayer], grids: Mapping[str, ActivationGrid], path: Path) -> None:
    """Write the int8 model: one QUANTIZE, integers throughout, one DEQUANTIZE."""
    graph = _Graph(int8=True)
    shapes = tensor_shapes()
    taken = graph.add_activation(INPUT, shapes[INPUT], np.float32)
    before = graph.add_activation(f"{INPUT}/quantized", shapes[INPUT], np.int8, grids[INPUT])
    graph.add_operator("QUANTIZE", [taken], before)
    for layer in NETWORK:
        constants = []
        if isinstance(layer, Convolution | Dense):
            constants = _add_integers(graph, layer, layers[layer.name])
        name = f"{layer.name}/quantized" if layer.name == OUTPUT else layer.name
        made = graph.add_activation(name, shapes[layer.name], np.int8, grids[layer.name])
        graph.add_layer(layer, [before, *constants], made)
        before = made
    graph.add_operator("DEQUANTIZE", [before], graph.add_activation(OUTPUT, shapes[OUTPUT], np.float32))
    graph.write(path)


def _add_integers(graph: _Graph, layer: Convolution | Dense, integers: QuantizedLayer) -> list[int]:
    scaled = _quantization(integers.weight_scales, np.zeros_like(integers.weight_scales, np.int64))
    scaled.quantizedDimension = 3 if isinstance(layer, Convolution) and layer.depthwise else 0
    bias_scaled = _quantization(integers.bias_scales, np.zeros_like(integers.bias_scales, np.int64))
    return [
        graph.add_constant(f"{layer.name}/weight", _reordered(layer, integers.weight), scaled),
        graph.add_constant(f"{layer.name}/bias", integers.bias, bias_scaled),
    ]


def _quantization(scales: Array, zero_points: Array) -> Any:
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = scales, zero_points
    return quantization


def _reordered(layer: Convolution | Dense, weight: Array) -> Array:
    """Return a weight as channels-last operators want it."""
    if isinstance(layer, Convolution):
        return weight.transpose(1, 2, 3, 0) if layer.depthwise else weight.transpose(0, 2, 3, 1)
    _, *image = tensor_shapes()[next(before.name for before in NETWORK if isinstance(before, MaxPool))]
    return weight.reshape(layer.outputs, *image).transpose(0, 2, 3, 1).reshape(weight.shape)


def _channels_last(shape: Sequence[int]) -> list[int]:
    return [shape[0], *shape[2:], shape[1]] if len(shape) == 4 else list(shape)


class _Graph:
    """A .tflite model while it grows: tensors, their buffers, operators."""

    def __init__(self, *, int8: bool) -> None:
        """Begin with no tensors; `int8` chooses the versions of operators."""
        self._int8 = int8
        self._buffers = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[str] = []

    def add_activation(
        self, name: str, shape: Sequence[int], dtype: type[np.generic], grid: ActivationGrid | None = None
    ) -> int:
        """Return the index of a tensor that the graph computes; `shape` is channels-first."""
        grid_parameters = grid and _quantization(np.array([grid.scale], np.float32), np.array([grid.zero_point]))
        return self._add_tensor(name, _channels_last(shape), np.dtype(dtype), 0, grid_parameters)

    def add_constant(self, name: str, values: Array, quantization: Any = None) -> int:
        """Return the index of a tensor with fixed values."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._buffers.append(buffer)
        return self._add_tensor(name, list(values.shape), values.dtype, len(self._buffers) - 1, quantization)

    def add_layer(self, layer: Layer, inputs: Sequence[int], output: int) -> None:
        """Append the operator of a layer."""
        options: dict[str, Any]
        match layer:
            case Convolution(depthwise=True):
                options = {"padding": schema.Padding.SAME, "strideW": 1, "strideH": 1, "depthMultiplier": 1}
                self.add_operator("DEPTHWISE_CONV_2D", inputs, output, "DepthwiseConv2DOptions", options)
            case Convolution():
                options = {"padding": schema.Padding.SAME, "strideW": 1, "strideH": 1}
                self.add_operator("CONV_2D", inputs, output, "Conv2DOptions", options)
            case HardSwish():
                self.add_operator("HARD_SWISH", inputs, output, "HardSwishOptions")
            case MaxPool(size=size):
                strides = {"strideW": size, "strideH": size, "filterWidth": size, "filterHeight": size}
                options = {"padding": schema.Padding.VALID, **strides}
                self.add_operator("MAX_POOL_2D", inputs, output, "Pool2DOptions", options)
            case Flatten():
                shape = self.add_constant(f"{layer.name}/shape", np.array(self._tensors[output].shape, np.int32))
                options = {"newShape": self._tensors[output].shape}
                self.add_operator("RESHAPE", [*inputs, shape], output, "ReshapeOptions", options)
            case Dense():
                self.add_operator("FULLY_CONNECTED", inputs, output, "FullyConnectedOptions")
            case Softmax():
                self.add_operator("SOFTMAX", inputs, output, "SoftmaxOptions", {"beta": 1.0})

    def add_operator(
        self,
        builtin: str,
        inputs: Sequence[int],
        output: int,
        options_name: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Append an operator with the options of its kind."""
        if builtin not in self._codes:
            self._codes.append(builtin)
        operator = schema.OperatorT()
        operator.opcodeIndex = self._codes.index(builtin)
        operator.inputs, operator.outputs = list(inputs), [output]
        if options_name:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options_name)
            operator.builtinOptions = getattr(schema, f"{options_name}T")()
            for key, value in (options or {}).items():
                setattr(operator.builtinOptions, key, value)
        self._operators.append(operator)

    def write(self, path: Path) -> None:
        """Write the model; its one signature names input and output."""
        names = [tensor.name for tensor in self._tensors]
        graph = schema.SubGraphT()
        graph.name = "digits"
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = [names.index(INPUT)], [names.index(OUTPUT)]
        model = schema.ModelT()
        model.version, model.description = SCHEMA_VERSION, "digits example"
        model.operatorCodes = [self._operator_code(builtin) for builtin in self._codes]
        model.subgraphs, model.buffers = [graph], self._buffers
        model.signatureDefs = [_signature(graph.inputs[0], graph.outputs[0])]
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
        path.write_bytes(bytes(builder.Output()))

    def _add_tensor(self, name: str, shape: list[int], dtype: np.dtype[Any], buffer: int, quantization: Any) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, TYPES[dtype], buffer
        tensor.quantization, tensor.hasRank = quantization, True
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _operator_code(self, builtin: str) -> Any:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, builtin)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = VERSIONS[builtin][self._int8]
        return code


def _signature(input_index: int, output_index: int) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    for entry, name, index in ((signature.inputs[0], INPUT, input_index), (signature.outputs[0], OUTPUT, output_index)):
        entry.name, entry.tensorIndex = name, index
    return signature
