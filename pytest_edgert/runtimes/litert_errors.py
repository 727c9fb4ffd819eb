"""LiteRT's errors into ours: its exceptions carry only text, so the text is read here and nowhere else.

The texts are those of ai-edge-litert 2.3 and tflite-runtime 2.14, read from the real runtimes.
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
    WorkerOutOfMemoryError,
)

_MEMORY = re.compile(r"bad_alloc|Failed to allocate memory|out of memory", re.IGNORECASE)
#: What brings a custom operator into a model (a pattern of its name), and what to do then.
_CUSTOM = (
    (r"edgetpu-custom-op", "the file is compiled for the Edge TPU", "Run it with the Edge TPU's delegate, or"),
    (r"ethos-u", "the file is compiled by Vela for an Arm Ethos-U", "Run it there with TensorFlow Lite Micro, or"),
    (r"DISPATCH_OP", "the file is compiled ahead of time for an NPU", "Run it on that NPU with LiteRT, or"),
    (r"Signal.*", "it is of TensorFlow Lite Micro's signal library", "Run it with TensorFlow Lite Micro, or"),
)
_SOURCE = "give the model that it was made from."


def opening_error(error: Exception, artefact: Path, accelerator: str) -> EdgertError:
    """Return our error for an exception that ended the opening of an artefact."""
    text = str(error)
    if _is_memory(error):
        return WorkerOutOfMemoryError(f"litert:{accelerator} ran out of memory opening {artefact}: {_short(text)}")
    for pattern, make in _OPENING:
        found = re.search(pattern, text, re.DOTALL)
        if found is not None:
            return make(found, artefact, accelerator)
    return ArtefactError(
        f"litert:{accelerator} cannot open {artefact}: {type(error).__name__}: {_short(text)}",
        "Convert it again with a current converter.",
    )


def inference_error(error: Exception, artefact: Path, accelerator: str) -> EdgertError:
    """Return our error for an exception that ended an inference."""
    text = f"litert:{accelerator} failed an inference of {artefact}: {type(error).__name__}: {_short(str(error))}"
    return WorkerOutOfMemoryError(text) if _is_memory(error) else InferenceError(text)


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or _MEMORY.search(str(error)) is not None


def _short(text: str) -> str:
    """Return the text without line breaks, at most 400 characters."""
    return " ".join(text.split())[:400]


def _custom(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    name = found["operator"]
    for pattern, why, where in _CUSTOM:
        if re.fullmatch(pattern, name):
            return UnsupportedModelError(
                f"litert:{accelerator} lacks the operator {name} of {artefact.name}: {why}.", f"{where} {_SOURCE}"
            )
    return UnsupportedModelError(
        f"litert:{accelerator} lacks the custom operator {name} of {artefact.name}.",
        "Export the model without it.",
    )


def _flex(_: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return UnsupportedModelError(
        f"litert:{accelerator} lacks the operators of TensorFlow itself that {artefact.name} selects (Flex…).",
        "Convert it with TFLITE_BUILTINS alone.",
    )


def _builtin(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return UnsupportedModelError(
        f"litert:{accelerator} lacks the operator {found['operator']} (version {found['version']}) of {artefact.name}.",
        "Upgrade ai-edge-litert, take other kernels, or export the model without it.",
    )


def _quantization(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return UnsupportedModelError(
        f"litert:{accelerator} refuses the quantisation of {artefact.name}: {_short(found[0])}.",
        "Convert it again with a current converter; TensorFlow Lite Micro may still take it.",
    )


def _prepare(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return UnsupportedModelError(
        f"litert:{accelerator} cannot prepare node {found['node']} ({found['operator']}) of {artefact.name}: "
        f"{_short(found['reason']) or 'no reason was told'}",
        "Export the model without that use of the operator, or give its free dimensions other lengths.",
    )


_OPENING: tuple[tuple[str, Callable[[re.Match[str], Path, str], EdgertError]], ...] = (
    (r"(Select TensorFlow op\(s\)|Regular TensorFlow ops)[\w ,()]* not supported", _flex),
    (r"unresolved custom op: (?P<operator>\S+?)\.?(\s|$)", _custom),
    (r"Didn't find op for builtin opcode '(?P<operator>\w+)' version '(?P<version>\d+)'", _builtin),
    (
        r"quantized_dimension must be in range[^.]*\. Was \d+\.Tensor \d+ has invalid quantization parameters",
        _quantization,
    ),
    (r"(?P<reason>.*?)\s*Node number (?P<node>\d+) \((?P<operator>[\w-]+)\) failed to prepare", _prepare),
)
