"""NVIDIA's GPUs by NVML: temperature, clocks, power, energy, reasons to slow down, memory of this process.

The library's Python face is the module ``pynvml`` of the distribution ``nvidia-ml-py``. Source of calls and units: the
NVML API reference, groups nvmlDeviceQueries and nvmlClocksEventReasons. A board answers NotSupported for what it has no
sensor for, and such a sensor is absent. Nothing is imported or loaded where no driver is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pytest_edgert.devices.match import below
from pytest_edgert.devices.telemetry.counters import Sieve
from pytest_edgert.devices.telemetry.files import exists
from pytest_edgert.errors import TargetMissingError
from pytest_edgert.records import Presence, PresenceState

#: Any of these is there when a driver is: Linux, and Windows' Subsystem for Linux.
_DRIVER = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
_INSTALL = 'pip install "pytest-edgert[nvml]"'

#: Bits of the clocks-event reasons that mean a GPU slower than it could be. Idling, a clock that somebody set and
#: boost kept in step with other GPUs are none.
THROTTLES: Mapping[str, int] = {
    "sw_power_cap": 0x04,
    "hw_slowdown": 0x08,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One sensor that one call of NVML gives.

    Args:
        name: The sensor, GPU left open.
        functions: Functions of NVML that tell it, the present one first, then what older drivers have.
        constants: Names of the constants that follow the handle as arguments.
        times, over: The reading is the answer times one, over the other.
    """

    name: str
    functions: tuple[str, ...]
    constants: tuple[str, ...] = ()
    times: int = 1
    over: int = 1


_CLOCK, _TOP_CLOCK = ("nvmlDeviceGetClockInfo",), ("nvmlDeviceGetMaxClockInfo",)
#: Degrees, MHz, mW and mJ of NVML. Its power is a mean over the last second on most boards since Ampere.
FIGURES = (
    Figure("temperature_c.{gpu}", ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"), ("NVML_TEMPERATURE_GPU",)),
    Figure("frequency_hz.{gpu}/sm", _CLOCK, ("NVML_CLOCK_SM",), times=1_000_000),
    Figure("frequency_max_hz.{gpu}/sm", _TOP_CLOCK, ("NVML_CLOCK_SM",), times=1_000_000),
    Figure("frequency_hz.{gpu}/mem", _CLOCK, ("NVML_CLOCK_MEM",), times=1_000_000),
    Figure("frequency_max_hz.{gpu}/mem", _TOP_CLOCK, ("NVML_CLOCK_MEM",), times=1_000_000),
    Figure("power_w.{gpu}", ("nvmlDeviceGetPowerUsage",), over=1000),
    Figure("energy_j.{gpu}", ("nvmlDeviceGetTotalEnergyConsumption",), over=1000),
)
REASONS = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
PROCESSES = ("nvmlDeviceGetComputeRunningProcesses",)

#: Asks a GPU once and gives the readings of one or several sensors; raises NVMLError.
_Ask = Callable[[], Mapping[str, "float | None"]]


@dataclass(frozen=True, slots=True)
class _Question:
    """One question that a GPU answers, and its sensors; without `ask` it does not, and `reason` says why."""

    names: tuple[str, ...]
    ask: _Ask | None
    reason: str = ""


class NvmlReader:
    """Reads the GPUs that NVML knows. Every reader holds NVML open once; NVML counts."""

    def __init__(self, nvml: Any, questions: Sequence[_Question]) -> None:
        self._nvml = nvml
        self._questions = [(one, one.ask) for one in questions if one.ask is not None]
        self._sieve = Sieve.of(name for one, _ in self._questions for name in one.names)
        self._open = nvml is not None

    def read(self) -> dict[str, float | None]:
        """Return every sensor by name; None where the GPU gives no number now, and for ever once it is lost."""
        numbers: dict[str, float | None] = {}
        for question, ask in self._questions:
            numbers.update(self._answer(question, ask))
        return self._sieve(numbers)

    def troubles(self) -> dict[str, str]:
        """Return a sentence for each sensor whose GPU was lost or whose counter went back."""
        return self._sieve.troubles()

    def close(self) -> None:
        """Let go of NVML; twice is harmless."""
        self._questions = []
        if self._open:
            self._open = False
            _shut(self._nvml)

    def _answer(self, question: _Question, ask: _Ask) -> Mapping[str, float | None]:
        if self._sieve.has_lost(question.names[0]):
            return {}
        try:
            return ask()
        except self._nvml.NVMLError as error:
            if error.value in {self._nvml.NVML_ERROR_GPU_IS_LOST, self._nvml.NVML_ERROR_UNINITIALIZED}:
                for name in question.names:
                    self._sieve.lose(name, f"NVML answers: {error}.")
            return {}


@dataclass(frozen=True, slots=True)
class NvmlMeter:
    """The meter of NVIDIA's GPUs."""

    name: str = "nvml"

    def sensors(self, sysroot: Path) -> Sequence[Presence]:
        """Return each sensor that a GPU has; "*" with the reason where there is none. Never raises."""
        try:
            nvml = _nvml(sysroot)
        except TargetMissingError as error:
            state = PresenceState.UNUSABLE if _has_driver(sysroot) else PresenceState.ABSENT
            return [Presence("*", state, error.message, error.remedy)]
        try:
            found = [_presence(name, one) for one in _questions(nvml) for name in one.names]
        except nvml.NVMLError as error:
            return [Presence("*", PresenceState.UNUSABLE, f"NVML answers: {error}.", "Ask nvidia-smi what it says.")]
        finally:
            _shut(nvml)
        return found or [Presence("*", PresenceState.ABSENT, "NVML knows no GPU with a sensor.", "")]

    def open(self, sysroot: Path) -> NvmlReader:
        """Open the sensors of every GPU; without driver, package or answer there are none."""
        try:
            nvml = _nvml(sysroot)
        except TargetMissingError:
            return NvmlReader(None, ())
        try:
            return NvmlReader(nvml, list(_questions(nvml)))
        except nvml.NVMLError:
            _shut(nvml)
            return NvmlReader(None, ())


def _presence(name: str, question: _Question) -> Presence:
    state = PresenceState.ABSENT if question.ask is None else PresenceState.USABLE
    return Presence(name, state, question.reason)


def _has_driver(sysroot: Path) -> bool:
    return any(exists(below(sysroot, path)) for path in _DRIVER)


def _nvml(sysroot: Path) -> Any:
    """Return NVML, ready; raises TargetMissingError with the reason and the remedy."""
    if not _has_driver(sysroot):
        raise TargetMissingError("There is no driver of NVIDIA on this machine.", "Nothing to do without such a GPU.")
    try:
        import pynvml
    except ImportError as error:
        raise TargetMissingError(f"Python's NVML is not installed: {error}.", _INSTALL) from error
    if not hasattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption"):
        where = getattr(pynvml, "__file__", "an unknown place")
        raise TargetMissingError(f"The module pynvml ({where}) is not NVIDIA's or too old.", _INSTALL)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise TargetMissingError(
            f"NVML cannot be started: {error}.", "Ask nvidia-smi; after an update of the driver, restart the machine."
        ) from error
    return pynvml


def _shut(nvml: Any) -> None:
    try:
        nvml.nvmlShutdown()
    except nvml.NVMLError:
        return  # It was shut already, or its GPU is lost: there is nothing left to let go of.


def _questions(nvml: Any) -> Iterator[_Question]:
    """Give each question with the call that answers it; raises NVMLError when the GPUs cannot be counted."""
    for index in range(nvml.nvmlDeviceGetCount()):
        place = f"gpu{index}"
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:  # One that this process may not use, or that is lost.
            yield _Question((f"temperature_c.{place}",), None, f"NVML gives no handle: {error}.")
            continue
        for names, asks in _ways(nvml, handle, place):
            yield _first_answered(nvml, names, asks)


def _ways(nvml: Any, handle: Any, place: str) -> Iterator[tuple[tuple[str, ...], list[_Ask]]]:
    """Give the sensors of a GPU, and for each the calls to try in turn."""
    for figure in FIGURES:
        arguments = [getattr(nvml, constant) for constant in figure.constants]
        name = figure.name.format(gpu=place)
        there = _there(nvml, figure.functions)
        yield (name,), [_figure(name, partial(f, handle, *arguments), figure.times, figure.over) for f in there]
    reasons = {f"throttled.{place}.{reason}": bit for reason, bit in THROTTLES.items()}
    yield tuple(reasons), [_reasons(reasons, partial(f, handle)) for f in _there(nvml, REASONS)]
    name = f"device_memory_bytes.{place}"
    yield (name,), [_memory(name, partial(f, handle)) for f in _there(nvml, PROCESSES)]


def _there(nvml: Any, functions: Sequence[str]) -> list[Callable[..., Any]]:
    return [getattr(nvml, function) for function in functions if hasattr(nvml, function)]


def _first_answered(nvml: Any, names: tuple[str, ...], asks: Sequence[_Ask]) -> _Question:
    reason = "This version of nvidia-ml-py has no call for it."
    for ask in asks:
        reason = _refusal(nvml, ask)
        if not reason:
            return _Question(names, ask)
    return _Question(names, None, reason)


def _refusal(nvml: Any, ask: _Ask) -> str:
    try:
        ask()
    except nvml.NVMLError as error:
        return f"NVML answers: {error}."
    return ""


def _figure(name: str, call: Callable[[], Any], times: int, over: int) -> _Ask:
    return lambda: {name: call() * times / over}


def _reasons(bits: Mapping[str, int], call: Callable[[], Any]) -> _Ask:
    def ask() -> Mapping[str, float | None]:
        found = call()
        return {name: float(bool(found & bit)) for name, bit in bits.items()}

    return ask


def _memory(name: str, call: Callable[[], Any]) -> _Ask:
    """Ask for the memory of this process. None when it is not listed: then it holds none, or a container hides it."""

    def ask() -> Mapping[str, float | None]:
        own = [process.usedGpuMemory for process in call() if process.pid == os.getpid()]
        return {name: None if not own or None in own else float(sum(own))}

    return ask


METER = NvmlMeter()
