"""The grids of a ``.tflite`` file, and what each tensor is to the operators that read and make it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pytest_edgert.runtimes.reference.grids import ACTIVATION, BIAS, CONSTANT, WEIGHT, FoundGrids, Grid
from pytest_edgert.runtimes.reference.rounding import RANGES
from pytest_edgert.runtimes.reference.tflite_model import Operation, Tensor, TfliteModel
from pytest_edgert.tensors import Array

#: Operators of weights by number: positions of input, weight and bias, and the weight's axis of filters. CONV_2D,
#: DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV.
_WEIGHTED = {3: (0, 1, 2, 0), 4: (0, 1, 2, 3), 9: (0, 1, 2, 0), 67: (2, 1, 3, 0)}
_QUANTIZE = 114
#: Types whose products are summed in 32 bits; 16-bit inputs are in 64.
_NARROW_INPUTS = ("int8", "uint8")


def read_grids(model: TfliteModel) -> FoundGrids:
    """Return the grid of every quantised tensor that an operator reads or makes."""
    touched = {index for one in model.operations for index in (*one.inputs, *one.outputs) if index != -1}
    roles = dict(_roles(model))
    grids = tuple(
        roles.get(index) or _plain(tensor)
        for index, tensor in enumerate(model.tensors)
        if index in touched and tensor.is_quantized
    )
    ports = {port.index: port.name for port in model.inputs}
    onto = [one for one in model.operations if one.code == _QUANTIZE and one.inputs[0] in ports]
    inputs = {
        ports[one.inputs[0]]: _plain(model.tensors[one.outputs[0]])
        for one in onto
        if not model.tensors[one.inputs[0]].is_quantized
    }
    return FoundGrids(grids, inputs)


def _plain(tensor: Tensor) -> Grid:
    return _grid(tensor, ACTIVATION if tensor.content is None else CONSTANT)


def _roles(model: TfliteModel) -> Iterator[tuple[int, Grid]]:
    """Yield, by the tensor's index, the grids of weights, biases and what is made of them."""
    for one in model.operations:
        if one.code not in _WEIGHTED:
            continue
        x, weight, bias, filters = _WEIGHTED[one.code]
        source, w = _tensor(model, one, x), _tensor(model, one, weight)
        if source is None or w is None:
            continue
        if w.is_quantized and w.content is not None:
            yield one.inputs[weight], _grid(w, WEIGHT, channels=filters, input_reach=_reach(source))
        added = _tensor(model, one, bias)
        if added is not None and added.is_quantized and added.content is not None:
            yield one.inputs[bias], _grid(added, BIAS, accumulator=_product(source, w))
        made = model.tensors[one.outputs[0]]
        if made.is_quantized:
            yield one.outputs[0], _grid(made, ACTIVATION, channels=-1)


def _tensor(model: TfliteModel, one: Operation, position: int) -> Tensor | None:
    index = one.inputs[position] if position < len(one.inputs) else -1
    return None if index == -1 else model.tensors[index]


def _product(source: Tensor, weight: Tensor) -> Array | None:
    if source.scale is None or weight.scale is None:
        return None
    # Kernels multiply the two float32 scales in double.
    return np.asarray(source.scale.reshape(-1)[0] * weight.scale)


def _reach(source: Tensor) -> int:
    if not source.is_quantized or source.dtype not in _NARROW_INPUTS:
        return 0
    low, high = RANGES[source.dtype]
    zero = int(source.zero_point.reshape(-1)[0])
    return max(abs(high - zero), abs(zero - low))


def _grid(
    tensor: Tensor, role: str, *, channels: int | None = None, accumulator: Array | None = None, input_reach: int = 0
) -> Grid:
    scale = np.zeros(0) if tensor.scale is None else tensor.scale
    axis = tensor.axis if scale.size > 1 else None
    return Grid(
        tensor.name,
        role,
        tensor.dtype,
        scale,
        tensor.zero_point,
        axis,
        tensor.content,
        channels,
        accumulator,
        input_reach,
    )
