"""An ``.onnx`` file as the oracle reads it: by the package `onnx`, checked, with local functions inlined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_edgert.errors import ArtefactError, TargetMissingError, UnsupportedModelError
from pytest_edgert.runtimes.onnxruntime_graph import check_external_data, is_quantized, read_quantization
from pytest_edgert.tensors import Signature, TensorSpec

_QUANTIZED = ("int8", "uint8", "int16", "uint16")


def import_onnx() -> Any:
    """Return the module `onnx`. Raises TargetMissingError with the cause."""
    try:
        import onnx
    except ImportError as error:
        raise TargetMissingError(
            f"The reference reads .onnx files with the package onnx, which cannot be imported: {error}.",
            'pip install "pytest-edgert[onnx]"',
        ) from error
    return onnx


def read_model(artefact: Path) -> Any:
    """Return the model of a file, with weights, free of local functions.

    Raises:
        ArtefactError: It is no sound model.
    """
    onnx = import_onnx()
    check_external_data(artefact)
    try:
        model = onnx.load(str(artefact))
        _check_whole(model)
        return _inlined(model) if model.functions else model
    except MemoryError:
        raise
    except Exception as error:
        raise ArtefactError(
            f"{artefact} is not a sound ONNX file: {type(error).__name__}: {_short(error)}.",
            "Export or download it again.",
        ) from error


def _inlined(model: Any) -> Any:
    from onnx import inliner

    return inliner.inline_local_functions(model)


def _check_whole(model: Any) -> None:
    if not model.graph.output or not model.opset_import:
        raise ValueError("it has no outputs or names no operator set")


def _short(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200].rstrip(".") if text else "no more was said"


def read_signature(artefact: Path, model: Any) -> Signature:
    """Return inputs and outputs as the file declares them; constants are no inputs.

    Raises:
        UnsupportedModelError: One of them is no tensor of numbers.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    outputs = list(model.graph.output)
    if not all(value.type.tensor_type.HasField("shape") for value in outputs):
        outputs = list(import_onnx().shape_inference.infer_shapes(model).graph.output)
    specs = [(_dtype(value, artefact), value) for value in (*inputs, *outputs)]
    wanted = {value.name for dtype, value in specs if dtype in _QUANTIZED}
    quantization = read_quantization(artefact, wanted) if wanted else {}
    made = [TensorSpec(value.name, dtype, _shape(value), quantization.get(value.name)) for dtype, value in specs]
    return Signature(tuple(made[: len(inputs)]), tuple(made[len(inputs) :]), is_quantized(artefact))


def _dtype(value: Any, artefact: Path) -> str:
    onnx = import_onnx()
    element = value.type.tensor_type.elem_type if value.type.HasField("tensor_type") else 0
    if element in {onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING}:
        raise UnsupportedModelError(
            f"{value.name!r} of {artefact.name} is no tensor of numbers, and the reference takes no other.",
            "Convert it to a plain tensor in the exported graph.",
        )
    return str(onnx.helper.tensor_dtype_to_np_dtype(element).name)


def _shape(value: Any) -> tuple[int | str | None, ...]:
    return tuple(
        int(dim.dim_value) if dim.HasField("dim_value") and dim.dim_value >= 0 else dim.dim_param or None
        for dim in value.type.tensor_type.shape.dim
    )
