"""OpenVINO's devices as accelerators, and the proof that one works here.

Importing `openvino` sends a usage event to a web service and writes ``~/intel`` where the package
`openvino_telemetry` is installed, which `openvino` requires: it is kept out here.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

from pytest_edgert.errors import TargetMissingError, UsageError
from pytest_edgert.records import Presence, PresenceState
from pytest_edgert.runtimes.openvino_errors import shortened
from pytest_edgert.runtimes.options import nearest

#: OpenVINO's names of devices, best first.
DEVICES: Mapping[str, str] = {"npu": "NPU", "gpu": "GPU", "cpu": "CPU"}
ACCELERATORS = tuple(DEVICES)
#: What a device needs: https://docs.openvino.ai/2026/get-started/install-openvino/configurations.html.
_REMEDIES = {
    "cpu": 'Install it: pip install "pytest-edgert[openvino]"',
    "gpu": (
        "On a machine with an Intel GPU install its OpenCL driver (intel-opencl-icd with libOpenCL.so.1) "
        "and add the user to the group render, which may open /dev/dri/renderD*."
    ),
    "npu": (
        "On an Intel Core Ultra install the NPU driver (kernel module intel_vpu, packages intel-driver-compiler-npu "
        "and intel-level-zero-npu) and add the user to the group render, which may open /dev/accel/accel*."
    ),
}
_TELEMETRY = "openvino_telemetry"


@functools.cache
def import_openvino() -> Any:
    """Return the module `openvino`, its telemetry kept out. Raises TargetMissingError with the reason."""
    try:
        with _without_telemetry():
            import openvino
    except ImportError as error:
        raise TargetMissingError(f"openvino cannot be imported: {error}.", _REMEDIES["cpu"]) from error
    if not hasattr(openvino, "Core"):
        raise TargetMissingError(
            f"openvino at {getattr(openvino, '__path__', '?')} is an empty package.",
            "Uninstall it and every openvino-* distribution, then install openvino.",
        )
    return openvino


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """Let an import of the telemetry fail for a while: `openvino` then uses the stand-in that it brings for that.

    Its own switch is a file in the home folder, which is not ours to write.
    """
    before: dict[str, ModuleType] = {
        name: module for name, module in sys.modules.items() if name.partition(".")[0] == _TELEMETRY
    }
    for name in before:
        del sys.modules[name]
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # None is documented: the import raises
    try:
        yield
    finally:
        del sys.modules[_TELEMETRY]
        sys.modules.update(before)


@cache
def make_core() -> Any:
    """Return the one Core of this process, which keeps nothing on disk unless it is told to.

    It lives as long as the process. The CPU plugin gives the thread that makes it an alternate signal stack, and its end
    gives back the one before: where two end oldest first, a freed stack is given back, and the next signal ends the
    process (seen with OpenVINO 2026.4.1, sigaltstack(2)).
    """
    return import_openvino().Core()


def device_of(accelerator: str) -> str:
    """Return OpenVINO's name of an accelerator. Raises UsageError with the nearest right name."""
    if accelerator not in DEVICES:
        raise UsageError(f"openvino has no accelerator {accelerator!r}.", nearest(accelerator, (*DEVICES, "auto")))
    return DEVICES[accelerator]


def accelerator_of(device: str) -> str:
    """Return the accelerator that a device of OpenVINO is: ``GPU.0`` is `gpu`, ``(CPU)`` is `cpu`."""
    return device.strip("()").partition(".")[0].lower()


def presence(accelerator: str) -> Presence:
    """Return whether an accelerator works here: listed by OpenVINO, and able to run one operator."""
    device = device_of(accelerator)
    try:
        core = make_core()
    except TargetMissingError as error:
        return Presence(accelerator, PresenceState.ABSENT, error.message, error.remedy)
    remedy = _REMEDIES[accelerator]
    if not _is_listed(core, device):
        return Presence(accelerator, PresenceState.ABSENT, _absence(core, device), remedy)
    reason = "" if accelerator == "cpu" else _refusal(core, device)
    if reason:
        return Presence(accelerator, PresenceState.UNUSABLE, reason, remedy)
    return Presence(accelerator, PresenceState.USABLE)


def core_for(accelerator: str) -> Any:
    """Return a Core that has the accelerator's device.

    The CPU is not looked for: listing devices loads the plugins of all others, which would be counted in its load time.

    Raises:
        UsageError: There is no accelerator of this name.
        TargetMissingError: The device is not there, or openvino is not installed.
    """
    device = "CPU" if accelerator == "auto" else device_of(accelerator)
    core = make_core()
    if device != "CPU" and not _is_listed(core, device):
        raise TargetMissingError(
            f"openvino:{accelerator} is not there: {_absence(core, device)}.", _REMEDIES[accelerator]
        )
    return core


def _is_listed(core: Any, device: str) -> bool:
    return any(found.partition(".")[0] == device for found in core.available_devices)


def _absence(core: Any, device: str) -> str:
    """Return why a device is not listed, as far as its plugin tells."""
    found = f"OpenVINO finds {', '.join(core.available_devices)} and no {device}"
    try:
        core.get_property(device, "AVAILABLE_DEVICES")
    except Exception as error:  # noqa: BLE001 - whatever the vendor raises is the reason
        said = shortened(error)
        return f"{found} ({said})" if said else found
    return found


def _refusal(core: Any, device: str) -> str:
    """Return why a device cannot run one operator, empty when it can."""
    import numpy as np
    from openvino import Model, opset8

    x = opset8.parameter([1, 4], np.float32, name="x")
    given = np.array([[-1, 0, 1, 2]], np.float32)
    try:
        request = core.compile_model(Model([opset8.relu(x)], [x], "probe"), device).create_infer_request()
        agrees = bool(np.array_equal(next(iter(request.infer([given]).values())), np.maximum(given, 0)))
    except Exception as error:  # noqa: BLE001 - whatever the vendor raises is the reason
        return f"{device} is listed and cannot run one operator: {shortened(error)}"
    return "" if agrees else f"{device} computes a Relu wrongly"
