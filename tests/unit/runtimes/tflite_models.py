"""Small .tflite models, each with one thing that a test is about, written without the schema's generated code.

So they can be written where only `tflite_runtime` is installed. Field numbers are those of the TFLite schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import flatbuffers
import numpy as np

TYPES = {
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "string": 5,
    "bool": 6,
    "int16": 7,
    "int8": 9,
    "float64": 10,
    "uint64": 12,
    "uint32": 15,
    "resource": 13,
    "uint16": 16,
    "int4": 17,
    "bfloat16": 18,
}
#: Builtin operators by name: number, and number of their options in the union BuiltinOptions.
OPERATORS = {
    "ADD": (0, 11),
    "FULLY_CONNECTED": (9, 8),
    "MUL": (18, 21),
    "RESHAPE": (22, 17),
    "SVDF": (27, 6),
    "ABS": (101, 78),
    "WHERE": (109, 85),
    "CALL_ONCE": (129, 103),
    "VAR_HANDLE": (142, 111),
    "READ_VARIABLE": (143, 112),
    "ASSIGN_VARIABLE": (144, 113),
}


@dataclass
class Tensor:
    """A tensor; `values` makes it a constant, `free` are the axes whose length is told as -1."""

    name: str
    shape: Sequence[int] = (2,)
    dtype: str = "float32"
    values: np.ndarray | None = None
    scale: Sequence[float] = ()
    zero_point: Sequence[int] = ()
    axis: int = 0
    free: Sequence[int] = ()
    variable: bool = False


@dataclass
class Operator:
    """An operator by name, a custom one by any name that is not builtin; options are field: (kind, value)."""

    name: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Mapping[int, tuple[str, object]] = field(default_factory=dict)
    version: int = 1


@dataclass
class Graph:
    tensors: Sequence[Tensor]
    operators: Sequence[Operator]
    inputs: Sequence[int]
    outputs: Sequence[int]


#: Signatures: key, names of inputs, names of outputs, subgraph.
Names = tuple[str, Mapping[str, int], Mapping[str, int], int]


def save(path: Path, *graphs: Graph, signatures: Sequence[Names] = ()) -> Path:
    """Write a model of these subgraphs."""
    b = flatbuffers.Builder(1024)
    operators = [operator for graph in graphs for operator in graph.operators]
    codes = list(dict.fromkeys((operator.name, operator.version) for operator in operators))
    buffers = [_table(b, {})]
    made_graphs = [_graph(b, graph, codes, buffers) for graph in graphs]
    model = {
        0: ("I", 3),
        1: ("offset", _offsets(b, [_code(b, *code) for code in codes])),
        2: ("offset", _offsets(b, made_graphs)),
        4: ("offset", _offsets(b, buffers)),
        7: ("offset", _offsets(b, [_signature(b, *names) for names in signatures])),
    }
    b.Finish(_table(b, model), b"TFL3")
    path.write_bytes(b.Output())
    return path


def _graph(b, graph: Graph, codes, buffers: list[int]) -> int:
    tensors = _offsets(b, [_tensor(b, tensor, buffers) for tensor in graph.tensors])
    operators = _offsets(b, [_operator(b, operator, codes) for operator in graph.operators])
    inputs, outputs = _numbers(b, graph.inputs, np.int32), _numbers(b, graph.outputs, np.int32)
    return _table(b, {number: ("offset", at) for number, at in enumerate((tensors, inputs, outputs, operators))})


def _tensor(b, tensor: Tensor, buffers: list[int]) -> int:
    buffer = 0
    if tensor.values is not None:
        data = _numbers(b, np.frombuffer(np.ascontiguousarray(tensor.values).tobytes(), np.uint8), np.uint8)
        buffer = len(buffers)
        buffers.append(_table(b, {0: ("offset", data)}))
    fields = {
        0: ("offset", _numbers(b, tensor.shape, np.int32)),
        1: ("b", TYPES[tensor.dtype]),
        2: ("I", buffer),
        3: ("offset", b.CreateString(tensor.name)),
        5: ("?", tensor.variable),
    }
    if tensor.scale:
        zero_points = tensor.zero_point or [0] * len(tensor.scale)
        scaled = {
            2: ("offset", _numbers(b, tensor.scale, np.float32)),
            3: ("offset", _numbers(b, zero_points, np.int64)),
            6: ("i", tensor.axis),
        }
        fields[4] = ("offset", _table(b, scaled))
    if tensor.free:
        told = [-1 if axis in tensor.free else length for axis, length in enumerate(tensor.shape)]
        fields[7] = ("offset", _numbers(b, told, np.int32))
    return _table(b, fields)


def _operator(b, operator: Operator, codes) -> int:
    fields = {
        0: ("I", codes.index((operator.name, operator.version))),
        1: ("offset", _numbers(b, operator.inputs, np.int32)),
        2: ("offset", _numbers(b, operator.outputs, np.int32)),
    }
    union = OPERATORS.get(operator.name, (32, 0))[1]
    if union:
        options = {
            number: ("offset", b.CreateString(value)) if kind == "text" else (kind, value)
            for number, (kind, value) in operator.options.items()
        }
        fields |= {3: ("B", union), 4: ("offset", _table(b, options))}
    return _table(b, fields)


def _code(b, name: str, version: int) -> int:
    number = OPERATORS.get(name, (32, 0))[0]
    custom = {} if name in OPERATORS else {1: ("offset", b.CreateString(name))}
    return _table(b, {0: ("b", min(number, 127)), 2: ("i", version), 3: ("i", number), **custom})


def _signature(b, key: str, inputs: Mapping[str, int], outputs: Mapping[str, int], graph: int) -> int:
    maps = [
        _offsets(b, [_table(b, {0: ("offset", b.CreateString(n)), 1: ("I", i)}) for n, i in names.items()])
        for names in (inputs, outputs)
    ]
    text = b.CreateString(key)
    return _table(b, {0: ("offset", maps[0]), 1: ("offset", maps[1]), 2: ("offset", text), 4: ("I", graph)})


_PREPEND = {"b": "Int8", "B": "Uint8", "?": "Bool", "i": "Int32", "I": "Uint32"}


def _table(b, fields: Mapping[int, tuple[str, object]]) -> int:
    b.StartObject(max(fields, default=-1) + 1)
    for number, (kind, value) in fields.items():
        if kind == "offset":
            b.PrependUOffsetTRelativeSlot(number, value, 0)
        else:
            getattr(b, f"Prepend{_PREPEND[kind]}Slot")(number, value, 0)
    return b.EndObject()


def _numbers(b, values, dtype) -> int:
    return b.CreateNumpyVector(np.asarray(values, dtype))


def _offsets(b, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def one_operator(name: str = "ABS", dtype: str = "float32", shape: Sequence[int] = (2,), **more) -> Graph:
    """A graph of one operator with one input x and one output y of the same type."""
    free = more.pop("free", ())
    tensors = [Tensor("x", shape, dtype, free=free), Tensor("y", shape, dtype, free=free)]
    return Graph(tensors, [Operator(name, [0], [1], **more)], [0], [1])


def passing(dtype: str, shape: Sequence[int]) -> Graph:
    """A graph that gives its input back, through RESHAPE to its own shape."""
    to = Tensor("to", (len(shape),), "int32", np.asarray(shape, np.int32))
    tensors = [Tensor("x", shape, dtype), to, Tensor("y", shape, dtype)]
    return Graph(tensors, [Operator("RESHAPE", [0, 1], [2])], [0], [2])


def float_model() -> Graph:
    """Two inputs, x with a free batch through a matrix, q through a sum of integers; y and p out."""
    weight = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)
    tensors = [
        Tensor("x", (1, 4), free=[0]),
        Tensor("w", (5, 4), values=weight),
        Tensor("b", (5,), values=np.linspace(0, 1, 5, dtype=np.float32)),
        Tensor("y", (1, 5), free=[0]),
        Tensor("q", (3,), "int32"),
        Tensor("one", (3,), "int32", np.ones(3, np.int32)),
        Tensor("p", (3,), "int32"),
    ]
    operators = [Operator("FULLY_CONNECTED", [0, 1, 2], [3]), Operator("ADD", [4, 5], [6])]
    return Graph(tensors, operators, [0, 4], [3, 6])


def int8_model() -> Graph:
    """x through an int8 matrix, with a free batch and quantisation per tensor."""
    weight = (np.arange(20) * 11 % 23 - 11).astype(np.int8).reshape(5, 4)
    tensors = [
        Tensor("x", (1, 4), "int8", scale=[0.5], zero_point=[3], free=[0]),
        Tensor("w", (5, 4), "int8", weight, [0.25], [0]),
        Tensor("b", (5,), "int32", np.arange(5, dtype=np.int32), [0.125], [0]),
        Tensor("y", (1, 5), "int8", scale=[2.0], zero_point=[-1], free=[0]),
    ]
    return Graph(tensors, [Operator("FULLY_CONNECTED", [0, 1, 2], [3], version=4)], [0], [3])


def stateful_model() -> Graph:
    """SVDF of one unit with a memory of two: y = x_t + x_(t-1), unless its variable is reset."""
    tensors = [
        Tensor("x", (1, 1)),
        Tensor("feature", (1, 1), values=np.ones((1, 1), np.float32)),
        Tensor("time", (1, 2), values=np.ones((1, 2), np.float32)),
        Tensor("state", (1, 2), variable=True),
        Tensor("y", (1, 1)),
    ]
    options = {0: ("i", 1)}  # the rank
    return Graph(tensors, [Operator("SVDF", [0, 1, 2, -1, 3], [4], options)], [0], [4])


def counting_model() -> tuple[Graph, Graph]:
    """y = x + v, v = y: a resource variable that a subgraph sets up once and the main one writes."""
    handle = {1: ("text", "v")}
    main = Graph(
        [Tensor("x"), Tensor("h", (1,), "resource"), Tensor("v"), Tensor("y")],
        [
            Operator("CALL_ONCE", [], [], {0: ("i", 1)}),
            Operator("VAR_HANDLE", [], [1], handle),
            Operator("READ_VARIABLE", [1], [2]),
            Operator("ADD", [0, 2], [3]),
            Operator("ASSIGN_VARIABLE", [1, 3], []),
        ],
        [0],
        [3],
    )
    once = Graph(
        [Tensor("h", (1,), "resource"), Tensor("zero", values=np.full(2, 5, np.float32))],
        [Operator("VAR_HANDLE", [], [0], handle), Operator("ASSIGN_VARIABLE", [0, 1], [])],
        [],
        [],
    )
    return main, once
