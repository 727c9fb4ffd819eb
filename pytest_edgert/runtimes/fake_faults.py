"""How the fake runtime misbehaves on request: every failure of a real runtime that this project has to survive.

A fault is named by the option `fault` (or the same key under "faults" in the artefact); `fault_in` says
whether it strikes at ``load`` or at ``infer``, `fault_at` at which inference, counted from 1.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_edgert import clock
from pytest_edgert.contracts import Options
from pytest_edgert.errors import InferenceError, UsageError
from pytest_edgert.runtimes.options import read_choice, read_count, read_flag

if TYPE_CHECKING:
    from pytest_edgert.tensors import Array

#: Options of the fake that make it slow or bad.
OPTIONS: Mapping[str, str] = {
    "fault": "what goes wrong; see docs/adapters.md",
    "fault_in": "load or infer (the default)",
    "fault_at": "the inference at which it strikes, from 1; every one when not set",
    "latency_s": "seconds that each inference takes, asleep",
    "busy": "true spends latency_s computing instead",
    "drift_s": "seconds added to each inference after the last",
    "slow_after": "inferences after which each takes slow_s more",
    "slow_s": "seconds added after slow_after",
    "build_s": "seconds that building the engine takes, asleep",
}

_FOREVER_S = 3600
_CHUNK_BYTES = 16 * 2**20
_HEADROOM_BYTES = 256 * 2**20


@dataclass(slots=True)
class Faults:
    """The faults of one session and what they count.

    Args:
        name: The fault, "none" for none.
        where: "load" or "infer".
        at: The inference it strikes at, from 1; None for every one.
        latency_s, drift_s, slow_s: Seconds, >= 0.
        slow_after: Inferences before `slow_s` is added, None for never.
        busy: Whether time is spent computing.
        build_s: Seconds of building the engine.
    """

    name: str = "none"
    where: str = "infer"
    at: int | None = None
    latency_s: float = 0.0
    drift_s: float = 0.0
    slow_after: int | None = None
    slow_s: float = 0.0
    busy: bool = False
    build_s: float = 0.0
    inferences: int = 0
    kept: dict[str, Array] = field(default_factory=dict)

    @property
    def falls_back(self) -> bool:
        """Whether everything is placed on the CPU whatever was asked."""
        return self.name == "falls_back"

    def at_load(self) -> None:
        """Strike while the artefact is opened, if that is when."""
        if self.where == "load" and self.name in _STRIKES:
            _STRIKES[self.name]()

    def before_inference(self, feeds: Mapping[str, Array]) -> None:
        """Take the time, then strike or spoil the feeds if this inference is the one."""
        self.inferences += 1
        self._take_time()
        if not self._due():
            return
        if self.name in _STRIKES:
            _STRIKES[self.name]()
        if self.name == "changes_feeds":
            for array in feeds.values():
                array.flat[:1] = 0

    def after_inference(self, outputs: dict[str, Array]) -> dict[str, Array]:
        """Return the outputs, honest or spoiled."""
        if not self._due():
            return outputs
        if self.name == "keeps_state":
            return {name: (array + self.inferences).astype(array.dtype) for name, array in outputs.items()}
        if self.name == "loses_output":
            return dict(list(outputs.items())[1:])
        if self.name == "reuses_buffers":
            for name, array in outputs.items():
                if self.kept.setdefault(name, array).shape != array.shape:
                    self.kept[name] = array
                self.kept[name][...] = array
            return dict(self.kept)
        return outputs

    def _due(self) -> bool:
        return self.where == "infer" and self.at in (None, self.inferences)

    def _take_time(self) -> None:
        seconds = self.latency_s + self.drift_s * (self.inferences - 1)
        if self.slow_after is not None and self.inferences > self.slow_after:
            seconds += self.slow_s
        if seconds <= 0:
            return
        if not self.busy:
            clock.sleep_s(seconds)
            return
        end_ns = clock.monotonic_ns() + round(seconds * 1e9)
        while clock.monotonic_ns() < end_ns:
            pass


def read_faults(of_artefact: Mapping[str, Any], options: Options) -> Faults:
    """Return the faults that the artefact asks for, overridden by options. Raises UsageError."""
    settings = {**of_artefact, **{name: value for name, value in options.items() if name in OPTIONS}}
    return Faults(
        name=read_choice(settings, "fault", ("none", *_STRIKES, *_HABITS), "none"),
        where=read_choice(settings, "fault_in", ("load", "infer"), "infer"),
        at=read_count(settings, "fault_at"),
        latency_s=_read_seconds(settings, "latency_s"),
        drift_s=_read_seconds(settings, "drift_s"),
        slow_after=read_count(settings, "slow_after"),
        slow_s=_read_seconds(settings, "slow_s"),
        busy=read_flag(settings, "busy"),
        build_s=_read_seconds(settings, "build_s"),
    )


def _read_seconds(settings: Mapping[str, Any], name: str) -> float:
    try:
        seconds = float(settings.get(name, 0.0))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < _FOREVER_S:
        raise UsageError(f"Option {name} must be seconds from 0 to {_FOREVER_S}, got {settings[name]!r}.")
    return seconds


def _hang() -> None:
    while True:
        clock.sleep_s(_FOREVER_S)


def _hang_native() -> None:
    libc = ctypes.PyDLL(None)  # PyDLL keeps the interpreter's lock: no Python thread runs meanwhile
    while True:
        libc.sleep(_FOREVER_S)


def _segfault() -> None:
    ctypes.string_at(0)


def _exit() -> NoReturn:
    os._exit(3)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _eat_memory() -> None:
    """Allocate until MemoryError, under a limit of its own: the machine is not what is being tested."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(open("/proc/self/statm", encoding="ascii").read().split()[0])  # noqa: PTH123, SIM115
    limit = pages * resource.getpagesize() + _HEADROOM_BYTES
    if soft == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    eaten = []
    while True:
        eaten.append(bytearray(_CHUNK_BYTES))


def _print_native() -> None:
    libc = ctypes.CDLL(None)
    libc.puts(b"fake: native noise on stdout")
    libc.fflush(None)


def _refuse() -> NoReturn:
    vendor_error = RuntimeError("fake: status 7")
    raise InferenceError("fake refused the inference: status 7.", "Ask it not to: fault=none.") from vendor_error


#: What strikes at one moment.
_STRIKES: Mapping[str, Callable[[], None]] = {
    "hang": _hang,
    "hang_native": _hang_native,
    "abort": os.abort,
    "segfault": _segfault,
    "exit": _exit,
    "kill": _kill,
    "memory": _eat_memory,
    "prints": _print_native,
    "refuses": _refuse,
}
#: What is wrong with the answers.
_HABITS = ("falls_back", "reuses_buffers", "keeps_state", "changes_feeds", "loses_output", "idles")
