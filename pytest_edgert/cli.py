"""The command ``edgert``: what this machine has, what it lacks, why, and how to get it.

``doctor`` is in `cli_doctor`, ``bench`` in `cli_bench`.

Exit status: 0 what was asked is shown; 1 it is shown or said why not, and something is wrong here (no usable
runtime, no profile that matches, a malformed profile); 2 the command line is wrong, or names what is not
built yet.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from pytest_edgert import cli_bench, cli_doctor
from pytest_edgert.devices.profile import load_profiles, profile_folders
from pytest_edgert.errors import EdgertError, NotYetError, UsageError

_WIDTH = 100
_NOT_YET = {
    "golden prune": "deleting goldens that no test uses",
    "profiles show": "showing one profile",
    "profiles check": "checking a profile against a device",
    "doctor --device": "asking a device other than this machine",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; arguments default to the command line's."""
    parser = _parser()
    chosen, unknown = parser.parse_known_args(arguments)
    try:
        _refuse_not_yet(chosen)
        if unknown:
            parser.error(f"unrecognised arguments: {' '.join(unknown)}")
        if chosen.command == "doctor":
            return cli_doctor.run(chosen.profiles, as_json=chosen.json)
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
        "doctor", help="show device, sensors, runtimes and accelerators, and why each missing one is missing"
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


def _list_profiles(folders: Sequence[Path]) -> int:
    for profile in load_profiles(profile_folders(folders, Path.cwd())).values():
        aliases = f" (also {', '.join(profile.aliases)})" if profile.aliases else ""
        sys.stdout.write(f"{profile.id}{aliases}\n    {profile.title}\n    {profile.path}\n")
    return 0


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
