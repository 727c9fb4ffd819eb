"""OpenVINO's errors into ours: its exceptions are RuntimeErrors of many lines, so the text is read here alone.

The texts are those of openvino 2024.4 to 2026.4, read from the real runtime.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pytest_edgert.errors import (
    ArtefactError,
    EdgertError,
    InferenceError,
    UnsupportedModelError,
    UsageError,
    WorkerOutOfMemoryError,
)

_MEMORY = re.compile(r"bad_alloc|[Oo]ut of memory|[Cc]annot allocate memory|Failed to allocate")
#: Lines that say where in OpenVINO, not what.
_NOISE = re.compile(
    r"^(Exception from |Check '.*' failed at |FrontEnd API failed|Model wasn't fully converted|Summary:"
    r"|Loading input model|While validating ONNX node|-- .* with a message:|-- Conversion is failed|-- No conversion rule|\[.*CALLBACK HAS THROWN)"
)
_LONGEST = 300
#: Operators that a vendor's compiler puts in the place of a whole graph.
_COMPILED_FOR = {
    "edgetpu-custom-op": "It was compiled for an EdgeTPU: give the model from before edgetpu_compiler.",
    "ethos-u": "It was compiled for an Ethos-U: give the model from before vela.",
}


def shortened(error: Exception) -> str:
    """Return the telling lines of an exception's text on one line, at most 300 characters, without a final period."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not _NOISE.match(line)]
    said = " ".join(" ".join(telling or lines).split())
    said = re.sub(r'Cannot load library "\S*/([^/"]+)"', r"cannot load \1", said).removesuffix(".")
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"


def reading_error(error: Exception, artefact: Path, target: str) -> EdgertError:
    """Return our error for an exception that ended the reading of an artefact."""
    text = str(error)
    if _MEMORY.search(text):
        return WorkerOutOfMemoryError(f"{target} ran out of memory reading {artefact}: {shortened(error)}.")
    for pattern, make in _READING:
        found = re.search(pattern, text)
        if found is not None:
            return make(found, error, artefact, target)
    return UnsupportedModelError(
        f"{target} cannot convert {artefact.name}: {shortened(error)}.",
        "Try another runtime to see whether the model itself is sound.",
    )


def compiling_error(error: Exception, artefact: Path, target: str) -> EdgertError:
    """Return our error for an exception that ended the compilation of a model that was read."""
    text = str(error)
    if _MEMORY.search(text):
        return WorkerOutOfMemoryError(f"{target} ran out of memory compiling {artefact}: {shortened(error)}.")
    if re.search(r"[Uu]nsupported property|Wrong value .* for property|Could not read|not supported property", text):
        return UsageError(
            f"{target} refuses a property for {artefact.name}: {shortened(error)}.",
            "Properties: https://docs.openvino.ai/2026/openvino-workflow/running-inference/inference-devices-and-modes.html.",
        )
    found = re.search(r"[Uu]nsupported operation of type: (?P<operator>\S+)", text)
    if found is not None:
        return _operator(found, error, artefact, target)
    return UnsupportedModelError(
        f"{target} cannot compile {artefact.name}: {shortened(error)}.",
        "Try it with low_precision=false or precision=f32, or on another accelerator.",
    )


def inference_error(error: Exception, artefact: Path, target: str) -> EdgertError:
    """Return our error for an exception that ended an inference."""
    text = f"{target} failed an inference of {artefact}: {type(error).__name__}: {shortened(error)}."
    return WorkerOutOfMemoryError(text) if _MEMORY.search(str(error)) else InferenceError(text)


def _operator(found: re.Match[str], error: Exception, artefact: Path, target: str) -> EdgertError:
    names = found["operator"].strip()
    noun = "operators" if "," in names else "operator"
    said = shortened(error).partition("Error is encountered")[0].strip().rstrip(".")
    why = "" if names in said else f" ({said})"
    return UnsupportedModelError(
        f"{target} cannot convert the {noun} {names} of {artefact.name}{why}.",
        _COMPILED_FOR.get(names, "Export the model without it, or use a runtime that has it."),
    )


def _weights(found: re.Match[str], error: Exception, artefact: Path, target: str) -> EdgertError:  # noqa: ARG001
    weights = artefact.with_suffix(".bin")
    if not weights.is_file():
        said, remedy = f"{weights} is missing", "Keep it beside the .xml: the two are one artefact."
    else:
        size_bytes = weights.stat().st_size
        said = (
            f"{weights} is truncated or of another model ({size_bytes} bytes)" if size_bytes else f"{weights} is empty"
        )
        remedy = "Export or download both again."
    return ArtefactError(f"{target} needs the weights of {artefact.name}: {said}.", remedy)


def _foreign(found: re.Match[str], error: Exception, artefact: Path, target: str) -> EdgertError:  # noqa: ARG001
    kind = {".xml": "OpenVINO IR", ".onnx": "ONNX model", ".tflite": "TensorFlow Lite model"}
    return ArtefactError(
        f"{artefact} is no {kind.get(artefact.suffix.lower(), 'model')}, or a truncated one; {target} says: {found[0]}.",
        "Export or download it again.",
    )


def _invalid(found: re.Match[str], error: Exception, artefact: Path, target: str) -> EdgertError:  # noqa: ARG001
    return ArtefactError(
        f"{artefact} is not a valid graph; {target} says: {shortened(error)}.", "Check it, or export it again."
    )


_Make = Callable[[re.Match[str], Exception, Path, str], EdgertError]
_READING: tuple[tuple[str, _Make], ...] = (
    (r"No translator found for (?P<operator>\S+) node", _operator),
    (r"No conversion rule found for operations: (?P<operator>[^\n]+)", _operator),
    (r"Conversion is failed for: (?P<operator>[^\n]+)", _operator),
    (r"doesn't contain the operation with type: (?P<operator>\S+)", _operator),
    (r"operation of type (?P<operator>\S+) and name", _operator),
    (r"Cannot create (?P<operator>\S+) layer", _operator),
    (r"(Empty weights data in bin file|Incorrect weights in bin file|weights in bin)", _weights),
    (r"Unable to read the model|Model can't be parsed", _foreign),
    (r"corrupted or malformed \(FlatBuffer verification failed\)", _foreign),
    (r"(Start-end tags mismatch|Error parsing|No document element|Could not determine|Error reading)[^\n]*", _foreign),
    (r"(Input tensor isn't found|[Ii]nvalid (model|graph)|Could not find)[^\n]*", _invalid),
)
