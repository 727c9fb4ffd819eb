"""The grids of an ``.onnx`` file: QuantizeLinear and DequantizeLinear around float operators, and QLinear operators."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pytest_edgert.runtimes.reference.casting import type_named
from pytest_edgert.runtimes.reference.grids import ACTIVATION, BIAS, CONSTANT, WEIGHT, FoundGrids, Grid
from pytest_edgert.runtimes.reference.onnx_model import import_onnx
from pytest_edgert.runtimes.reference.rounding import RANGES
from pytest_edgert.runtimes.reference.values import Value, given
from pytest_edgert.tensors import Array

#: Whole operators between grids, by where their triples of integers, scale and zero point begin, and where scale and
#: zero point of the result stand.
_TRIPLES: Mapping[str, tuple[tuple[int, ...], int]] = {
    "QLinearConv": ((0, 3), 6),
    "QLinearMatMul": ((0, 3), 6),
    "QGemm": ((0, 3), 7),
    "QLinearAdd": ((0, 3), 6),
    "QLinearMul": ((0, 3), 6),
    "QLinearSigmoid": ((0,), 3),
    "QLinearLeakyRelu": ((0,), 3),
    "QLinearAveragePool": ((0,), 3),
    "QLinearGlobalAveragePool": ((0,), 3),
}
#: Operators of weights, with the axis of the filters; Gemm and QGemm say it by an attribute.
_FILTERS = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1, "QLinearConv": 0, "QLinearMatMul": -1}
_FILTERS |= {"ConvInteger": 0, "MatMulInteger": -1}
#: Where the output channels of what an operator makes lie.
_CHANNELS = {"Conv": 1, "ConvTranspose": 1, "QLinearConv": 1, "BatchNormalization": 1}
_CHANNELS |= {"MatMul": -1, "Gemm": -1, "QGemm": -1, "QLinearMatMul": -1}
#: Operators after which a channel is what it was.
_BY_ELEMENT = {"Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Mul", "Add", "PRelu", "Tanh"}
_QUANTIZED = re.compile(r"QLinear|QGemm|QAttention|.*Integer(ToFloat)?$|MatMulNBits")
_KNOWN = {*_TRIPLES, "ConvInteger", "MatMulInteger"}


def read_grids(model: Any) -> FoundGrids:
    """Return the grid of every quantised tensor."""
    graph = _Nodes(model)
    found: dict[str, Grid] = {}
    for node in graph.nodes:
        for grid in _grids_of(graph, node):
            before = found.get(grid.name)
            if before is None or (before.role not in {WEIGHT, BIAS} and before.channels is None):
                found[grid.name] = grid
    unread = {n.op_type for n in graph.nodes if _QUANTIZED.match(n.op_type) and n.op_type not in _KNOWN}
    names = {value.name for value in model.graph.input}
    onto = [node for node in graph.nodes if node.op_type == "QuantizeLinear" and node.input[0] in names]
    inputs = {node.input[0]: found[node.output[0]] for node in onto}
    return FoundGrids(tuple(found.values()), inputs, tuple(sorted(unread)))


class _Nodes:
    """The nodes of a model, those of subgraphs too: its constants, who makes a tensor, and who reads it."""

    def __init__(self, model: Any) -> None:
        self.constants: dict[str, Any] = {}
        self.nodes: list[Any] = []
        self._values: dict[str, Value] = {}
        self._collect(model.graph)
        self.maker = {name: node for node in self.nodes for name in node.output if name}
        self.readers: dict[str, list[tuple[Any, int]]] = {}
        for node in self.nodes:
            for position, name in enumerate(node.input):
                self.readers.setdefault(name, []).append((node, position))

    def _collect(self, graph: Any) -> None:
        self.constants.update((tensor.name, tensor) for tensor in graph.initializer)
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                self.constants[node.output[0]] = node.attribute[0].t
            self.nodes.append(node)
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    self._collect(attribute.g)

    def value(self, node: Any, position: int) -> Value | None:
        """Return a constant input; None where it is computed or left out."""
        name = node.input[position] if position < len(node.input) else ""
        if name not in self.constants:
            return None
        if name not in self._values:
            self._values[name] = given(import_onnx().numpy_helper.to_array(self.constants[name]))
        return self._values[name]


def _grids_of(graph: _Nodes, node: Any) -> Iterator[Grid]:
    kind = node.op_type
    if kind == "QuantizeLinear":
        yield _grid(graph, node, (0, 1, 2), node.output[0])
    elif kind == "DequantizeLinear":
        yield _dequantized(graph, node)
    elif kind == "DynamicQuantizeLinear":
        yield Grid(node.output[0], ACTIVATION, "uint8", np.zeros(0), np.zeros(1, np.int64))
    elif kind in _TRIPLES:
        starts, result = _TRIPLES[kind]
        x, *others = (_grid(graph, node, (at, at + 1, at + 2), node.input[at]) for at in starts)
        yield x
        for other in others:
            yield _as_weight(other, node, x)
        if result < len(node.input) and node.input[result]:
            yield _grid(graph, node, (-1, result, result + 1), node.output[0])
    elif kind in {"MatMulInteger", "ConvInteger"}:
        x = _grid(graph, node, (0, -1, 2), node.input[0])
        yield _as_weight(_grid(graph, node, (1, -1, 3), node.input[1]), node, x)


def _grid(graph: _Nodes, node: Any, at: tuple[int, int, int], name: str) -> Grid:
    """Return a grid from the positions of its integers (-1: none are given), scale and zero point."""
    codes = graph.value(node, at[0]) if at[0] >= 0 and node.op_type != "QuantizeLinear" else None
    scale = graph.value(node, at[1]) if at[1] >= 0 else None
    zero = graph.value(node, at[2])
    scales = np.zeros(0) if scale is None else scale.array.reshape(-1)
    zeros = np.zeros(1, np.int64) if zero is None or zero.is_float else zero.array.reshape(-1).astype(np.int64)
    blocked = scale is not None and scale.array.ndim > 1
    several = max(scales.size, zeros.size) > 1
    axis = _attribute(node, "axis", 0 if node.op_type in {"QLinearConv", "ConvInteger"} else 1)
    axis = _filter_axis(node) if node.op_type in _KNOWN and several else axis
    return Grid(
        name,
        ACTIVATION if codes is None else CONSTANT,
        _dtype(node, codes, zero),
        scales,
        zeros,
        axis if several and not blocked else None,
        None if codes is None or blocked else codes.array,
        _channels(graph, node) if name in node.output else None,
    )


def _dtype(node: Any, codes: Value | None, zero: Value | None) -> str:
    if codes is not None:
        return codes.dtype
    if zero is not None:
        return zero.dtype
    element = _attribute(node, "output_dtype", 0)
    if element and node.op_type == "QuantizeLinear":
        return type_named(element)
    return "" if node.op_type == "DequantizeLinear" else "uint8"


def _dequantized(graph: _Nodes, node: Any) -> Grid:
    """Return the grid of what a DequantizeLinear reads: a weight or bias by the operator that takes it further."""
    grid = _grid(graph, node, (0, 1, 2), node.input[0])
    if grid.codes is None:
        return grid
    for reader, position in graph.readers.get(node.output[0], ()):
        if reader.op_type not in {*_FILTERS, "Gemm"}:
            continue
        source = _before(graph, reader, 0)
        if position == 1:
            x = None if source is None else _grid(graph, source, (0, 1, 2), source.input[0])
            return _as_weight(grid, reader, x)
        weight = _before(graph, reader, 1)
        if position == 2 and source is not None and weight is not None:
            return _as_bias(graph, grid, source, weight)
    return grid


def _before(graph: _Nodes, node: Any, position: int) -> Any:
    """Return the DequantizeLinear that makes an input, None where there is none."""
    maker = graph.maker.get(node.input[position])
    return maker if maker is not None and maker.op_type == "DequantizeLinear" else None


def _as_weight(grid: Grid, node: Any, x: Grid | None) -> Grid:
    if grid.codes is None or grid.codes.ndim < 2 or (node.op_type not in _FILTERS and "Gemm" not in node.op_type):
        return grid
    return Grid(
        grid.name,
        WEIGHT,
        grid.dtype,
        grid.scale,
        grid.zero_point,
        grid.axis,
        grid.codes,
        _filter_axis(node),
        input_reach=0 if x is None or x.role != ACTIVATION else _reach(x),
    )


def _filter_axis(node: Any) -> int:
    if "Gemm" in node.op_type:
        return 0 if _attribute(node, "transB", 0) else 1
    return _FILTERS.get(node.op_type, 1)


def _as_bias(graph: _Nodes, grid: Grid, source: Any, weight: Any) -> Grid:
    scales = graph.value(source, 1), graph.value(weight, 1)
    product: Array | None = None
    if scales[0] is not None and scales[1] is not None and scales[0].array.size == 1:
        product = np.asarray(scales[0].array.reshape(()) * scales[1].array.reshape(-1))
    return Grid(grid.name, BIAS, grid.dtype, grid.scale, grid.zero_point, grid.axis, grid.codes, accumulator=product)


def _reach(x: Grid) -> int:
    """Return the largest |x - zero point| of 8-bit integers, 0 for other types."""
    if x.dtype not in {"int8", "uint8"}:
        return 0
    low, high = RANGES[x.dtype]
    zero = int(x.zero_point[0])
    return max(abs(high - zero), abs(zero - low))


def _channels(graph: _Nodes, node: Any) -> int | None:
    """Return the axis of output channels of what a node makes, looking back over operators by element."""
    for _ in range(4):
        if node is None or node.op_type in _CHANNELS:
            break
        if node.op_type not in _BY_ELEMENT and node.op_type != "QuantizeLinear":
            return None
        node = graph.maker.get(node.input[0])
    return None if node is None else _CHANNELS.get(node.op_type)


def _attribute(node: Any, name: str, default: int) -> int:
    return next((int(one.i) for one in node.attribute if one.name == name), default)
