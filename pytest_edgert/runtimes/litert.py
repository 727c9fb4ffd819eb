"""LiteRT, also where it is installed as `tflite_runtime` or `tensorflow`: opening an artefact with one set of kernels.

This file is read at the start of pytest: neither NumPy nor LiteRT is imported before a method needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_edgert.contracts import SHARED_OPTIONS, Options, Runtime, RuntimeInfo, Session
from pytest_edgert.errors import ArtefactError
from pytest_edgert.records import Presence
from pytest_edgert.runtimes.litert_modules import (
    ACCELERATORS,
    DISTRIBUTIONS,
    INTERPRETERS,
    import_interpreter,
    presence,
    resolve,
)
from pytest_edgert.runtimes.options import check_names


class LiteRt:
    """The engine: what can be told without an artefact, and opening one."""

    info = RuntimeInfo(
        name="litert",
        modules=tuple(INTERPRETERS),
        distributions=DISTRIBUTIONS,
        suffixes=(".tflite",),
        accelerators=ACCELERATORS,
        variants={"builtin": {"kernels": "builtin"}, "reference": {"kernels": "reference"}},
        options={
            **SHARED_OPTIONS,
            "threads": "threads of one inference on a CPU; 1 by default, as in LiteRT itself",
            "kernels": "xnnpack (the default), builtin (optimised kernels, no delegate) or reference",
        },
        extra="litert",
    )

    def version(self) -> str:
        """Return version and package, such as "2.3.0 (ai_edge_litert)". Raises TargetMissingError when there is none."""
        _, package, version = import_interpreter()
        return f"{version} ({package})"

    def accelerators(self) -> Sequence[Presence]:
        """Return the CPU, usable where LiteRT can be imported, and what the adapter does not drive, as absent."""
        return tuple(presence(name) for name in ACCELERATORS)

    def accepts(self, artefact: Path) -> bool:
        """Return whether the suffix is ``.tflite``."""
        return artefact.suffix.lower() in self.info.suffixes

    def open(self, artefact: Path, accelerator: str, options: Options) -> Session:
        """Open an artefact; see `contracts.Runtime.open`. The file's structure is checked before LiteRT sees it."""
        from pytest_edgert.runtimes.litert_file import read_file
        from pytest_edgert.runtimes.litert_session import make_session

        check_names(self.info, options)
        resolved = resolve(accelerator)
        if not artefact.is_file():
            raise ArtefactError(f"{artefact} is not a file.", "Check the path.")
        if artefact.stat().st_size == 0:
            raise ArtefactError(f"{artefact} is empty.", "Export or download it again.")
        return make_session(artefact, read_file(artefact), resolved, options)


RUNTIME: Runtime = LiteRt()
