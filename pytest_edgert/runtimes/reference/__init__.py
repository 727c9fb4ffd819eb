"""The reference: an oracle in NumPy, exact where the model is integer and in float64 where it is float.

It is never enumerated, only named, and is not a runtime to measure: it says what the artefact *means*. Importing this
imports neither NumPy nor a parser; opening an artefact does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.contracts import SHARED_OPTIONS, Options, Runtime, RuntimeInfo, Session
from pytest_edgert.errors import ArtefactError, UsageError
from pytest_edgert.records import Presence, PresenceState, QuantizationReading
from pytest_edgert.runtimes.options import (
    bind_shapes,
    check_names,
    nearest,
    read_choice,
    read_count,
    read_flag,
    read_shapes,
)

if TYPE_CHECKING:
    from pytest_edgert.runtimes.reference.session import ReferenceSession

#: Version of the arithmetic; raised when a result changes.
ARITHMETIC = "2"
_ROUNDINGS = ("half-even", "half-away")


class ReferenceRuntime:
    """The engine: what can be told without an artefact, and opening one."""

    info = RuntimeInfo(
        name="reference",
        modules=(),
        distributions=("onnx",),
        suffixes=(".onnx", ".tflite"),
        accelerators=("cpu",),
        options={
            **SHARED_OPTIONS,
            "rounding": "how quantising a .tflite rounds ties: half-even (the default) or half-away",
        },
        extra="onnx",
        enumerated=False,
    )

    def version(self) -> str:
        """Return the version of the arithmetic, and of the package `onnx` where it is there."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            return f"{ARITHMETIC} (onnx {version('onnx')})"
        except PackageNotFoundError:
            return ARITHMETIC

    def accelerators(self) -> Sequence[Presence]:
        """Return the CPU: NumPy is always there. Only ``.onnx`` files need a package, and opening one says so."""
        return (Presence("cpu", PresenceState.USABLE),)

    def accepts(self, artefact: Path) -> bool:
        """Return whether the suffix is ``.onnx`` or ``.tflite``."""
        return artefact.suffix.lower() in self.info.suffixes

    def open(self, artefact: Path, accelerator: str, options: Options) -> Session:
        """Open an artefact; see `contracts.Runtime.open`.

        Threads are those of NumPy's BLAS, which its own environment variables set; the number is checked and changes
        nothing.
        """
        check_names(self.info, options)
        if accelerator not in {"cpu", "auto"}:
            raise UsageError(f"reference has no accelerator {accelerator!r}.", nearest(accelerator, ["cpu"]))
        read_count(options, "threads")
        read_flag(options, "allow_fallback")
        read_choice(options, "rounding", _ROUNDINGS, "half-even")
        _check_file(artefact)
        return (
            _open_tflite(artefact, options) if artefact.suffix.lower() == ".tflite" else _open_onnx(artefact, options)
        )

    def read_quantization(self, artefact: Path) -> QuantizationReading:
        """Return what a file says of its grids; see `contracts.ReadsQuantization`."""
        from pytest_edgert.runtimes.reference.inspecting import read_quantization

        _check_file(artefact)
        return read_quantization(artefact)


def _check_file(artefact: Path) -> None:
    if not artefact.is_file():
        raise ArtefactError(f"{artefact} is not a file.", "Check the path.")
    if artefact.stat().st_size == 0:
        raise ArtefactError(f"{artefact} is empty.", "Export or download it again.")


def _open_onnx(artefact: Path, options: Options) -> ReferenceSession:
    from pytest_edgert.runtimes.reference.facts import onnx_facts
    from pytest_edgert.runtimes.reference.onnx_graph import build
    from pytest_edgert.runtimes.reference.onnx_model import read_model, read_signature
    from pytest_edgert.runtimes.reference.session import ReferenceSession, placement_of

    if read_choice(options, "rounding", _ROUNDINGS, "half-even") != "half-even":
        raise UsageError("ONNX rounds half to even; another rounding would be another operator.", "Leave rounding out.")
    model = read_model(artefact)
    signature = bind_shapes(read_signature(artefact, model), read_shapes(options))
    graph = build(artefact, model)
    placement = placement_of(graph.trust, "half-even", onnx_facts(graph, signature))
    return ReferenceSession(artefact, signature, placement, graph.run)


def _open_tflite(artefact: Path, options: Options) -> ReferenceSession:
    from pytest_edgert.runtimes.reference.facts import tflite_facts
    from pytest_edgert.runtimes.reference.session import ReferenceSession, placement_of
    from pytest_edgert.runtimes.reference.tflite_graph import build
    from pytest_edgert.runtimes.reference.tflite_model import read_model, read_signature

    rounding = read_choice(options, "rounding", _ROUNDINGS, "half-even")
    model = read_model(artefact)
    signature = bind_shapes(read_signature(model), read_shapes(options))
    graph = build(artefact, model, rounding)
    placement = placement_of(graph.trust, rounding, tflite_facts(graph))
    return ReferenceSession(artefact, signature, placement, graph.run)


RUNTIME: Runtime = ReferenceRuntime()
