"""OpenVINO: opening an artefact on one of its devices, with the precision it really computes in told.

This file is read at the start of pytest: neither NumPy nor openvino is imported before a method needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_edgert.contracts import SHARED_OPTIONS, Options, Runtime, RuntimeInfo, Session
from pytest_edgert.errors import ArtefactError
from pytest_edgert.records import Presence
from pytest_edgert.runtimes.onnxruntime_graph import check_external_data
from pytest_edgert.runtimes.openvino_devices import ACCELERATORS, core_for, import_openvino, presence
from pytest_edgert.runtimes.options import check_names


class OpenVino:
    """The engine: what can be told without an artefact, and opening one."""

    info = RuntimeInfo(
        name="openvino",
        modules=("openvino",),
        distributions=("openvino",),
        suffixes=(".xml", ".onnx", ".tflite"),
        accelerators=ACCELERATORS,
        variants={
            "nolpt": {"low_precision": False, "precision": "f32"},
            "f32": {"precision": "f32"},
            # As a CPU without VNNI computes: oneDNN reads the variable once, when it is loaded.
            "avx2": {"environment.ONEDNN_MAX_CPU_ISA": "AVX2", "precision": "f32"},
        },
        options={
            **SHARED_OPTIONS,
            "precision": "type to compute float operators in: f32, f16 or bf16; OpenVINO's choice for the device by default",
            "low_precision": "false computes a quantised model in float (low-precision transformations off)",
            "streams": "inferences at once, compiled for throughput; one, for latency, when it is not set",
            "config.KEY": "a property of the compiled model, such as config.ENABLE_CPU_PINNING",
        },
        extra="openvino",
    )

    def version(self) -> str:
        """Return the version of the module. Raises TargetMissingError when it cannot be imported."""
        return str(import_openvino().__version__).partition("-")[0]

    def accelerators(self) -> Sequence[Presence]:
        """Return every kind of device; one beside the CPU has to run one operator by itself."""
        return tuple(presence(name) for name in ACCELERATORS)

    def accepts(self, artefact: Path) -> bool:
        """Return whether the suffix is ``.xml``, ``.onnx`` or ``.tflite``."""
        return artefact.suffix.lower() in self.info.suffixes

    def open(self, artefact: Path, accelerator: str, options: Options) -> Session:
        """Open an artefact; see `contracts.Runtime.open`. `auto` takes the device that OpenVINO's AUTO chooses."""
        return self.read(artefact, accelerator, options)()

    def read(self, artefact: Path, accelerator: str, options: Options) -> Callable[[], Session]:
        """Read an artefact; what is returned compiles it. See `contracts.SupportsBuild`."""
        check_names(self.info, options)
        core = core_for(accelerator)
        _check_file(artefact)
        from pytest_edgert.runtimes.openvino_session import reader

        return reader(core, artefact, accelerator, options)


def _check_file(artefact: Path) -> None:
    if not artefact.is_file():
        raise ArtefactError(f"{artefact} is not a file.", "Check the path.")
    if artefact.stat().st_size == 0:
        raise ArtefactError(f"{artefact} is empty.", "Export or download it again.")
    if artefact.suffix.lower() == ".onnx":
        check_external_data(artefact)


RUNTIME: Runtime = OpenVino()
