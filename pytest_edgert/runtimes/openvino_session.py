"""One artefact compiled by OpenVINO: opening it, and inference on copied or bound tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_edgert.contracts import AsyncRun, BoundRun, Options
from pytest_edgert.errors import InferenceError, PlacementError, TargetMissingError, UsageError
from pytest_edgert.records import Placement
from pytest_edgert.runtimes.openvino_devices import accelerator_of, device_of, import_openvino
from pytest_edgert.runtimes.openvino_errors import compiling_error, inference_error
from pytest_edgert.runtimes.openvino_model import read_model
from pytest_edgert.runtimes.openvino_placement import effective_precision, read_placement
from pytest_edgert.runtimes.options import read_choice, read_count, read_family, read_flag
from pytest_edgert.tensors import Array, Feeds, Signature, fit_feeds

_PRECISIONS = ("f32", "f16", "bf16")
#: Properties that options of ours set, because records name them.
_OURS = {
    "INFERENCE_NUM_THREADS": "threads",
    "INFERENCE_PRECISION_HINT": "precision",
    "LP_TRANSFORMS_MODE": "low_precision",
}


def reader(core: Any, artefact: Path, accelerator: str, options: Options) -> Callable[[], OpenVinoSession]:
    """Return what compiles an artefact that has been read, its free dimensions bound.

    Raises: as `contracts.Runtime.open`, now or when it is called.
    """
    model, signature = read_model(core, artefact, accelerator, options)
    return functools.partial(_compile, core, model, signature, artefact, accelerator, options)


def _compile(  # noqa: PLR0917 - bound above, called once
    core: Any, model: Any, signature: Signature, artefact: Path, accelerator: str, options: Options
) -> OpenVinoSession:
    """Return our session around OpenVINO's compiled model, its placement checked."""
    resolved = _chosen(core, model, artefact) if accelerator == "auto" else accelerator
    properties = _properties(resolved, options)
    device, assigned = _device(core, model, resolved, options)
    try:
        compiled = core.compile_model(model, device, properties)
    except MemoryError:
        raise
    except Exception as error:
        raise compiling_error(error, artefact, f"openvino:{resolved}") from error
    _check_precision(compiled, resolved, artefact, options)
    placement = read_placement(compiled, resolved, options, assigned)
    if placement.elsewhere and not read_flag(options, "allow_fallback"):
        shown = ", ".join(placement.elsewhere[:5]) + (", …" if len(placement.elsewhere) > 5 else "")
        raise PlacementError(
            f"{artefact.name} was asked onto {resolved}; elsewhere: {shown}.",
            "Accept that with the option allow_fallback=true (--edge-option=TARGET.allow_fallback=true), or change the model.",
        )
    return OpenVinoSession(compiled, artefact, signature, placement, core)


class OpenVinoSession:
    """An open artefact; made by `reader`."""

    def __init__(self, compiled: Any, artefact: Path, signature: Signature, placement: Placement, core: Any) -> None:
        self.signature = signature
        self.placement = placement
        self._artefact = artefact
        self._compiled: Any = compiled
        self._core = core
        self._request: Any = compiled.create_infer_request()
        self._run: Any = _runner(self._request)

    def infer(self, feeds: Feeds) -> dict[str, Array]:
        """Return outputs by name, in the model's order; they belong to the caller."""
        self._check_open()
        fitted = fit_feeds(self.signature, feeds)
        try:
            _set_inputs(self._request, fitted)
            self._run()
            return _copy_outputs(self._request, self.signature)
        except MemoryError:
            raise
        except Exception as error:
            raise self._failure(error) from error

    def bind(self, feeds: Feeds) -> BoundRun:
        """Return one inference on a copy of `feeds`, ready to run: on a request of its own, all tensors bound."""
        self._check_open()
        fitted = fit_feeds(self.signature, feeds)
        try:
            request = self._compiled.create_infer_request()
            _set_inputs(request, fitted)
        except Exception as error:
            raise self._failure(error) from error
        run = _RequestRun(_runner(request))
        run.request, run.signature = request, self.signature
        return run

    def bind_async(self, feeds: Feeds) -> AsyncRun:
        """Return a further request on a copy of `feeds`, all tensors bound; as many compute at once as there are streams."""
        self._check_open()
        fitted = fit_feeds(self.signature, feeds)
        try:
            request = self._compiled.create_infer_request()
            _set_inputs(request, fitted)
        except Exception as error:
            raise self._failure(error) from error
        return _Request(request, self.signature)

    def device_memory_bytes(self) -> int | None:
        """Return the bytes of all buffers that this process holds on the GPU; None on another device, or when not told."""
        if self._compiled is None or self.placement.accelerator != "gpu":
            return None
        try:
            told: Mapping[str, int] = self._core.get_property("GPU", "GPU_MEMORY_STATISTICS")
        except Exception:  # noqa: BLE001 - OpenVINO raises its own for a property that a build lacks: it does not tell
            return None
        return sum(told.values())

    def close(self) -> None:
        """Let go of OpenVINO's objects."""
        self._compiled = self._request = self._run = None

    def __enter__(self) -> OpenVinoSession:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._compiled is None:
            raise InferenceError(f"The session of {self._artefact.name} is closed.", "Open it again.")

    def _failure(self, error: Exception) -> Exception:
        return inference_error(error, self._artefact, f"openvino:{self.placement.accelerator}")


class _RequestRun(functools.partial[object]):
    """A run of a request on bound tensors: `functools.partial` adds no Python frame to what is timed."""

    request: Any
    signature: Signature

    def outputs(self) -> dict[str, Array]:
        """Return copies of the last run's outputs."""
        return _copy_outputs(self.request, self.signature)


class _Request:
    """A request that is started and waited for; see `contracts.AsyncRun`."""

    def __init__(self, request: Any, signature: Signature) -> None:
        self._request = request
        self._signature = signature
        self._states = bool(request.query_state())
        # `start_async` in Python looks for feeds; the method below it takes a dictionary of them (none) and user data.
        below: Any = super(import_openvino().InferRequest, request)
        self._start = below.start_async
        self.wait: Callable[[], None] = request.wait

    def start(self) -> None:
        """Start it, from the initial state."""
        if self._states:
            self._request.reset_state()
        self._start({}, None)

    def outputs(self) -> dict[str, Array]:
        """Return copies of the last run's outputs."""
        return _copy_outputs(self._request, self._signature)


def _runner(request: Any) -> Callable[[], object]:
    """Return one inference on the tensors that are set, from the initial state.

    `InferRequest.infer` in Python looks for feeds and wraps the outputs it copies; the method below it, which is
    called here, takes a dictionary of feeds (none) and gives views of the outputs (``share_outputs``).
    """
    infer = super(import_openvino().InferRequest, request).infer
    if not request.query_state():
        return functools.partial(infer, {}, True, False)  # noqa: FBT003 - pybind11 matches positions fastest

    def run(reset: Callable[[], None] = request.reset_state) -> object:
        reset()
        return infer({}, True, False)  # noqa: FBT003 - as above

    return run


def _set_inputs(request: Any, feeds: Mapping[str, Array]) -> None:
    """Give a request copies of the feeds, in OpenVINO's memory: a tensor is writable, and a feed may not be."""
    openvino = import_openvino()
    for index, array in enumerate(feeds.values()):
        tensor = openvino.Tensor(openvino.Type(array.dtype), array.shape)
        tensor.data[...] = array
        request.set_input_tensor(index, tensor)


def _copy_outputs(request: Any, signature: Signature) -> dict[str, Array]:
    return {spec.name: np.array(request.get_output_tensor(index).data) for index, spec in enumerate(signature.outputs)}


def _chosen(core: Any, model: Any, artefact: Path) -> str:
    """Return the accelerator that AUTO chooses for a model; the CPU is not taken for the start only.

    The model is then compiled for that device by name: AUTO ignores properties that it does not know, and what it
    compiled tells less.
    """
    devices = core.available_devices
    if len(devices) == 1:
        return accelerator_of(devices[0])
    try:
        compiled = core.compile_model(model, "AUTO", {"PERFORMANCE_HINT": "LATENCY", "ENABLE_STARTUP_FALLBACK": False})
    except Exception as error:
        raise compiling_error(error, artefact, "openvino:auto") from error
    return accelerator_of(compiled.get_property("EXECUTION_DEVICES")[0])


def _device(core: Any, model: Any, accelerator: str, options: Options) -> tuple[str, dict[str, str] | None]:
    """Return OpenVINO's device, and device by node where a fallback to the CPU is allowed."""
    device = device_of(accelerator)
    if device == "CPU" or not read_flag(options, "allow_fallback"):
        return device, None
    split = f"HETERO:{device},CPU"
    return split, dict(core.query_model(model, split))


def _properties(accelerator: str, options: Options) -> dict[str, Any]:
    """Return the properties to compile with: the caller's win over our defaults, not over our options."""
    given = {key: str(value) for key, value in read_family(options, "config").items()}
    for key in _OURS.keys() & given.keys():
        raise UsageError(f"The property {key} is set by an option of ours.", f"Use the option {_OURS[key]}.")
    streams = read_count(options, "streams")
    if streams is not None and "NUM_STREAMS" in given:
        raise UsageError(
            f"The options streams={streams} and config.NUM_STREAMS={given['NUM_STREAMS']} are two answers to one question.",
            "Leave config.NUM_STREAMS out.",
        )
    found: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY" if streams is None else "THROUGHPUT"}
    if accelerator == "cpu" or streams is not None:
        found["NUM_STREAMS"] = str(streams or 1)
    found.update(given)
    threads = read_count(options, "threads")
    if threads is not None and accelerator == "cpu":
        found["INFERENCE_NUM_THREADS"] = threads
    if "precision" in options:
        found["INFERENCE_PRECISION_HINT"] = read_choice(options, "precision", _PRECISIONS, "f32")
    if not read_flag({"low_precision": True, **options}, "low_precision"):
        found["LP_TRANSFORMS_MODE"] = "NO"
    return found


def _check_precision(compiled: Any, accelerator: str, artefact: Path, options: Options) -> None:
    """Refuse a device that computes in another type than the one asked for: to OpenVINO it is a hint."""
    asked, found = options.get("precision"), effective_precision(compiled)
    if asked is not None and found and found != asked and not read_flag(options, "allow_fallback"):
        raise TargetMissingError(
            f"openvino:{accelerator} does not compute in {asked} here: it would compute {artefact.name} in {found}.",
            f"Use precision={found}, or set allow_fallback=true to accept that.",
        )
