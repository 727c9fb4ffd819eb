"""The command ``edgert``: what this machine has, what it lacks, why, and how to get it; ``bench`` is in `cli_bench`.

Exit status: 0 what was asked is shown; 1 it is shown or said why not, and something is wrong here (no usable
runtime, no profile that matches, a malformed profile); 2 the command line is wrong, or names what is not
built yet.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pytest_edgert import cli_bench
from pytest_edgert.codec import encode
from pytest_edgert.devices.facts import conditions, read_facts
from pytest_edgert.devices.match import matches, recognise
from pytest_edgert.devices.profile import Profile, load_profiles, profile_folders
from pytest_edgert.errors import DeviceError, EdgertError, NotYetError, UsageError
from pytest_edgert.records import Plain, Presence, PresenceState

#: Version of the form of ``doctor --json``.
DOCTOR_SCHEMA = 1

_WIDTH = 100
_NOT_YET = {
    "golden prune": "deleting goldens that no test uses",
    "profiles show": "showing one profile",
    "profiles check": "checking a profile against a device",
    "doctor --device": "asking a device other than this machine",
}


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
        conditions: What moves: load, temperatures, clocks.
        profile, profile_path, profile_reason: The profile recognised, its file and why; empty when none matches.
        others: Each other profile's id and the rules that do not hold here.
        runtimes: Every registered runtime.
    """

    schema: int
    tool_version: str
    python: str
    facts: Mapping[str, Plain]
    conditions: Mapping[str, Plain]
    profile: str
    profile_path: str
    profile_reason: str
    others: Mapping[str, tuple[str, ...]]
    runtimes: tuple[RuntimeState, ...]

    @property
    def sound(self) -> bool:
        """Whether a gate that names neither device nor target can run here."""
        return bool(self.profile) and any(runtime.usable for runtime in self.runtimes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; arguments default to the command line's."""
    parser = _parser()
    chosen, unknown = parser.parse_known_args(arguments)
    try:
        _refuse_not_yet(chosen)
        if unknown:
            parser.error(f"unrecognised arguments: {' '.join(unknown)}")
        if chosen.command == "doctor":
            return _doctor(chosen.profiles, as_json=chosen.json)
        if chosen.command == "bench":
            return cli_bench.run(chosen)
        if chosen.command == "golden":
            return _list_goldens(chosen.folder)
        return _list_profiles(chosen.profiles)
    except EdgertError as error:
        sys.stderr.write(_wrapped(f"edgert: {error}") + "\n")
        usage = UsageError if chosen.command == "bench" else NotYetError
        return 2 if isinstance(error, usage) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgert",
        description="What this machine has for testing models on it.",
        epilog="Exit status: 0 shown; 1 something is wrong here; 2 wrong command line or not built yet.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    doctor = commands.add_parser(
        "doctor", help="show device, runtimes and accelerators, and why each missing one is missing"
    )
    doctor.add_argument("--json", action="store_true", help="print JSON instead of text")
    doctor.add_argument("--device", help="a device other than this machine (not built yet)")
    profiles = commands.add_parser("profiles", help="list the device profiles known here")
    profiles.add_argument("action", nargs="?", choices=["list", "show", "check"], default="list")
    for command in (doctor, profiles, cli_bench.add_parser(commands)):
        command.add_argument(
            "--profiles",
            action="append",
            default=[],
            type=Path,
            metavar="DIR",
            help="a further folder of profiles; repeatable",
        )
    golden = commands.add_parser("golden", help="list the goldens below a folder, and what is wrong with them")
    golden.add_argument("action", nargs="?", choices=["list", "prune"], default="list")
    golden.add_argument("folder", nargs="?", type=Path, default=Path(), help="where to look; default: here")
    return parser


def _refuse_not_yet(chosen: argparse.Namespace) -> None:
    asked = [chosen.command, f"{chosen.command} {getattr(chosen, 'action', '')}"]
    if getattr(chosen, "device", None) is not None:
        asked.append("doctor --device")
    for name in asked:
        if name in _NOT_YET:
            raise NotYetError(
                f"`edgert {name}` is not built yet: {_NOT_YET[name]}.",
                "`edgert doctor`, `edgert bench`, `edgert golden list` and `edgert profiles list` are there.",
            )


def _list_goldens(folder: Path) -> int:
    from pytest_edgert.golden.listing import list_goldens, listing_lines

    entries = list_goldens(folder)
    sys.stdout.write("\n".join(listing_lines(entries)) + "\n")
    return 1 if any(entry.problem for entry in entries) else 0


def _doctor(folders: Sequence[Path], *, as_json: bool) -> int:
    found = diagnose(load_profiles(profile_folders(folders, Path.cwd())))
    text = json.dumps(encode(found), indent=2) if as_json else "\n".join(_diagnosis_lines(found))
    sys.stdout.write(text + "\n")
    return 0 if found.sound else 1


def diagnose(profiles: Mapping[str, Profile]) -> Diagnosis:
    """Return what this machine has; every installed runtime is asked in a worker of its own.

    Args:
        profiles: Profiles by id, in lookup order.
    """
    facts = read_facts()
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
        conditions=conditions(),
        profile=chosen,
        profile_path=path,
        profile_reason=reason,
        others={name: rules for name, rules in unmet.items() if name != chosen},
        runtimes=_runtime_states(),
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
    for name, value in {**found.facts, **found.conditions}.items():
        yield _row(*_reading(name, value))
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


#: Endings of the names of readings, what one unit shown is worth, and how it is written.
_SHOWN: Mapping[str, tuple[float, str]] = {"_bytes": (2**30, "GiB"), "_hz": (1e9, "GHz"), "_c": (1, "°C")}
#: What None means where it does not mean that nothing tells.
_UNTOLD: Mapping[str, str] = {"cores_quota": "none is set"}


def _reading(name: str, value: Plain) -> tuple[str, str]:
    if name.startswith("temperature_c."):
        name = f"temperature_{name.partition('.')[2]}_c"
    ending, (worth, unit) = next(((e, shown) for e, shown in _SHOWN.items() if name.endswith(e)), ("", (1, "")))
    words = name.removesuffix(ending).replace("_", " ")
    if value is None:
        return words, _UNTOLD.get(name, "unknown: nothing here tells")
    if isinstance(value, bool):
        return words, "yes" if value else "no"
    if ending and isinstance(value, (int, float)):
        return words, f"{value / worth:.2f} {unit}"
    return words, str(value)


def _list_profiles(folders: Sequence[Path]) -> int:
    for profile in load_profiles(profile_folders(folders, Path.cwd())).values():
        aliases = f" (also {', '.join(profile.aliases)})" if profile.aliases else ""
        sys.stdout.write(f"{profile.id}{aliases}\n    {profile.title}\n    {profile.path}\n")
    return 0


def _row(name: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=f"  {name:<16} ",
        subsequent_indent=" " * 19,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
