"""What a ``.tflite`` file says that LiteRT does not tell: whether it is whole, names of its signature, kept state.

Reads where the file lies and skips the weights, for it runs in the worker whose load time and memory are measured.
Field numbers: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_edgert.errors import ArtefactError
from pytest_edgert.runtimes.litert_flatbuffer import Content, Table, root

_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_METADATA, _MODEL_SIGNATURES = 1, 2, 4, 6, 7
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 1, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME, _TENSOR_QUANTIZATION = 0, 1, 2, 3, 4
_TENSOR_VARIABLE, _TENSOR_SPARSITY, _TENSOR_SIGNATURE = 5, 6, 7
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_OPTIONS = 0, 1, 2, 4
_OPERATOR_CUSTOM_OPTIONS, _OPERATOR_INTERMEDIATES, _OPERATOR_OPTIONS_2 = 5, 8, 12
_CALL_ONCE, _ASSIGN_VARIABLE = 129, 144
_QUANTIZATION_SCALE = 2
#: Types of quantised tensors; an int32 with a scale is a bias.
_INTEGERS = ("int8", "uint8", "int16", "int4")
#: TensorType by number.
_TYPES = (
    *("float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64"),
    *("complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4"),
    *("float8_e4m3fn", "float8_e5m2"),
)


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output.

    Args:
        name: As the signature calls it, else its tensor.
        index: Of its tensor.
        dtype: Of its tensor.
        tensor: The tensor's own name, which other readers of the file may use.
    """

    name: str
    index: int
    dtype: str
    tensor: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The parts of a file that the adapter needs.

    Args:
        inputs: Of the first subgraph, in its order.
        outputs: Likewise; a tensor that a signature names twice is there twice.
        signature: Key of the SignatureDef that names them, empty when there is none.
        has_variables: Whether tensors keep values between inferences, until they are reset.
        assigns_variables: Whether operators write resource variables, which cannot be reset.
        default_shapes: By tensor name, the lengths that the file gives to every dimension of an input, free ones too.
        quantized: Whether tensors of the file are quantised.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    signature: str
    has_variables: bool
    assigns_variables: bool
    default_shapes: Mapping[str, tuple[int, ...]]
    quantized: bool


def read_file(artefact: Path) -> ModelFile:
    """Check every offset of the file's structure and return what it says.

    Raises:
        ArtefactError: It is truncated, foreign, or contradicts itself.
    """
    try:
        with artefact.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _read_model(content)
    except (ValueError, OSError) as error:
        raise ArtefactError(
            f"{artefact} is no .tflite model, or a damaged one: {error}.", "Convert or download it again."
        ) from error


def _read_model(content: Content) -> ModelFile:
    model = root(content, b"TFL3")
    buffers = sum(_check_buffer(buffer, len(content)) for buffer in model.tables(_MODEL_BUFFERS))
    codes = [_read_code(code) for code in model.tables(_MODEL_CODES)]
    graphs = list(model.tables(_MODEL_SUBGRAPHS))
    if not graphs:
        raise ValueError("it has no subgraph")
    for metadata in model.tables(_MODEL_METADATA):
        metadata.text(0)
    tensors = [_read_tensors(graph, buffers) for graph in graphs]
    operators = [_read_operators(graph, codes, len(own)) for graph, own in zip(graphs, tensors, strict=True)]
    key, taken, given = _read_signature(model, len(tensors[0]))
    return ModelFile(
        _name_ports(graphs[0].integers(_GRAPH_INPUTS), tensors[0], taken, "input"),
        _name_ports(graphs[0].integers(_GRAPH_OUTPUTS), tensors[0], given, "output"),
        key,
        any(tensor.number(_TENSOR_VARIABLE, "B") for own in tensors for tensor in own),
        _assigns_variables(operators),
        _default_shapes(graphs[0].integers(_GRAPH_INPUTS), tensors[0]),
        any(_is_quantized(tensor) for own in tensors for tensor in own),
    )


def _default_shapes(inputs: Sequence[int], tensors: Sequence[Table]) -> dict[str, tuple[int, ...]]:
    shapes = {tensors[index].text(_TENSOR_NAME): tensors[index].integers(_TENSOR_SHAPE) for index in inputs}
    return {name: shape for name, shape in shapes.items() if all(length > 0 for length in shape)}


def _is_quantized(tensor: Table) -> bool:
    quantization = tensor.table(_TENSOR_QUANTIZATION)
    scales = quantization.span(_QUANTIZATION_SCALE, 4)[1] if quantization is not None else 0
    return scales > 0 and _type_name(tensor) in _INTEGERS


def _type_name(tensor: Table) -> str:
    number = tensor.number(_TENSOR_TYPE, "b")
    return _TYPES[number] if 0 <= number < len(_TYPES) else f"type {number}"


def _check_buffer(buffer: Table, size_bytes: int) -> int:
    buffer.span(0, 1)
    if buffer.number(1, "Q") + buffer.number(2, "Q") > size_bytes:
        raise ValueError(f"it is truncated: weights lie after its last byte, {size_bytes}")
    return 1


def _read_code(code: Table) -> int:
    """Return the number of a builtin operator; an older file has it in the narrower field."""
    code.text(1)
    return max(code.number(0, "b"), code.number(3, "i"))


def _read_tensors(graph: Table, buffers: int) -> list[Table]:
    found = list(graph.tables(_GRAPH_TENSORS))
    for tensor in found:
        for field in (_TENSOR_SHAPE, _TENSOR_SIGNATURE):
            tensor.span(field, 4)
        tensor.span(_TENSOR_NAME, 1)
        tensor.table(_TENSOR_SPARSITY)
        _check_indices((tensor.number(_TENSOR_BUFFER, "I"),), buffers, "buffer")
        quantization = tensor.table(_TENSOR_QUANTIZATION)
        if quantization is not None:
            for field, item_bytes in ((0, 4), (1, 4), (2, 4), (3, 8)):
                quantization.span(field, item_bytes)
            quantization.table(5)
    for field in (_GRAPH_INPUTS, _GRAPH_OUTPUTS):
        _check_indices(graph.integers(field), len(found), "tensor")
    return found


def _read_operators(graph: Table, codes: Sequence[int], tensors: int) -> list[tuple[int, Table | None]]:
    """Return number and options of every operator of a subgraph."""
    found = []
    for operator in graph.tables(_GRAPH_OPERATORS):
        for field in (_OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_INTERMEDIATES):
            _check_indices((index for index in operator.integers(field) if index != -1), tensors, "tensor")
        operator.span(_OPERATOR_CUSTOM_OPTIONS, 1)
        operator.table(_OPERATOR_OPTIONS_2)
        index = operator.number(_OPERATOR_CODE, "I")
        _check_indices((index,), len(codes), "operator code")
        found.append((codes[index], operator.table(_OPERATOR_OPTIONS)))
    return found


def _check_indices(indices: Iterable[int], count: int, what: str) -> None:
    for index in indices:
        if not 0 <= index < count:
            raise ValueError(f"it names {what} {index} of {count}")


def _assigns_variables(operators: Sequence[Sequence[tuple[int, Table | None]]]) -> bool:
    """Return whether variables are written elsewhere than in a subgraph that runs once, to set them up."""
    once = {options.number(0, "i") for own in operators for code, options in own if code == _CALL_ONCE and options}
    return any(code == _ASSIGN_VARIABLE for graph, own in enumerate(operators) if graph not in once for code, _ in own)


def _read_signature(model: Table, tensors: int) -> tuple[str, dict[str, int], dict[str, int]]:
    """Return key and names of the first SignatureDef of the first subgraph, `serving_default` before others."""
    found = {}
    for signature in model.tables(_MODEL_SIGNATURES):
        key, taken, given = signature.text(2), _read_names(signature, 0), _read_names(signature, 1)
        if signature.number(4, "I") == 0:
            _check_indices((*taken.values(), *given.values()), tensors, "tensor")
            found[key] = (key, taken, given)
    return found.get("serving_default") or next(iter(found.values()), ("", {}, {}))


def _read_names(signature: Table, field: int) -> dict[str, int]:
    return {entry.text(0): entry.number(1, "I") for entry in signature.tables(field)}


def _name_ports(indices: Sequence[int], tensors: Sequence[Table], names: dict[str, int], kind: str) -> tuple[Port, ...]:
    """Return ports named by the signature, else by their tensors, else by their positions; no name is there twice."""
    ports: dict[str, Port] = {}
    listed = list(indices)
    if all(index in names.values() for index in listed):
        listed = list(dict.fromkeys(listed))
    for position, index in enumerate(listed):
        own = [name for name, named in names.items() if named == index and name]
        for wanted in own or [tensors[index].text(_TENSOR_NAME) or f"{kind}_{position}"]:
            name = wanted
            while name in ports:
                name += f"#{position}"
            ports[name] = Port(name, index, _type_name(tensors[index]), tensors[index].text(_TENSOR_NAME))
    return tuple(ports.values())
