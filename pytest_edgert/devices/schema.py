"""The form of a device profile, schema 1: its tables as frozen values, and the reader that checks every key.

A profile tells a kind of device: how it is recognised, what accelerators it carries, and the conditions
under which its figures count. It holds no address, no budget and no percentile. Fields are named after
their TOML keys; a duration ends in `_s` here and is a text such as ``"180s"`` in the file.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from pytest_edgert.errors import UsageError
from pytest_edgert.units import parse_duration

#: The version of the form that this reader understands.
PROFILE_SCHEMA = 1


def _duration(key: str) -> Any:
    return field(default=None, metadata={"key": key, "parse": parse_duration})


def _one_of(*words: str, default: str | None = "") -> Any:
    metadata = {"words": words}
    return field(metadata=metadata) if default is None else field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Match:
    """What identifies the device; every rule must hold, and no vendor library is loaded to find out.

    Args:
        file: Glob of a text file's content by path; NUL bytes are taken out first.
        any_file: Paths of which one must exist.
        pci: PCI identities "vendor:device" in hexadecimal, all of which must be there.
        prop: Glob of an Android system property by name.
    """

    file: Mapping[str, str] = field(default_factory=dict)
    any_file: tuple[str, ...] = ()
    pci: tuple[str, ...] = ()
    prop: Mapping[str, str] = field(default_factory=dict)

    @property
    def rules(self) -> int:
        """How many rules there are: the more, the more specific the profile."""
        return len(self.file) + bool(self.any_file) + len(self.pci) + len(self.prop)


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One accelerator of the device; `exclusive` lets one measuring process at a time use it.

    Args:
        name: Its name on this device.
        kind: What it is.
        probe: Name of the built-in probe that finds it.
        runtimes: Targets that reach it, best first.
        exclusive: Whether a second process fails or disturbs.
        expect: What the probe must answer.
        version_pins: Version ranges by runtime.
        deprecated_since: When and why it goes away.
    """

    name: str
    kind: str = _one_of("cpu", "gpu", "npu", "tpu", "dla", "dsp", default=None)
    probe: str = ""
    runtimes: tuple[str, ...] = ()
    exclusive: bool = False
    expect: Mapping[str, object] = field(default_factory=dict)
    version_pins: Mapping[str, str] = field(default_factory=dict)
    deprecated_since: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ZoneLimit:
    """A temperature in degrees Celsius of one thermal zone, by the zone's type."""

    zone: str
    celsius: float


@dataclass(frozen=True, slots=True)
class ProbeRule:
    """A command whose output must be equal to a text."""

    probe: str
    equals: str


@dataclass(frozen=True, slots=True)
class LinkRule:
    """The least link speed of a PCI device, as the kernel words it: "8.0 GT/s"."""

    device: str
    min_speed: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold before a figure counts; waited for during `cooldown_timeout_s`, then NOTRUN."""

    power_mode: ProbeRule | None = None
    max_start_temp: ZoneLimit | None = None
    max_load1: float | None = None
    cpu_governor: str | None = None
    pcie_link: LinkRule | None = None
    undervoltage: bool | None = None
    thermal_status_max: int | None = None
    battery_level_min: int | None = None
    charging: bool | None = None
    screen: str | None = None
    cooldown_timeout_s: float | None = _duration("cooldown_timeout")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Which sensors are read beside a measurement, as "source:name", and how often."""

    temperature: tuple[str, ...] = ()
    frequency: tuple[str, ...] = ()
    power: tuple[str, ...] = ()
    throttle: tuple[str, ...] = ()
    interval_s: float | None = _duration("interval")


@dataclass(frozen=True, slots=True)
class Invalidate:
    """What voids a run when it happens during the run; counters are differences over the run."""

    throttle_events: Mapping[str, int] = field(default_factory=dict)
    temp_max: ZoneLimit | None = None
    rpi_throttled_mask: int | None = None
    thermal_status_max: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """How to measure on this device; always by the device's own clock.

    Args:
        warmup: Inferences thrown away first, at least.
        min_time_s: Time the evidence of a verdict spans, at least.
        stride_s: Decorrelation stride: time between two counted samples, at least three mean lengths of the longest
            burst that the profile claims to cover.
        clock: Whose clock.
        taskset: CPUs of the worker, as a mask.
    """

    warmup: int | None = None
    min_time_s: float | None = _duration("min_time")
    stride_s: float | None = _duration("stride")
    clock: str = _one_of("device", default="device")
    taskset: str = ""


@dataclass(frozen=True, slots=True)
class TransportRules:
    """How the device can be reached, and where and with what a worker runs on it."""

    kinds: tuple[str, ...] = ("local",)
    workdir: str = ""
    python: str = "python3"
    min_python: str = "3.10"
    runners: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recovery:
    """How to see that the device is well, and what to try in order when it is not."""

    health: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of device. `arch` and `os` empty hold on any; `path` is the file it was read from."""

    schema: int
    id: str
    title: str
    aliases: tuple[str, ...] = ()
    arch: str = ""
    os: str = _one_of("linux", "android", "darwin", "ios", "windows")
    match: Match = field(default_factory=Match)
    accelerator: tuple[Accelerator, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    telemetry: Telemetry = field(default_factory=Telemetry)
    invalidate: Invalidate = field(default_factory=Invalidate)
    measure: Measure = field(default_factory=Measure)
    transport: TransportRules = field(default_factory=TransportRules)
    recovery: Recovery = field(default_factory=Recovery)
    path: Path = field(default=Path(), metadata={"key": ""})

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the profile answers to: its id, then its aliases."""
        return (self.id, *self.aliases)


def nearest(word: str, known: list[str]) -> str:
    """Return "Did you mean …?" with the nearest of the known words, empty when none is near."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else ""


def read_profile(data: Mapping[str, Any], path: Path) -> Profile:
    """Return the profile that the tables of a TOML file describe, every key and value checked.

    Raises:
        UsageError: A key is unknown or missing or a value is of another kind; says file, key and what was wanted.
    """
    if data.get("schema") != PROFILE_SCHEMA:
        raise UsageError(
            f"{path}: key 'schema' is {data.get('schema')!r}, and this version reads schema {PROFILE_SCHEMA}.",
            f"Write schema = {PROFILE_SCHEMA}, or update pytest-edgert if the profile is newer.",
        )
    profile: Profile = _read_table(Profile, data, path, prefix="")
    return dataclasses.replace(profile, path=path)


def _read_table(kind: Any, data: Any, path: Path, prefix: str) -> Any:
    if not isinstance(data, Mapping):
        raise _wrong_value(path, prefix.rstrip("."), data, "a table")
    keys = _keys(kind)
    for key in data:
        if key not in keys:
            known = sorted(keys)
            raise UsageError(
                f"{path}: unknown key {prefix + key!r}.", nearest(key, known) or f"Known keys here: {', '.join(known)}."
            )
    values = {keys[key].name: _read_value(kind, keys[key], value, path, prefix + key) for key, value in data.items()}
    for key, item in keys.items():
        if _required(item) and item.name not in values:
            raise UsageError(f"{path}: key {prefix + key!r} is missing.", "Add it; see docs/architecture.md.")
    return kind(**values)


@cache
def _keys(kind: Any) -> dict[str, dataclasses.Field[Any]]:
    named = {item.metadata.get("key", item.name): item for item in dataclasses.fields(kind)}
    return {key: item for key, item in named.items() if key}


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _required(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _read_value(owner: Any, item: dataclasses.Field[Any], value: Any, path: Path, key: str) -> Any:
    parse: Callable[..., float] | None = item.metadata.get("parse")
    if parse is not None:
        if not isinstance(value, str):
            raise _wrong_value(path, key, value, 'a text with a unit, such as "180s"')
        return parse(value, what=f"{path}: key {key!r}")
    words = item.metadata.get("words")
    if words and value not in words:
        raise _wrong_value(path, key, value, f"one of {', '.join(words)}")
    return _convert(_hints(owner)[item.name], value, path, key)


def _convert(kind: Any, value: Any, path: Path, key: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _convert(next(a for a in arguments if a is not type(None)), value, path, key)
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong_value(path, key, value, "a list")
        return tuple(_convert(arguments[0], part, path, f"{key}[{i}]") for i, part in enumerate(value))
    if origin is not None:
        if not isinstance(value, Mapping):
            raise _wrong_value(path, key, value, "a table")
        return {name: _convert(arguments[1], part, path, f"{key}.{name}") for name, part in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _read_table(kind, value, path, f"{key}.")
    if kind is float and type(value) is int:
        return float(value)
    if kind is not object and type(value) is not kind:
        raise _wrong_value(path, key, value, _KINDS[kind])
    return value


_KINDS: dict[type, str] = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _wrong_value(path: Path, key: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"{path}: key {key!r} is {value!r}, wanted {wanted}.", "Correct the profile.")
