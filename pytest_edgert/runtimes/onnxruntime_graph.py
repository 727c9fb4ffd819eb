"""What an ``.onnx`` file says that ONNX Runtime does not tell: external data, names of free dimensions, quantisation.

Reads the protobuf wire format where the file lies and skips the weights, for it runs in the worker whose
load time and memory are measured: importing `onnx` and loading the model a second time would be counted.
Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.errors import ArtefactError
from pytest_edgert.runtimes.onnxruntime_wire import Span, as_bytes, fields, messages, signed, text, varints

if TYPE_CHECKING:
    from pytest_edgert.tensors import Quantization

_MODEL_GRAPH, _MODEL_FUNCTION = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_SPARSE = 1, 5, 11, 12, 15
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 4, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_FLOATS, _TENSOR_INTS, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_EXTERNAL = (
    1,
    2,
    4,
    5,
    8,
    9,
    13,
)
#: The entry {"location": …} of external data as it begins in the file: key, length 8, "location".
_LOCATION_ENTRY = b"\x0a\x08location"
#: Operators of quantised arithmetic, ONNX's own and those of com.microsoft.
_QUANTIZED = re.compile(r"(Dynamic)?(Quantize|Dequantize)|QLinear|QGemm|QAttention|.*Integer(ToFloat)?$|MatMulNBits")
_CHUNK_BYTES = 2**20
#: struct codes of the element types that scales and zero points have: float, uint8, int8, uint16, int16, int32, float16.
_CODES = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 10: "e"}


@dataclass(slots=True)
class _Node:
    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: list[Span] = field(default_factory=list)


def check_external_data(artefact: Path) -> None:
    """Refuse a model whose weights lie outside its folder or are not there.

    Raises:
        ArtefactError: A location is absolute, leaves the folder (also through a link), or is missing.
    """
    if not _mentions_external_data(artefact):
        return
    folder = artefact.parent.resolve()
    for location in sorted(_locations(artefact)):
        found = (folder / location).resolve()
        if not found.is_relative_to(folder):
            raise ArtefactError(
                f"{artefact} keeps weights in {location!r}, which lies outside its folder {folder}.",
                "Move the file beside the model and save the model with that location.",
            )
        if not found.is_file():
            raise ArtefactError(
                f"{artefact} keeps weights in {location!r}; {found} is not there.",
                "Put the external data beside the model: both files are the artefact.",
            )


def input_symbols(artefact: Path) -> dict[str, tuple[int | str | None, ...]]:
    """Return the shape of every tensor input with the names of free dimensions; empty for a file it cannot read."""
    try:
        with _Graph(artefact) as graph:
            return dict(_read_value_info(span) for span in graph.spans(_GRAPH_INPUT))
    except (ValueError, IndexError):
        return {}


def read_quantization(artefact: Path, names: set[str]) -> dict[str, Quantization]:
    """Return the parameters of those inputs and outputs that the graph quantises right at its edge.

    An input counts when every DequantizeLinear that reads it says the same, an output when a QuantizeLinear
    writes it. Parameters that are computed, or blocked, are left out.
    """
    try:
        with _Graph(artefact) as graph:
            return _quantization(graph, names)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError):
        return {}


def is_quantized(artefact: Path) -> bool | None:
    """Return whether any node of the main graph works on quantised tensors; None for a file it cannot read."""
    try:
        with _Graph(artefact) as graph:
            return any(_QUANTIZED.match(_read_node(span).operator) for span in graph.spans(_GRAPH_NODE))
    except (ValueError, IndexError, struct.error, UnicodeDecodeError):
        return None


class _Graph:
    """The main graph of a file, mapped while in use."""

    def __init__(self, artefact: Path) -> None:
        self._artefact = artefact

    def __enter__(self) -> _Graph:
        with self._artefact.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._spans = [span for number, span in messages((self._map, 0, len(self._map))) if number == _MODEL_GRAPH]
        return self

    def __exit__(self, *exc: object) -> None:
        self._map.close()

    def spans(self, wanted: int) -> Iterator[Span]:
        """Yield the messages of one field of the graph."""
        return (span for graph in self._spans for number, span in messages(graph) if number == wanted)


def _quantization(graph: _Graph, names: set[str]) -> dict[str, Quantization]:
    found: dict[str, Quantization | None] = {}
    constants: dict[str, Span] = {}
    edges: list[tuple[str, _Node]] = []
    for node in map(_read_node, graph.spans(_GRAPH_NODE)):
        if node.operator == "Constant" and node.attributes:
            constants[node.outputs[0]] = _attribute_tensor(node.attributes[0])
        elif node.operator == "DequantizeLinear" and node.inputs[0] in names:
            edges.append((node.inputs[0], node))
        elif node.operator == "QuantizeLinear" and node.outputs[0] in names:
            edges.append((node.outputs[0], node))
    if edges:
        constants.update((text(span, _TENSOR_NAME), span) for span in graph.spans(_GRAPH_INITIALIZER))
    for name, node in edges:
        parameters = _parameters(node, constants)
        found[name] = parameters if found.get(name, parameters) == parameters else None
    return {name: parameters for name, parameters in found.items() if parameters is not None}


def _parameters(node: _Node, constants: dict[str, Span]) -> Quantization | None:
    from pytest_edgert.tensors import Quantization

    wanted = [name for name in node.inputs[1:3] if name]
    if not wanted or any(name not in constants for name in wanted):
        return None
    scale = _numbers(constants[wanted[0]])
    zero_point = _numbers(constants[wanted[1]]) if len(wanted) == 2 else (0.0,) * len(scale)
    rank = sum(
        1 if isinstance(value, int) else len(list(varints(value)))
        for number, value in fields(constants[wanted[0]])
        if number == _TENSOR_DIMS
    )
    if rank > 1 or len(scale) != len(zero_point) or not scale:
        return None
    axis = _axis(node) if len(scale) > 1 else None
    return Quantization(scale, tuple(int(value) for value in zero_point), axis)


def _axis(node: _Node) -> int:
    for attribute in node.attributes:
        if text(attribute, 1) == "axis":
            return next(
                (signed(value) for number, value in fields(attribute) if number == 3 and isinstance(value, int)), 0
            )
    return 1  # the default of QuantizeLinear and DequantizeLinear


def _numbers(tensor: Span) -> tuple[float, ...]:
    """Return the elements of a small tensor of one of the types in `_CODES`."""
    code = ""
    data, packed = b"", list[float]()
    for number, value in fields(tensor):
        if number == _TENSOR_TYPE and isinstance(value, int):
            code = _CODES.get(value, "")
        elif number == _TENSOR_RAW:
            data = as_bytes(value)
        elif number == _TENSOR_FLOATS:
            data += value.to_bytes(4, "little") if isinstance(value, int) else as_bytes(value)
        elif number == _TENSOR_INTS:
            packed += [signed(item) for item in ([value] if isinstance(value, int) else varints(value))]
    if packed:
        return tuple(packed)
    if not code or len(data) % struct.calcsize(code):
        return ()
    return struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)


def _locations(artefact: Path) -> set[str]:
    try:
        with artefact.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return {text(entry, 2) for entry in _entries((data, 0, len(data)), "model") if text(entry, 1) == "location"}
    except (ValueError, IndexError) as error:
        raise ArtefactError(f"{artefact} is not a sound ONNX file: {error}.", "Export or download it again.") from error


#: Where tensors may lie: message kind -> field -> message kind.
_TENSOR_PATHS = {
    "model": {_MODEL_GRAPH: "graph", _MODEL_FUNCTION: "function", 20: "training"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node"},
    "graph": {_GRAPH_NODE: "node", _GRAPH_INITIALIZER: "tensor", _GRAPH_SPARSE: "sparse"},
    "node": {_NODE_ATTRIBUTE: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {_TENSOR_EXTERNAL: "entry"},
}


def _entries(span: Span, kind: str) -> Iterator[Span]:
    """Yield every external-data entry below a message."""
    pending = [(span, kind)]
    while pending:
        inside, kind = pending.pop()
        for number, message in messages(inside):
            below = _TENSOR_PATHS[kind].get(number)
            if below == "entry":
                yield message
            elif below is not None:
                pending.append((message, below))


def _mentions_external_data(artefact: Path) -> bool:
    """Search the bytes in chunks, without mapping the file: mapped pages would count as the worker's memory."""
    tail = b""
    with artefact.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            if _LOCATION_ENTRY in tail + chunk:
                return True
            tail = chunk[-len(_LOCATION_ENTRY) :]
    return False


def _read_value_info(span: Span) -> tuple[str, tuple[int | str | None, ...]]:
    """Return the name and shape of a ValueInfoProto (name 1, type 2 > tensor_type 1 > shape 2 > dim 1)."""
    inside = [span]
    for number in (2, 1, 2, 1):
        inside = [message for outer in inside for found, message in messages(outer) if found == number]
    return text(span, 1), tuple(_read_dimension(dimension) for dimension in inside)


def _read_dimension(span: Span) -> int | str | None:
    for number, value in fields(span):
        if number == 1 and isinstance(value, int):
            return value
        if number == 2:
            return as_bytes(value).decode() or None
    return None


def _read_node(span: Span) -> _Node:
    node = _Node()
    for number, message in messages(span):
        if number == _NODE_INPUT:
            node.inputs.append(as_bytes(message).decode())
        elif number == _NODE_OUTPUT:
            node.outputs.append(as_bytes(message).decode())
        elif number == _NODE_OPERATOR:
            node.operator = as_bytes(message).decode()
        elif number == _NODE_ATTRIBUTE:
            node.attributes.append(message)
    return node


def _attribute_tensor(attribute: Span) -> Span:
    return next((span for number, span in messages(attribute) if number == 5), (b"", 0, 0))
