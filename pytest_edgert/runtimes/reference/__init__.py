"""The reference: an oracle in NumPy, exact where the model is integer and in float64 where it is float.

It is never enumerated, only named, and is not a runtime to measure: it says what the artefact *means*. Importing this
imports neither NumPy nor a parser; opening an artefact does.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.contracts import SHARED_OPTIONS, Options, Runtime, RuntimeInfo, Session
from pytest_edgert.errors import ArtefactError, TargetMissingError, UsageError
from pytest_edgert.records import Presence, PresenceState
from pytest_edgert.runtimes.options import bind_shapes, check_names, nearest, read_choice, read_count, read_flag, read_shapes

if TYPE_CHECKING:
    from pytest_edgert.runtimes.reference.session import ReferenceSession

#: Version of the arithmetic; raised when a result changes.
ARITHMETIC = "1"
_ROUNDINGS = ("half-even", "half-away")


class ReferenceRuntime:
    """The engine: what can be told without an artefact, and opening one."""

    info = RuntimeInfo(
        name="reference",
        modules=("onnx", "ai_edge_litert"),
        distributions=("onnx", "ai-edge-litert"),
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
        """Return the version of the arithmetic and of the parser that is there. Raises TargetMissingError."""
        from importlib.metadata import PackageNotFoundError, version

        found = []
        for name in self.info.distributions:
            try:
                found.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                continue
        if not found:
            raise TargetMissingError("The reference has no parser: neither onnx nor ai-edge-litert.", _REMEDY)
        return f"{ARITHMETIC} ({', '.join(found)})"

    def accelerators(self) -> Sequence[Presence]:
        """Return the CPU, usable when a parser can be found."""
        if any(find_spec(name) is not None for name in self.info.modules):
            return (Presence("cpu", PresenceState.USABLE),)
        return (Presence("cpu", PresenceState.ABSENT, "neither onnx nor ai_edge_litert is installed", _REMEDY),)

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
        return _open_tflite(artefact, options) if artefact.suffix.lower() == ".tflite" else _open_onnx(artefact, options)


def _check_file(artefact: Path) -> None:
    if not artefact.is_file():
        raise ArtefactError(f"{artefact} is not a file.", "Check the path.")
    if artefact.stat().st_size == 0:
        raise ArtefactError(f"{artefact} is empty.", "Export or download it again.")


def _open_onnx(artefact: Path, options: Options) -> ReferenceSession:
    from pytest_edgert.runtimes.reference.onnx_graph import build
    from pytest_edgert.runtimes.reference.onnx_model import read_model, read_signature
    from pytest_edgert.runtimes.reference.session import ReferenceSession, placement_of

    if read_choice(options, "rounding", _ROUNDINGS, "half-even") != "half-even":
        raise UsageError("ONNX rounds half to even; another rounding would be another operator.", "Leave rounding out.")
    model = read_model(artefact)
    signature = bind_shapes(read_signature(artefact, model), read_shapes(options))
    graph = build(artefact, model)
    return ReferenceSession(artefact, signature, placement_of(graph.trust, "half-even"), graph.run)


def _open_tflite(artefact: Path, options: Options) -> ReferenceSession:
    from pytest_edgert.runtimes.reference.session import ReferenceSession, placement_of
    from pytest_edgert.runtimes.reference.tflite_graph import build
    from pytest_edgert.runtimes.reference.tflite_model import read_model, read_signature

    rounding = read_choice(options, "rounding", _ROUNDINGS, "half-even")
    model = read_model(artefact)
    signature = bind_shapes(read_signature(artefact, model), read_shapes(options))
    graph = build(artefact, model, rounding)
    return ReferenceSession(artefact, signature, placement_of(graph.trust, rounding), graph.run)


_REMEDY = 'pip install "pytest-edgert[onnx]"'
RUNTIME: Runtime = ReferenceRuntime()
