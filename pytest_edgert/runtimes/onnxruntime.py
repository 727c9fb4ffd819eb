"""ONNX Runtime: opening an artefact on one of its execution providers, with nothing happening in silence.

This file is read at the start of pytest: neither NumPy nor onnxruntime is imported before a method needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgert.contracts import SHARED_OPTIONS, Options, Runtime, RuntimeInfo, Session
from pytest_edgert.errors import ArtefactError, TargetMissingError, UsageError
from pytest_edgert.records import Presence
from pytest_edgert.runtimes.onnxruntime_errors import opening_error
from pytest_edgert.runtimes.onnxruntime_graph import check_external_data, input_symbols
from pytest_edgert.runtimes.onnxruntime_providers import (
    ACCELERATORS,
    import_onnxruntime,
    presence,
    provider_of,
    resolve,
)
from pytest_edgert.runtimes.options import (
    bound_symbols,
    check_names,
    read_choice,
    read_count,
    read_dimensions,
    read_family,
    read_flag,
    read_shapes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Our names of ONNX Runtime's GraphOptimizationLevel.
_OPTIMIZATION = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "disabled": "ORT_DISABLE_ALL",
}
#: Session configuration that the adapter sets itself, because verdicts rest on it.
_OURS = ("session.disable_cpu_ep_fallback", "session.record_ep_graph_assignment_info")
_FATAL_ONLY = 4


class OnnxRuntime:
    """The engine: what can be told without an artefact, and opening one."""

    info = RuntimeInfo(
        name="onnxruntime",
        modules=("onnxruntime",),
        distributions=(
            "onnxruntime",
            "onnxruntime-gpu",
            "onnxruntime-openvino",
            "onnxruntime-directml",
            "onnxruntime-silicon",
            "onnxruntime-qnn",
            "onnxruntime-migraphx",
            "onnxruntime-rocm",
            "onnxruntime-cann",
        ),
        suffixes=(".onnx", ".ort"),
        accelerators=ACCELERATORS,
        variants={"unoptimized": {"optimization": "disabled"}},
        options={
            **SHARED_OPTIONS,
            "optimization": "graph optimisation: all (the default), extended, basic or disabled",
            "config.KEY": "an entry of the session's configuration, such as config.session.intra_op.allow_spinning",
            "provider.KEY": "an option of the execution provider, such as provider.device_id",
        },
        extra="onnx",
    )

    def version(self) -> str:
        """Return the version of the module. Raises TargetMissingError when it cannot be imported."""
        return str(import_onnxruntime().__version__)

    def accelerators(self) -> Sequence[Presence]:
        """Return every known execution provider; each in this build has to run one convolution by itself."""
        return tuple(presence(name) for name in ACCELERATORS)

    def accepts(self, artefact: Path) -> bool:
        """Return whether the suffix is ``.onnx`` or ``.ort``."""
        return artefact.suffix.lower() in self.info.suffixes

    def open(self, artefact: Path, accelerator: str, options: Options) -> Session:
        """Open an artefact; see `contracts.Runtime.open`. `auto` takes the best accelerator that works here."""
        from pytest_edgert.runtimes.onnxruntime_session import make_session

        check_names(self.info, options)
        resolved = resolve(accelerator)
        _check_file(artefact)
        session = _open(artefact, resolved, options)
        return make_session(session, artefact, resolved, options)


def _check_file(artefact: Path) -> None:
    if not artefact.is_file():
        raise ArtefactError(f"{artefact} is not a file.", "Check the path.")
    if artefact.stat().st_size == 0:
        raise ArtefactError(f"{artefact} is empty.", "Export or download it again.")
    if artefact.suffix.lower() == ".onnx":
        check_external_data(artefact)


def _open(artefact: Path, accelerator: str, options: Options) -> Any:
    ort = import_onnxruntime()
    provider = provider_of(accelerator)
    settings = _session_options(ort, artefact, accelerator, options)
    provider_options = {key: str(value) for key, value in read_family(options, "provider").items()}
    try:
        session = ort.InferenceSession(
            str(artefact), settings, providers=[(provider.name, provider_options)], enable_fallback=0
        )
    except MemoryError:
        raise
    except Exception as error:
        raise opening_error(error, artefact, accelerator) from error
    if provider.name not in session.get_providers():
        found = presence(accelerator)
        raise TargetMissingError(
            f"onnxruntime:{accelerator} did not start for {artefact.name}: "
            f"{found.reason or f'{provider.name} was dropped'}; got {session.get_providers()}.",
            provider.remedy,
        )
    return session


def _session_options(ort: Any, artefact: Path, accelerator: str, options: Options) -> Any:
    settings = ort.SessionOptions()
    settings.log_severity_level = _FATAL_ONLY
    settings.intra_op_num_threads = read_count(options, "threads") or 0
    settings.inter_op_num_threads = 1
    level = read_choice(options, "optimization", _OPTIMIZATION, "all")
    settings.graph_optimization_level = getattr(ort.GraphOptimizationLevel, _OPTIMIZATION[level])
    for name, length in _overrides(artefact, options).items():
        settings.add_free_dimension_override_by_name(name, length)
    for key, value in _configuration(accelerator, options).items():
        settings.add_session_config_entry(key, value)
    return settings


def _configuration(accelerator: str, options: Options) -> dict[str, str]:
    """Return the session's configuration: the caller's entries, and those that make the placement told.

    Where the runtime tells the assignment (1.32 does), a node elsewhere is refused by name after opening; where
    it does not, the runtime itself is told to refuse. With the CPU named, that second entry is an error.
    """
    from pytest_edgert.runtimes.onnxruntime_session import tells_assignment

    refuses = not read_flag(options, "allow_fallback")
    given = {key: str(value) for key, value in read_family(options, "config").items()}
    for key in given:
        if key in _OURS:
            raise UsageError(f"The configuration {key} is set by the adapter.", "Use the option allow_fallback.")
    given["session.record_ep_graph_assignment_info"] = "1"
    if accelerator != "cpu" and refuses and not tells_assignment():
        given["session.disable_cpu_ep_fallback"] = "1"
    return given


def _overrides(artefact: Path, options: Options) -> Mapping[str, int]:
    """Return lengths for the named free dimensions that options bind, so that the runtime can plan with them."""
    from pytest_edgert.tensors import TensorSpec

    shapes, dimensions = read_shapes(options), read_dimensions(options)
    if not (shapes or dimensions) or artefact.suffix.lower() != ".onnx":
        return {}
    inputs = [TensorSpec(name, "", shape) for name, shape in input_symbols(artefact).items()]
    return bound_symbols(inputs, shapes, dimensions) if inputs else {}


RUNTIME: Runtime = OnnxRuntime()
