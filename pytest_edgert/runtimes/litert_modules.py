"""The modules that bring LiteRT under its three names, and what of it works here."""

from __future__ import annotations

import importlib
from typing import Any

from pytest_edgert.errors import TargetMissingError, UsageError
from pytest_edgert.records import Presence, PresenceState
from pytest_edgert.runtimes.options import nearest

#: Packages, the preferred first, and the module with the interpreter.
INTERPRETERS = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}
#: Distributions of these packages, for versions and remedies.
DISTRIBUTIONS = ("ai-edge-litert", "tflite-runtime", "tensorflow", "tensorflow-cpu")
REMEDY = 'Install it: pip install "pytest-edgert[litert]"'
#: Accelerators that LiteRT has and this adapter does not drive: what it would take, and what to do meanwhile.
NOT_DRIVEN = {
    "edgetpu": (
        "the adapter does not load the Edge TPU's delegate yet",
        "Run the model that the Edge TPU compiler was given on litert:cpu.",
    ),
    "npu": (
        "the adapter does not drive LiteRT's CompiledModel yet, which NPUs need",
        "Run on litert:cpu, or on the vendor's own runtime.",
    ),
    "gpu": (
        "the adapter does not drive LiteRT's CompiledModel yet, which GPUs need",
        "Run on litert:cpu, or an ONNX export on a GPU of onnxruntime.",
    ),
    "nnapi": (
        "the adapter does not run on Android yet, the only system that has NNAPI",
        "Run on litert:cpu.",
    ),
}
ACCELERATORS = ("cpu", *NOT_DRIVEN)


def import_interpreter() -> tuple[Any, str, str]:
    """Return the module that has `Interpreter`, the package it came from, and the package's version.

    Raises:
        TargetMissingError: None of the packages can be imported; the reason of each is told.
    """
    reasons = []
    for package, module in INTERPRETERS.items():
        found = _import(package, module)
        if not isinstance(found, str):
            return found
        reasons.append(found)
    raise TargetMissingError(f"LiteRT cannot be imported: {'; '.join(reasons)}.", REMEDY)


def _import(package: str, module: str) -> tuple[Any, str, str] | str:
    """Return what `import_interpreter` returns, or the reason why this package does not serve."""
    try:
        return importlib.import_module(module), package, str(importlib.import_module(package).__version__)
    except Exception as error:  # noqa: BLE001 - a package built for another NumPy raises more than ImportError
        return f"{package}: {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def presence(accelerator: str) -> Presence:
    """Return whether an accelerator works here."""
    if accelerator in NOT_DRIVEN:
        reason, remedy = NOT_DRIVEN[accelerator]
        return Presence(accelerator, PresenceState.ABSENT, reason, remedy)
    try:
        import_interpreter()
    except TargetMissingError as error:
        return Presence(accelerator, PresenceState.ABSENT, error.message, error.remedy)
    return Presence(accelerator, PresenceState.USABLE)


def resolve(accelerator: str) -> str:
    """Return the accelerator meant; `auto` is the CPU, for nothing else is driven.

    Raises:
        UsageError: There is no accelerator of this name.
        TargetMissingError: It is not driven.
    """
    if accelerator in ("cpu", "auto"):
        return "cpu"
    if accelerator not in ACCELERATORS:
        raise UsageError(f"litert has no accelerator {accelerator!r}.", nearest(accelerator, (*ACCELERATORS, "auto")))
    reason, remedy = NOT_DRIVEN[accelerator]
    raise TargetMissingError(f"litert:{accelerator} is not there: {reason}.", remedy)
