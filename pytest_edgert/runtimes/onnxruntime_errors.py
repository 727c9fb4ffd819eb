"""ONNX Runtime's errors into ours: its exceptions carry only text, so the text is read here and nowhere else.

The texts are those of onnxruntime 1.20 to 1.32, read from the real runtime.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pytest_edgert.errors import (
    ArtefactError,
    EdgertError,
    InferenceError,
    PlacementError,
    UnsupportedModelError,
    UsageError,
    WorkerOutOfMemoryError,
)

_MEMORY = re.compile(r"bad_alloc|Failed to allocate memory|out of memory", re.IGNORECASE)
_OPERATOR_REMEDY = "Use a build that has it, or export the model without it."


def opening_error(error: Exception, artefact: Path, accelerator: str) -> EdgertError:
    """Return our error for an exception that ended the opening of an artefact."""
    text = str(error)
    if _MEMORY.search(text):
        return WorkerOutOfMemoryError(f"onnxruntime:{accelerator} ran out of memory opening {artefact}: {_short(text)}")
    for pattern, make in _OPENING:
        found = re.search(pattern, text, re.DOTALL)
        if found is not None:
            return make(found, artefact, accelerator)
    said = f"onnxruntime:{accelerator} cannot open {artefact}: {type(error).__name__}: {_short(text)}"
    if accelerator != "cpu":
        return UnsupportedModelError(said, "Open it on onnxruntime:cpu to see whether the model itself is sound.")
    return ArtefactError(
        said,
        "Check it with onnx.checker.check_model, or export it again.",
    )


def inference_error(error: Exception, artefact: Path, accelerator: str) -> EdgertError:
    """Return our error for an exception that ended an inference."""
    text = f"onnxruntime:{accelerator} failed an inference of {artefact}: {type(error).__name__}: {_short(str(error))}"
    if _MEMORY.search(str(error)):
        return WorkerOutOfMemoryError(text)
    return InferenceError(
        text, "Feed values and lengths that the model accepts; default feeds know only its signature."
    )


def _short(text: str) -> str:
    """Return the sentence without the status prefix, the C++ signature and line breaks, at most 400 characters."""
    said = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    said = re.sub(r"/\S+:\d+ [^()]*\([^)]*\)( const)?\s*", "", said)
    return " ".join(said.split())[:400]


def _operator(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    groups = found.groupdict()
    domain, version = groups.get("domain") or "ai.onnx", groups.get("version")
    name = f"{domain}:{groups['operator']}" + (f" (version {version})" if version and int(version) > 0 else "")
    node = f", node {groups['node']!r}" if groups.get("node") else ""
    return UnsupportedModelError(
        f"onnxruntime:{accelerator} lacks the operator {name} of {artefact.name}{node}.", _OPERATOR_REMEDY
    )


def _unsupported(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    said = _short(found[0]).removeprefix("Exception during initialization: ")
    return UnsupportedModelError(f"onnxruntime:{accelerator} cannot run {artefact.name}: {said}", _OPERATOR_REMEDY)


def _opset(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return UnsupportedModelError(
        f"{artefact.name} is newer than this onnxruntime (target {accelerator}): {_short(found[0])}.",
        "Upgrade onnxruntime, or export the model with an older opset and IR version.",
    )


def _external(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return ArtefactError(
        f"onnxruntime:{accelerator} cannot read the external data of {artefact}: {_short(found[0])}",
        "Keep the external data, whole, in the model's folder.",
    )


def _foreign(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return ArtefactError(
        f"{artefact} is no ONNX model, or a truncated one; onnxruntime:{accelerator} says: {found[0]}",
        "Export or download it again.",
    )


def _invalid(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return ArtefactError(
        f"{artefact} is not a valid graph; onnxruntime:{accelerator} says: {_short(found[0]).removeprefix('INVALID_GRAPH : ')}",
        "Check it with onnx.checker.check_model, or export it again.",
    )


def _option(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return UsageError(
        f"onnxruntime:{accelerator} refuses an option for {artefact.name}: {_short(found[0])}",
        f"See https://onnxruntime.ai/docs/execution-providers/ for the options of {accelerator} (provider.KEY).",
    )


def _fallback(found: re.Match[str], artefact: Path, accelerator: str) -> EdgertError:
    return PlacementError(
        f"Nodes of {artefact.name} would run on the CPU, not on {accelerator}: {_short(found[0])}",
        "Accept that with the option allow_fallback=true (--edge-option=TARGET.allow_fallback=true), or change the model.",
    )


_OPENING: tuple[tuple[str, Callable[[re.Match[str], Path, str], EdgertError]], ...] = (
    (r"fallback to CPU EP has been explicitly disabled", _fallback),
    (r"([Ii]nvalid|[Uu]nknown) [\w ]*option.*", _option),
    (r"implementation for (?P<operator>[\w.:]+)\((?P<version>-?\d+)\) node with name '(?P<node>[^']*)'", _operator),
    (r"Failed to find kernel for (?P<operator>[\w.:]+)\((?P<version>-?\d+)\) \(node:'(?P<node>[^']*)'", _operator),
    (r"Exception during initialization: .*not supported.*", _unsupported),
    (r"(?P<domain>[\w.]*):(?P<operator>\w+)\((?P<version>-?\d+)\) is not a registered function/op", _operator),
    (
        r'In Node, \("(?P<node>[^"]*)", \w+, "(?P<domain>[^"]*)".*No Op registered for (?P<operator>\w+) '
        r"with domain_version of (?P<version>\d+)",
        _operator,
    ),
    (r"Opset \d+ (of|is under).{0,200}", _opset),
    (r"Unsupported model IR version: \d+, max supported IR version: \d+", _opset),
    (r"[Ee]xternal (data|initializer).*", _external),
    (r"(No graph was found in the protobuf|Protobuf parsing failed|NO_SUCHFILE).*", _foreign),
    (r"ORT (model|format).*", _foreign),
    (r"(INVALID_GRAPH : |[Ii]nvalid model).*", _invalid),
)
