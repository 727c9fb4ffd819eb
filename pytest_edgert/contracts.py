"""The protocols between the parts: runtimes, sessions and what more a session may be able to do.

A new ability is one more small protocol here, never a flag on an old one. The rules that every adapter
obeys are proved by `pytest_edgert.testing`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from pytest_edgert.errors import UsageError
from pytest_edgert.records import CheckRecord, Placement, Presence, QuantizationReading, TensorHealth

if TYPE_CHECKING:
    from pytest_edgert.tensors import Array, Feeds, Signature

#: Value of a target's option, as TOML and JSON have them.
OptionValue: TypeAlias = "str | int | float | bool"
Options: TypeAlias = Mapping[str, OptionValue]

#: Options that every runtime understands; `shape.INPUT` binds the free dimensions of one input ("1x3x224x224"),
#: `dimension.NAME` a free dimension wherever it stands.
SHARED_OPTIONS: Mapping[str, str] = {
    "threads": "threads of one inference on a CPU; the device's cores by default",
    "allow_fallback": "true lets nodes run elsewhere than on the accelerator asked for",
    "shape.INPUT": "shape of one input, such as 1x3x224x224",
    "dimension.NAME": "length of the free dimension of that name; batch is also every free first dimension",
    "environment.NAME": "variable of the environment of the runtime's process, for settings that hold for a whole process",
}

_TARGET = re.compile(r"(?P<runtime>[a-z][\w-]*)(?::(?P<accelerator>[a-z][\w-]*))?(?:\+(?P<variant>[a-z][\w-]*))?")


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """What can be told of a runtime without importing it.

    Args:
        name: The runtime's name in targets.
        modules: Importable modules, any one of which serves; empty needs none.
        distributions: The distributions that bring them, for versions and remedies.
        suffixes: Artefact suffixes it reads, lower case, with the dot.
        accelerators: Every accelerator name it may offer, in the order `auto` prefers them.
        variants: Named option sets that change its arithmetic.
        options: Names and one-line meanings of the options it takes.
        extra: The extra of this distribution that installs it; empty when there is none.
        enumerated: False for runtimes that are only used when named.
    """

    name: str
    modules: tuple[str, ...]
    distributions: tuple[str, ...]
    suffixes: tuple[str, ...]
    accelerators: tuple[str, ...]
    variants: Mapping[str, Options] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    extra: str = ""
    enumerated: bool = True


@runtime_checkable
class Session(Protocol):
    """One artefact opened on one target. A context manager; `close` twice is harmless."""

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, free dimensions bound as far as options bind them."""

    @property
    def placement(self) -> Placement:
        """What really ran where, asked from the runtime after opening."""

    def infer(self, feeds: Feeds) -> dict[str, Array]:
        """Return outputs by name from the initial state; they belong to the caller. Raises FeedsError, InferenceError."""

    def close(self) -> None:
        """Free the runtime's resources."""

    def __enter__(self) -> Session: ...

    def __exit__(self, *exc: object) -> None: ...


class Runtime(Protocol):
    """An inference engine. Importing its file imports no vendor module; its methods may."""

    @property
    def info(self) -> RuntimeInfo:
        """What is known without the vendor's module."""

    def version(self) -> str:
        """Return the runtime's own version. Raises TargetMissingError when it is not installed."""

    def accelerators(self) -> Sequence[Presence]:
        """Return each known accelerator with its state here, the reason and the remedy."""

    def accepts(self, artefact: Path) -> bool:
        """Return whether the suffix is one that this runtime reads."""

    def open(self, artefact: Path, accelerator: str, options: Options) -> Session:
        """Open an artefact.

        Raises:
            ArtefactError: The file is not a sound model.
            UnsupportedModelError: The model is sound, this runtime cannot run it.
            TargetMissingError: The accelerator is not usable here.
            PlacementError: The runtime placed less on the accelerator than asked and `allow_fallback` is not set.
            UsageError: An option is unknown or its value is out of range.
        """


class BoundRun(Protocol):
    """One inference on bound buffers, run by calling it; what is timed is the call alone."""

    def __call__(self) -> object:
        """Run once. Raises InferenceError or the vendor's own error: nothing is translated on the hot path."""

    def outputs(self) -> dict[str, Array]:
        """Return copies of what the last run left, by name: proof that the timed work is the model's."""


@runtime_checkable
class SupportsBoundBuffers(Protocol):
    """A session that can run again on bound buffers: the hot path of a measurement."""

    def bind(self, feeds: Feeds) -> BoundRun:
        """Return a callable without arguments that runs one inference on `feeds`, as thinly as the vendor allows."""


class AsyncRun(Protocol):
    """One request of its own on bound buffers, of which several may be in flight at once."""

    def start(self) -> None:
        """Hand the request to the runtime and return at once. Raises InferenceError."""

    def wait(self) -> None:
        """Return when the request that was started is done. Raises InferenceError."""

    def outputs(self) -> dict[str, Array]:
        """Return copies of what the last request left, by name: proof that it computed."""


@runtime_checkable
class SupportsAsync(Protocol):
    """A session that takes the next request before the last one is done."""

    def bind_async(self, feeds: Feeds) -> AsyncRun:
        """Return a further request on `feeds`."""


@runtime_checkable
class SupportsDeviceMemory(Protocol):
    """A session that can tell the memory that it holds on its accelerator."""

    def device_memory_bytes(self) -> int | None:
        """Return the bytes now; None where the accelerator does not tell."""


@runtime_checkable
class SupportsBuild(Protocol):
    """A runtime that opens in two steps, so that building an engine can be timed apart from reading the file."""

    def read(self, artefact: Path, accelerator: str, options: Options) -> Callable[[], Session]:
        """Read an artefact; what is returned builds the engine and gives the session. Raises as `Runtime.open`."""


@runtime_checkable
class ReadsQuantization(Protocol):
    """A runtime that can tell the grids of a file without running it."""

    def read_quantization(self, artefact: Path) -> QuantizationReading:
        """Return every quantised tensor. Raises ArtefactError, UnsupportedModelError, TargetMissingError."""


@runtime_checkable
class WatchesQuantization(Protocol):
    """A session that can look at numbers before and after they are rounded onto a grid."""

    def watch_quantization(self, feeds: Sequence[Feeds], report: Callable[[int], None]) -> tuple[TensorHealth, ...]:
        """Infer on each of `feeds`, calling `report` with how many are done; returns what rounding did by tensor."""


class MeterReader(Protocol):
    """Sensors that are open for reading."""

    def read(self) -> Mapping[str, float | None]:
        """Return every sensor by name; None where it gives no number now. Never raises, never invents a 0."""

    def close(self) -> None:
        """Let go of files and vendor handles; twice is harmless."""


@runtime_checkable
class SupportsTroubles(Protocol):
    """A reader that can say what went wrong with a sensor since it was opened."""

    def troubles(self) -> Mapping[str, str]:
        """Return a sentence by sensor: that it vanished, that its counter went backwards. Never raises."""


class Meter(Protocol):
    """Reads sensors of one kind. Importing its file imports no vendor module; its methods may.

    A sensor's name is quantity, unit and place: ``temperature_c.cpu-thermal``, ``frequency_hz.policy0``,
    ``power_w.gpu0``, ``energy_j.package-0`` (cumulative), ``throttle_count.cpu0`` (cumulative), ``throttled.gpu0``
    (1 while it is), ``cooling_state.fan``, ``rss_bytes.process``.
    """

    @property
    def name(self) -> str:
        """The meter's name: "thermal", "rapl", "nvml"."""

    def sensors(self, sysroot: Path) -> Sequence[Presence]:
        """Return each sensor with its state; an unusable one with the reason and the remedy. Never raises."""

    def open(self, sysroot: Path) -> MeterReader:
        """Open the usable sensors, whichever there are: none is no error."""


class Recorder(Protocol):
    """Takes the records of checks; the plugin sets one while a test runs."""

    def record(self, record: CheckRecord) -> None:
        """Keep one record."""


@runtime_checkable
class KnowsTest(Protocol):
    """A recorder that knows which test runs, and which attempt at it this is."""

    @property
    def nodeid(self) -> str:
        """The test's id."""

    @property
    def attempt(self) -> int:
        """1, and more when something runs the same test again."""


class Transport(Protocol):
    """How to reach a device: a command prefix that turns ``python -m …`` into a pipe on that device."""

    @property
    def name(self) -> str:
        """The transport's name, e.g. ``local``."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return the full command that runs the device's Python with `arguments`."""

    @property
    def shares_memory(self) -> bool:
        """Whether inherited file descriptors and local paths mean the same on the other side."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A runtime, an accelerator and, where one is named, a variant: ``litert:cpu+builtin``."""

    runtime: str
    accelerator: str = ""
    variant: str = ""

    def __str__(self) -> str:
        accelerator = f":{self.accelerator}" if self.accelerator else ""
        return f"{self.runtime}{accelerator}" + (f"+{self.variant}" if self.variant else "")


def parse_target(text: str) -> Target:
    """Read ``RUNTIME[:ACCELERATOR][+VARIANT]``; an accelerator left out is empty. Raises UsageError."""
    found = _TARGET.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"{text!r} is not a target.", "Write RUNTIME[:ACCELERATOR][+VARIANT], such as onnxruntime:cpu."
        )
    return Target(found["runtime"], found["accelerator"] or "", found["variant"] or "")
