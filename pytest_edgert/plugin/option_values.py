"""How the value of each option is read: text into the fields of `settings.Settings`, or an error that names the option."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pytest_edgert.contracts import Target
from pytest_edgert.errors import UsageError
from pytest_edgert.plugin import targets as targets_of
from pytest_edgert.plugin.given import Given
from pytest_edgert.plugin.not_yet import PLANNED_RUNTIMES
from pytest_edgert.plugin.targets import nearest
from pytest_edgert.records import Arrival, Budget
from pytest_edgert.units import parse_duration

#: Largest seed; NumPy and JSON both take it.
LARGEST_SEED = 2**53 - 1


class Inconclusive(str, Enum):
    """What pytest makes of an INCONCLUSIVE verdict."""

    FAIL = "fail"
    SKIP = "skip"
    XFAIL = "xfail"


@dataclass(frozen=True, slots=True)
class AskedArrival:
    """A pattern of arrival and who asked for it: an option, a line of a gate file."""

    arrival: Arrival
    source: str


def read_budgets(found: Given) -> tuple[Budget, ...]:
    """Return limits on latency. Raises UsageError."""
    from pytest_edgert.verdicts.budgets import parse_budgets

    return parse_budgets(found.texts[0], found.source)


def read_arrival(found: Given) -> AskedArrival:
    """Return a pattern of arrival and who asked for it. Raises UsageError."""
    from pytest_edgert.measure.arrival import parse_arrival

    return AskedArrival(parse_arrival(found.texts[0], found.source), found.source)


def _whole_number(found: Given, *, least: int, most: int) -> int:
    text = found.texts[0].strip()
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise UsageError(
            f"{found.source}: {text!r} is not a whole number from {least} to {most}.",
            f"Write e.g. {found.option.name}={max(least, 100)}.",
        )
    return int(text)


def _inconclusive(found: Given) -> Inconclusive:
    try:
        return Inconclusive(found.texts[0])
    except ValueError:
        known = [member.value for member in Inconclusive]
        raise UsageError(
            f"{found.source}: {found.texts[0]!r} is none of {', '.join(known)}.", nearest(found.texts[0], known)
        ) from None


def _update_golden(found: Given) -> str:
    known = ("new", "changed", "all")
    if found.texts[0] not in known:
        raise UsageError(
            f"{found.source}: {found.texts[0]!r} is none of {', '.join(known)}.", nearest(found.texts[0], known)
        )
    if found.source != found.option.name:
        raise UsageError(
            f"{found.source}: goldens are recorded only when the command line says so.",
            f"Write {found.option.name}={found.texts[0]} there.",
        )
    return found.texts[0]


def _json_path(found: Given) -> Path:
    path = read_path(found)
    if path.is_dir():
        raise UsageError(f"{found.source}: {path} is a folder.", "Name a file, such as --edge-json=edgert.json.")
    return path


def _calibrate(found: Given) -> Path:
    if found.source != found.option.name:
        raise UsageError(
            f"{found.source}: margins are calibrated only when the command line says so.",
            f"Write {found.option.name}={found.texts[0]} there.",
        )
    path = read_path(found)
    if not path.parent.is_dir() or path.is_dir():
        raise UsageError(
            f"{found.source}: no file can be written to {path}.", f"Write {found.option.name}=margins.toml."
        )
    return path


def read_path(found: Given) -> Path:
    """Return a path, absolute. Raises UsageError for an empty one."""
    if not found.texts[0].strip():
        raise UsageError(f"{found.source}: the path is empty.", f"Write {found.option.name}={found.option.metavar}.")
    return found.folder / found.texts[0]


def _profile_folders(found: Given) -> tuple[Path, ...]:
    folders = tuple(found.folder / text for text in found.texts)
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{found.source}: {folder} is not a folder.", "Name a folder of device profiles (*.toml).")
    return folders


def _models(found: Given) -> tuple[str, ...]:
    if not all(text.strip() for text in found.texts):
        raise UsageError(f"{found.source}: the path is empty.", "Write --edge-model=PATH.")
    return tuple(text if found.source == found.option.name else _anchored(text, found.folder) for text in found.texts)


def _anchored(text: str, folder: Path) -> str:
    """Return a model of the ini file with its path made absolute, so that the invocation folder does not matter."""
    name, equals, path = text.partition("=")
    if equals and not {"/", "\\"} & set(name) and not (folder / text).is_file():
        return f"{name}={folder / path}"
    return str(folder / text)


def read_required(found: Given) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Return targets and devices that must be present. Raises UsageError."""
    targets, devices = [], []
    known = targets_of.known_runtimes()
    for text in found.texts:
        runtime = text.partition(":")[0].partition("+")[0]
        if ":" in text or runtime in known or runtime in PLANNED_RUNTIMES:
            targets.append(targets_of.read_target(text, found.source))
        else:
            devices.append(text)
    return tuple(targets), tuple(devices)


#: By ini key: the field of `Settings` and how its value is read.
READERS = {
    "edge_model": ("models", _models),
    "edge_device": ("devices", lambda found: found.texts),
    "edge_target": ("targets", lambda found: tuple(targets_of.read_target(t, found.source) for t in found.texts)),
    "edge_option": ("options", lambda found: targets_of.read_options(found.texts, found.source)),
    "edge_shape": ("shapes", lambda found: targets_of.read_shapes(found.texts, found.source)),
    "edge_accept": ("accept", lambda _: True),
    "edge_inconclusive": ("inconclusive", _inconclusive),
    "edge_max_time": ("max_time_s", lambda found: parse_duration(found.texts[0], found.source)),
    "edge_samples": ("samples", lambda found: _whole_number(found, least=1, most=10**9)),
    "edge_json": ("json_path", _json_path),
    "edge_wait": ("wait_s", lambda found: parse_duration(found.texts[0], found.source)),
    "edge_deadline": ("deadline_s", lambda found: parse_duration(found.texts[0], found.source)),
    "edge_sustained": ("sustained_s", lambda found: parse_duration(found.texts[0], found.source)),
    "edge_profiles": ("profiles", _profile_folders),
    "edge_update_golden": ("update_golden", _update_golden),
    "edge_calibrate": ("calibrate", _calibrate),
    "edge_goldens": ("goldens", read_path),
    "edge_seed": ("seed", lambda found: _whole_number(found, least=0, most=LARGEST_SEED)),
}
