"""What OpenVINO made of a model: devices, precision and kernels, read from the compiled model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_edgert.contracts import Options
from pytest_edgert.records import Evidence, Placement, Plain
from pytest_edgert.runtimes.openvino_devices import accelerator_of
from pytest_edgert.runtimes.options import read_flag

#: Layers of the runtime graph that compute nothing.
_EDGES = ("Input", "Const", "Output", "Parameter", "Constant", "Result")
#: Names of floating-point types as OpenVINO's properties print them.
_PRECISIONS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}
_ISA = "isa="


def read_placement(compiled: Any, accelerator: str, options: Options, assigned: Mapping[str, str] | None) -> Placement:
    """Return what ran where.

    Args:
        compiled: The compiled model.
        accelerator: What was asked for, resolved.
        options: Of the target.
        assigned: Device by node, where the model was split over several (HETERO); else None.
    """
    layers = [layer for layer in _layers(compiled) if layer.get("layerType") not in _EDGES]
    detail = _detail(compiled, layers, options)
    if assigned is not None:
        return _split(accelerator, assigned, detail)
    devices = [accelerator_of(device) for device in compiled.get_property("EXECUTION_DEVICES")]
    elsewhere = tuple(f"the model on {device}" for device in devices if device != accelerator)
    nodes = {devices[0] if elsewhere else accelerator: len(layers)}
    # The CPU's runtime graph lists the kernels that it runs. What the other plugins list was never checked on one.
    evidence = Evidence.TRACED if devices == ["cpu"] else Evidence.PLANNED
    return Placement(accelerator, evidence, nodes, elsewhere, detail)


def effective_precision(compiled: Any) -> str:
    """Return the type that float operators are computed in, empty when the device does not tell."""
    found = _property(compiled, "INFERENCE_PRECISION_HINT")
    name = found.get_type_name() if hasattr(found, "get_type_name") else str(found or "")
    return _PRECISIONS.get(name, name)


def _split(accelerator: str, assigned: Mapping[str, str], detail: Mapping[str, Plain]) -> Placement:
    where = {name: accelerator_of(device) for name, device in assigned.items()}
    elsewhere = tuple(f"{name} on {device}" for name, device in where.items() if device != accelerator)
    return Placement(accelerator, Evidence.PLANNED, {accelerator: 0, **Counter(where.values())}, elsewhere, detail)


def _detail(compiled: Any, layers: Iterable[Mapping[str, str]], options: Options) -> dict[str, Plain]:
    """Return precision, kernels and threads, in plain words; what a device does not tell is left out."""
    layers = list(layers)
    threads = _property(compiled, "INFERENCE_NUM_THREADS")
    requirements = str(_property(compiled, "RUNTIME_REQUIREMENTS") or "")
    told: dict[str, Plain] = {
        "precision": effective_precision(compiled),
        "node_precisions": _histogram(layer.get("runtimePrecision", "") for layer in layers),
        "kernels": _histogram(layer.get("primitiveType", "") for layer in layers),
        "low_precision": read_flag({"low_precision": True, **options}, "low_precision"),
        "threads": None if threads is None else int(threads),
        "instruction_set": requirements.partition(_ISA)[2].partition(";")[0],
        "devices": ", ".join(compiled.get_property("EXECUTION_DEVICES")),
    }
    return {name: value for name, value in told.items() if value not in ("", None)}


def _histogram(words: Iterable[str]) -> str:
    """Return how often each word comes, most often first: "f32 ×5, i8 ×2"."""
    counted = Counter(word for word in words if word)
    return ", ".join(
        f"{word} ×{count}" for word, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    )


def _layers(compiled: Any) -> list[dict[str, str]]:
    """Return what the runtime graph says of each of its nodes; empty where a device has no such graph."""
    try:
        nodes = compiled.get_runtime_model().get_ordered_ops()
    except RuntimeError:
        return []
    return [{key: _text(value) for key, value in node.get_rt_info().items()} for node in nodes]


def _text(value: Any) -> str:
    try:
        return str(getattr(value, "value", value))
    except TypeError:  # an attribute that has no Python type
        return ""


def _property(compiled: Any, name: str) -> Any:
    """Return a property of the compiled model, None when its device has no such property."""
    try:
        return compiled.get_property(name)
    except RuntimeError:
        return None
