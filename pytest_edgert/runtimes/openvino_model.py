"""A model as OpenVINO reads it: its signature, with stable names and quantisation, and its free dimensions bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pytest_edgert.contracts import Options
from pytest_edgert.errors import UnsupportedModelError, UsageError
from pytest_edgert.runtimes.litert_file import read_file
from pytest_edgert.runtimes.onnxruntime_graph import input_symbols, is_quantized, read_quantization
from pytest_edgert.runtimes.openvino_devices import import_openvino
from pytest_edgert.runtimes.openvino_errors import reading_error, shortened
from pytest_edgert.runtimes.options import bind_shapes, read_dimensions, read_shapes
from pytest_edgert.tensors import Dimension, Quantization, Signature, TensorSpec

#: OpenVINO's type names and NumPy's; text, bfloat16, float8 and types below 8 bits have no array of NumPy.
_DTYPES = {
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
    "boolean": "bool",
}
_QUANTIZED = ("int8", "uint8", "int16", "uint16")
#: Operators between a quantised edge and what tells its parameters that move elements and change none.
_MOVES = ("Convert", "Transpose", "Reshape", "Squeeze", "Unsqueeze")


def read_model(core: Any, artefact: Path, accelerator: str, options: Options) -> tuple[Any, Signature]:
    """Return OpenVINO's model of an artefact, free dimensions bound as options say, and its signature.

    Names are those that the file gives: compiling adds further ones.

    Raises:
        ArtefactError: The file, or the weights beside it, is no sound model.
        UnsupportedModelError: OpenVINO cannot convert it, or an input or output is of a type that NumPy lacks.
        UsageError: A shape contradicts the model.
    """
    try:
        model = core.read_model(artefact)
    except MemoryError:
        raise
    except Exception as error:
        raise reading_error(error, artefact, f"openvino:{accelerator}") from error
    signature = _read_signature(model, artefact)
    bound = bind_shapes(signature, read_shapes(options), read_dimensions(options))
    bound = replace(bound, inputs=tuple(_with_default(spec) for spec in bound.inputs))
    if bound.inputs == signature.inputs:
        return model, signature
    return model, _bind(model, signature, bound, artefact)


def _with_default(spec: TensorSpec) -> TensorSpec:
    """Return an input with the lengths that its file gives to what is still free: what LiteRT runs it with."""
    if spec.default_shape is None or all(isinstance(length, int) for length in spec.shape):
        return spec
    return replace(spec, shape=spec.default_shape)


def _bind(model: Any, signature: Signature, bound: Signature, artefact: Path) -> Signature:
    """Give the model the bound shapes; what follows for its outputs is asked from it."""
    shape_of = import_openvino().PartialShape
    free = {
        index: shape_of([length if isinstance(length, int) else -1 for length in spec.shape])
        for index, spec in enumerate(bound.inputs)
    }
    try:
        model.reshape(free)
    except Exception as error:
        asked = ", ".join(f"{s.name}={'x'.join(map(str, s.shape)) or 'scalar'}" for s in bound.inputs)
        raise UsageError(
            f"{artefact.name} does not work with the shape {asked}: {shortened(error)}.",
            "Give the lengths that the model was made for.",
        ) from error
    outputs = zip(signature.outputs, model.outputs, strict=True)
    return replace(bound, outputs=tuple(replace(spec, shape=_shape(port)) for spec, port in outputs))


def _read_signature(model: Any, artefact: Path) -> Signature:
    file = read_file(artefact) if artefact.suffix.lower() == ".tflite" else None
    called = {port.tensor: port.name for port in (*file.inputs, *file.outputs)} if file is not None else {}
    inputs = _named(model.inputs, "input", called)
    outputs = _named(model.outputs, "output", called)
    for kind, ports in (("Input", inputs), ("Output", outputs)):
        for name, port in ports.items():
            _check_port(kind, name, port, artefact)
    symbols: Mapping[str, tuple[Dimension, ...]] = {}
    told: Mapping[str, Quantization] = {}
    defaults: Mapping[str, tuple[int, ...]] = {}
    quantized = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    if artefact.suffix.lower() == ".onnx":
        symbols = input_symbols(artefact)
        told = read_quantization(artefact, {*inputs, *outputs})
        quantized = quantized or bool(is_quantized(artefact))
    elif file is not None:
        defaults = {called.get(name, name): shape for name, shape in file.default_shapes.items()}
        quantized = quantized or file.quantized
    return Signature(
        tuple(
            TensorSpec(
                name,
                _dtype(port),
                _with_symbols(_shape(port), symbols.get(name)),
                _of(told, name, port, _reader),
                _default(_shape(port), defaults.get(name)),
            )
            for name, port in inputs.items()
        ),
        tuple(
            TensorSpec(name, _dtype(port), _shape(port), _of(told, name, port, _writer))
            for name, port in outputs.items()
        ),
        quantized,
    )


def _default(shape: tuple[Dimension, ...], default: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Return the file's own lengths where dimensions are free and the ranks agree."""
    free = not all(isinstance(length, int) for length in shape)
    return default if free and default is not None and len(default) == len(shape) else None


def _named(ports: Iterable[Any], kind: str, called: Mapping[str, str]) -> dict[str, Any]:
    """Return ports by name: the first of a port's names in the order of the alphabet, made unique.

    Two outputs of one tensor share its names; a port without any is called after its place.

    Args:
        ports: In the model's order.
        kind: What a port without a name is called.
        called: Tensor name to what the file's own signature calls it.
    """
    named: dict[str, Any] = {}
    for index, port in enumerate(ports):
        name = min(port.names, default=f"{kind}_{index}")
        name = called.get(name, name)
        unique = name if name not in named else f"{name}#{index}"
        named[unique] = port
    return named


def _check_port(kind: str, name: str, port: Any, artefact: Path) -> None:
    found = port.element_type.get_type_name()
    if found not in _DTYPES:
        raise UnsupportedModelError(
            f"{kind} {name!r} of {artefact.name} is {found}, which openvino does not exchange as a NumPy array.",
            "Convert it to a plain tensor in the exported graph.",
        )
    if kind == "Input" and port.partial_shape.rank.is_dynamic:
        raise UnsupportedModelError(
            f"Input {name!r} of {artefact.name} has no number of dimensions.", "Export the model with one."
        )


def _dtype(port: Any) -> str:
    return _DTYPES[port.element_type.get_type_name()]


def _shape(port: Any) -> tuple[Dimension, ...]:
    shape = port.partial_shape
    if shape.rank.is_dynamic:  # of an output: it is seen when it comes
        return ()
    return tuple(length.get_length() if length.is_static else None for length in shape)


def _with_symbols(shape: tuple[Dimension, ...], symbols: tuple[Dimension, ...] | None) -> tuple[Dimension, ...]:
    """Return a shape with the names of its free dimensions, which OpenVINO does not keep."""
    if symbols is None or len(symbols) != len(shape):
        return shape
    return tuple(name if length is None else length for length, name in zip(shape, symbols, strict=True))


def _of(told: Mapping[str, Quantization], name: str, port: Any, walk: Any) -> Quantization | None:
    """Return the quantisation of a port: as the file says, else as the node that `walk` finds says."""
    if _dtype(port) not in _QUANTIZED:
        return None
    return told.get(name) or walk(port)


def _reader(port: Any) -> Quantization | None:
    """Return what the one node that reads an input says: a FakeQuantize, or Subtract and Multiply."""
    subtracted = 0.0
    while True:
        readers = list(port.get_target_inputs())
        if len(readers) != 1:
            return None
        node = readers[0].get_node()
        kind = node.get_type_name()
        if kind == "FakeQuantize":
            return _fake_quantize(node, integer_first=True)
        if kind == "Multiply":
            scale = _constant(node, 1)
            return None if scale is None else _affine(scale, subtracted)
        zero_point = _constant(node, 1) if kind == "Subtract" else 0.0
        if kind not in (*_MOVES, "Subtract") or zero_point is None:
            return None
        subtracted += zero_point
        port = node.output(0)


def _writer(port: Any) -> Quantization | None:
    """Return what the FakeQuantize that makes an output says."""
    node = port.node.input_value(0).get_node()
    while node.get_type_name() in _MOVES:
        node = node.input_value(0).get_node()
    return _fake_quantize(node, integer_first=False) if node.get_type_name() == "FakeQuantize" else None


def _fake_quantize(node: Any, *, integer_first: bool) -> Quantization | None:
    """Return the parameters of a FakeQuantize between integers and reals, None when it is something else.

    Inputs 1 to 4 are the low and high ends of what goes in and what comes out.
    """
    ends = [_constant(node, index) for index in (1, 2, 3, 4)]
    in_low, in_high, out_low, out_high = ends
    if in_low is None or in_high is None or out_low is None or out_high is None:
        return None
    real_low, real_high = (out_low, out_high) if integer_first else (in_low, in_high)
    low, high = (in_low, in_high) if integer_first else (out_low, out_high)
    if not (low.is_integer() and high.is_integer() and high > low and real_high > real_low):
        return None
    scale = (real_high - real_low) / (high - low)
    return _affine(scale, round(low - real_low / scale))


def _affine(scale: float, zero_point: float) -> Quantization | None:
    if not (scale > 0 and float(zero_point).is_integer()):
        return None
    return Quantization((float(np.float32(scale)),), (int(zero_point),))


def _constant(node: Any, index: int) -> float | None:
    """Return the single number that an input of a node is, None when it is not constant or not single."""
    source = node.input_value(index).get_node()
    if source.get_type_name() == "Convert":
        source = source.input_value(0).get_node()
    if source.get_type_name() != "Constant":
        return None
    data = np.asarray(source.data)
    return float(data.reshape(-1)[0]) if data.size == 1 else None
