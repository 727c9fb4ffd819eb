"""Device profiles: where they lie, which of them a name means, and the device that is under test.

Lookup order, the first folder that holds an id wins: the folders given (``--edge-profiles``, then
``device_profiles/`` of the rootdir), the packages in the entry point group ``pytest_edgert.profiles``, and
the profiles that come with this package.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pytest_edgert.devices.facts import read_facts
from pytest_edgert.devices.match import matches, recognise
from pytest_edgert.devices.schema import Accelerator, Profile, nearest, read_profile
from pytest_edgert.errors import DeviceError, UsageError
from pytest_edgert.records import Plain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Accelerator",
    "Device",
    "Profile",
    "built_in_folder",
    "find_device",
    "find_profile",
    "load_profiles",
    "matches",
    "profile_folders",
    "recognise",
]

#: Entry points of this group name packages whose folder holds profiles.
ENTRY_POINT_GROUP = "pytest_edgert.profiles"
#: The device that stands for "recognise this machine".
AUTO = "auto"

#: Unread profiles by id, each with its file.
_Tables: TypeAlias = "dict[str, tuple[Path, dict[str, Any]]]"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Device:
    """The machine under test: the profile that describes it, and what the machine says of itself."""

    profile: Profile
    facts: Mapping[str, Plain]


def built_in_folder() -> Path:
    """Return the folder of the profiles that come with this package.

    That is the folder inside the installed package, else the one beside the package in a checkout, so that an
    editable install sees an edit at once.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "device_profiles"
    return installed if installed.is_dir() else package.parent / "device_profiles"


def profile_folders(given: Sequence[Path], rootdir: Path | None = None) -> list[Path]:
    """Return the folders to pass as `folders` below: those given, then ``device_profiles/`` of the rootdir if there."""
    own = [rootdir / "device_profiles"] if rootdir is not None else []
    return [*given, *(folder for folder in own if folder.is_dir())]


def load_profiles(folders: Sequence[Path] = ()) -> dict[str, Profile]:
    """Return every known profile by id, in lookup order.

    Args:
        folders: Folders to look into before the entry points and the built-in profiles; each must exist.

    Raises:
        DeviceError: A folder is missing, or two profiles answer to one name; both files are named.
        UsageError: A profile is malformed.
    """
    return _read_all(_load_tables(folders))


def find_profile(name_or_path: str, folders: Sequence[Path] = ()) -> Profile:
    """Return the profile with this id or alias, or the one in the file of this path.

    Raises:
        DeviceError: The name is unknown; the message gives the nearest known names.
        UsageError: The file is no sound profile.
    """
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        table = _load_table(path)
        _identity(table, path, {})
        return read_profile(_extended(table, path, _load_tables(folders)), path)
    profiles = load_profiles(folders)
    by_name = {name: profile for profile in profiles.values() for name in profile.names}
    if name_or_path not in by_name:
        raise DeviceError(
            f"Unknown device {name_or_path!r}; known: {', '.join(sorted(by_name)) or 'none'}.",
            f"{nearest(name_or_path, list(by_name))} `edgert profiles list` shows them all.".strip(),
        )
    return by_name[name_or_path]


def find_device(name: str, folders: Sequence[Path] = (), sysroot: Path = Path("/")) -> Device:
    """Return the device under test on this machine.

    Args:
        name: An id, an alias or a path of a profile, or ``auto``, which recognises this machine.
        folders: See `load_profiles`.
        sysroot: Folder that stands for ``/``.

    Raises:
        DeviceError: The device is unknown, or it was named and this machine is not one.
    """
    facts = read_facts(sysroot)
    if name == AUTO:
        return Device(recognise(load_profiles(folders), facts, sysroot), facts)
    profile = find_profile(name, folders)
    unmet = matches(profile, facts, sysroot)
    if unmet:
        here = facts.get("board") or facts.get("cpu_model") or "of unknown make"
        raise DeviceError(
            f"Device {name!r} ({profile.title}, {profile.path}) was named, and this machine ({here}) is not one: "
            f"{'; '.join(unmet)}.",
            "Run pytest on that device, or let this machine be recognised by --edge-device=auto; "
            "reaching a device over ssh or adb is not built yet.",
        )
    return Device(profile, facts)


def _load_tables(folders: Sequence[Path]) -> _Tables:
    tables: _Tables = {}
    places = [*folders, *_entry_point_folders(), built_in_folder()]
    for folder in dict.fromkeys(place.resolve() for place in places):
        here: _Tables = {}
        for path in _profile_files(folder):
            table = _load_table(path)
            here[_identity(table, path, here)] = (path, table)
        tables = {**tables, **{name: entry for name, entry in here.items() if name not in tables}}
    return tables


def _read_all(tables: _Tables) -> dict[str, Profile]:
    profiles = {name: read_profile(_extended(table, path, tables), path) for name, (path, table) in tables.items()}
    _refuse_clashes(profiles)
    return profiles


def _entry_point_folders() -> Iterator[Path]:
    for entry in sorted(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda e: (e.name, e.value)):
        spec = importlib.util.find_spec(entry.value)
        if spec is None or not spec.submodule_search_locations:
            raise DeviceError(
                f"Entry point {entry.name!r} of {ENTRY_POINT_GROUP} names {entry.value!r}, which is no package.",
                "Name a package whose folder holds the .toml files, or uninstall its distribution.",
            )
        yield from (Path(place) for place in spec.submodule_search_locations)


def _profile_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DeviceError(f"Profile folder {folder} does not exist.", "Correct --edge-profiles.")
    return sorted(folder.glob("*.toml"))


def _load_table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DeviceError(
            f"Device profile {path} does not exist.", "`edgert profiles list` shows those known."
        ) from error
    except OSError as error:
        raise DeviceError(f"Device profile {path} cannot be read: {error.strerror}.", "Correct the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}.", "Correct the profile.") from error


def _identity(table: Mapping[str, Any], path: Path, others: _Tables) -> str:
    name = table.get("id")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == AUTO:
        raise UsageError(
            f"{path}: key 'id' is {name!r}, wanted letters, digits, '.', '_' and '-' (and not {AUTO!r}).",
            "Correct the profile.",
        )
    if name in others:
        raise DeviceError(f"Two profiles have the id {name!r}: {others[name][0]} and {path}.", "Rename one of them.")
    return name


def _extended(table: Mapping[str, Any], path: Path, tables: _Tables) -> dict[str, Any]:
    own = dict(table)
    base_id = own.pop("extends", None)
    if base_id is None:
        return own
    if not isinstance(base_id, str) or base_id not in tables:
        known = sorted(tables)
        remedy = nearest(str(base_id), known) or f"Known ids: {', '.join(known)}."
        raise UsageError(f"{path}: key 'extends' is {base_id!r}, which is no profile's id.", remedy)
    base_path, base = tables[base_id]
    if "extends" in base:
        raise UsageError(
            f"{path}: key 'extends' names {base_id!r} ({base_path}), which itself extends {base['extends']!r}.",
            "Profiles extend one level: name the last one.",
        )
    inherited = {key: value for key, value in base.items() if key != "aliases"}
    merged = {key: _merged(inherited.get(key), value) for key, value in own.items()}
    return {**inherited, **merged}


def _merged(base: object, own: object) -> object:
    return {**base, **own} if isinstance(base, dict) and isinstance(own, dict) else own


def _refuse_clashes(profiles: Mapping[str, Profile]) -> None:
    owners: dict[str, Profile] = {}
    for profile in profiles.values():
        for name in profile.names:
            if not _NAME.fullmatch(name) or name == AUTO:
                raise UsageError(
                    f"{profile.path}: {name!r} cannot be an alias.", "Use letters, digits, '.', '_' and '-'."
                )
            other = owners.setdefault(name, profile)
            if other is not profile:
                raise DeviceError(
                    f"Two profiles answer to the name {name!r}: {other.path} and {profile.path}.",
                    "Take the alias out of one of them.",
                )
