"""``edgert doctor``: what this machine has and lacks, why, and how to get it: device, sensors, runtimes."""

from __future__ import annotations

import json
import platform
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.codec import encode
from pytest_edgert.devices.facts import read_facts
from pytest_edgert.devices.match import matches, recognise
from pytest_edgert.devices.profile import Profile, load_profiles, profile_folders
from pytest_edgert.errors import DeviceError
from pytest_edgert.records import Plain, Presence, PresenceState

if TYPE_CHECKING:
    from pytest_edgert.job.watch import MeterState

#: Version of the form of ``doctor --json``.
DOCTOR_SCHEMA = 1

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class RuntimeState:
    """What is known of one runtime here; `remedy` says how to get it, `accelerators` is empty when not installed."""

    name: str
    installed: bool
    version: str
    remedy: str
    enumerated: bool
    accelerators: tuple[Presence, ...] = ()
    variants: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether a gate that names no target can use it."""
        return self.enumerated and any(one.state is PresenceState.USABLE for one in self.accelerators)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that ``edgert doctor`` tells.

    Args:
        schema: Version of this form.
        tool_version, python: Versions of this package and of the interpreter.
        facts: What does not change; None where nothing tells.
        profile, profile_path, profile_reason: The profile recognised, its file and why; empty when none matches.
        others: Each other profile's id and the rules that do not hold here.
        runtimes: Every registered runtime.
        meters: Every registered meter with its sensors and one reading of each: load, temperatures, clocks, power.
        missing: Sensors that the profile names and that are not here, each with the reason.
    """

    schema: int
    tool_version: str
    python: str
    facts: Mapping[str, Plain]
    profile: str
    profile_path: str
    profile_reason: str
    others: Mapping[str, tuple[str, ...]]
    runtimes: tuple[RuntimeState, ...]
    meters: tuple[MeterState, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether a gate that names neither device nor target can run here."""
        return bool(self.profile) and any(runtime.usable for runtime in self.runtimes)


def run(folders: Sequence[Path], *, as_json: bool) -> int:
    """Print the diagnosis and return the exit status: 0 when a gate can run here, else 1."""
    found = diagnose(load_profiles(profile_folders(folders, Path.cwd())))
    text = json.dumps(encode(found), indent=2) if as_json else "\n".join(_diagnosis_lines(found))
    sys.stdout.write(text + "\n")
    return 0 if found.sound else 1


def diagnose(profiles: Mapping[str, Profile]) -> Diagnosis:
    """Return what this machine has; every installed runtime is asked in a worker of its own, the meters in one.

    Args:
        profiles: Profiles by id, in lookup order.
    """
    from pytest_edgert.devices.telemetry.registry import meter_references
    from pytest_edgert.devices.telemetry.wanted import missing
    from pytest_edgert.probing import probe_meters

    facts = read_facts()
    meters = probe_meters(tuple(meter_references().values()))
    sensors = [name for state in meters for name in state.readings]
    unmet = {name: tuple(matches(profile, facts)) for name, profile in profiles.items()}
    try:
        profile = recognise(profiles, facts)
        chosen, path, reason = profile.id, str(profile.path), _why(profile)
    except DeviceError as error:
        chosen, path, reason = "", "", str(error)
    return Diagnosis(
        schema=DOCTOR_SCHEMA,
        tool_version=metadata.version("pytest-edgert"),
        python=platform.python_version(),
        facts=facts,
        profile=chosen,
        profile_path=path,
        profile_reason=reason,
        others={name: rules for name, rules in unmet.items() if name != chosen},
        runtimes=_runtime_states(),
        meters=meters,
        missing=missing(profiles[chosen], sensors) if chosen else {},
    )


def _why(profile: Profile) -> str:
    wanted = [f"{name} is {value}" for name, value in (("os", profile.os), ("arch", profile.arch)) if value]
    if profile.match.rules:
        wanted.append(f"its {profile.match.rules} rules hold")
    return f"{' and '.join(wanted) or 'it holds everywhere'}, and no profile that says more matches"


def _runtime_states() -> tuple[RuntimeState, ...]:
    from pytest_edgert.probing import probe
    from pytest_edgert.runtimes.registry import how_to_install, installed_version, is_installed, runtimes

    known = {name: runtime.info for name, runtime in runtimes().items()}
    answers = probe([name for name, info in known.items() if is_installed(info)])
    states = []
    for name, info in known.items():
        version, accelerators = answers.get(name, ("", ()))
        states.append(
            RuntimeState(
                name=name,
                installed=name in answers,
                version=version or installed_version(info) or "",
                remedy="" if name in answers else how_to_install(info),
                enumerated=info.enumerated,
                accelerators=tuple(accelerators),
                variants=tuple(info.variants),
            )
        )
    return tuple(states)


def _diagnosis_lines(found: Diagnosis) -> Iterator[str]:
    yield f"pytest-edgert {found.tool_version}, Python {found.python}"
    yield ""
    yield "Device"
    if found.profile:
        yield _row("profile", f"{found.profile} ({found.profile_path})")
        yield _row("why", found.profile_reason)
    else:
        yield _row("profile", f"none: {found.profile_reason}")
    for name, rules in found.others.items():
        yield _row("not", f"{name}: {'; '.join(rules) or 'says less'}")
    for name, value in found.facts.items():
        yield _row(*_reading(name, value))
    yield ""
    yield "Sensors"
    for meter in found.meters:
        yield from _meter_lines(meter)
    for name, reason in found.missing.items():
        yield _row("missing", f"The profile names {name}: {reason}.")
    yield ""
    yield "Runtimes"
    for runtime in found.runtimes:
        yield from _runtime_lines(runtime)
    if not any(runtime.usable for runtime in found.runtimes):
        yield ""
        yield _wrapped("No runtime is usable here, so a gate would have nothing to run on: follow a remedy above.")


def _runtime_lines(runtime: RuntimeState) -> Iterator[str]:
    only_named = "" if runtime.enumerated else ", used only when named"
    if not runtime.installed:
        yield f"  {runtime.name}: not installed{only_named}"
        yield _row("", f"-> {runtime.remedy}")
        return
    yield f"  {runtime.name} {runtime.version}".rstrip() + only_named
    for one in runtime.accelerators:
        yield _row(f"  {one.name}", f"{one.state.value}{': ' if one.reason else ''}{one.reason}")
        if one.remedy:
            yield _row("", f"-> {one.remedy}")
    if runtime.variants:
        yield _row("  variants", ", ".join(f"+{name}" for name in runtime.variants))


def _meter_lines(meter: MeterState) -> Iterator[str]:
    if meter.reason:
        yield f"  {meter.name or meter.meter}: cannot be asked"
        yield _row("", meter.reason)
        return
    told = [one for one in meter.sensors if one.name != "*"]
    if told:
        yield f"  {meter.name}"
    width = max((len(one.name) + 2 for one in told), default=16)
    for one in meter.sensors:
        name = f"  {one.name}" if told else meter.name
        usable = one.state is PresenceState.USABLE
        said = _as_read(one.name, meter.readings.get(one.name)) if usable else f"{one.state.value}: {one.reason}"
        yield _row(name, said, width)
        if one.remedy:
            yield _row("", f"-> {one.remedy}", width)


#: What one unit shown is worth, and how it is written, by the last word of a name.
_SHOWN: Mapping[str, tuple[float, str]] = {
    "bytes": (2**30, "GiB"),
    "hz": (1e9, "GHz"),
    "c": (1, "°C"),
    "w": (1, "W"),
    "j": (1, "J"),
    "s": (1, "s"),
}
#: What None means where it does not mean that nothing tells.
_UNTOLD: Mapping[str, str] = {"cores_quota": "none is set"}


def _as_read(name: str, value: float | None) -> str:
    """Return the reading of a sensor with its unit."""
    if value is None:
        return "no number just now"
    if name.partition(".")[0].endswith("_bytes") and value < 2**30:
        return f"{value / 2**20:.1f} MiB"
    worth, unit = _SHOWN.get(name.partition(".")[0].rpartition("_")[2], (1, ""))
    return f"{value / worth:.2f} {unit}" if unit else f"{value:g}"


def _reading(name: str, value: Plain) -> tuple[str, str]:
    ending = next((f"_{unit}" for unit in _SHOWN if name.endswith(f"_{unit}")), "")
    words = name.removesuffix(ending).replace("_", " ")
    if value is None:
        return words, _UNTOLD.get(name, "unknown: nothing here tells")
    if isinstance(value, bool):
        return words, "yes" if value else "no"
    if ending and isinstance(value, (int, float)):
        return words, _as_read(name, value)
    return words, str(value)


def _row(name: str, text: str, width: int = 16) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=f"  {name:<{width}} ",
        subsequent_indent=" " * (width + 3),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
