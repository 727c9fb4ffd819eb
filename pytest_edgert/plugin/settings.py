"""The options of one run, read once and checked: the command line first, then the ini file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.contracts import OptionValue, Target
from pytest_edgert.errors import DeviceError, UsageError
from pytest_edgert.plugin import targets as targets_of
from pytest_edgert.plugin.not_yet import PLANNED_RUNTIMES, refuse
from pytest_edgert.plugin.options import OPTIONS, Option
from pytest_edgert.plugin.targets import nearest
from pytest_edgert.records import Arrival, Budget
from pytest_edgert.units import parse_duration

if TYPE_CHECKING:
    import pytest

    from pytest_edgert.baselines import Comparison

#: Seed of generated feeds when none is given: fixed, so that two runs see the same feeds.
DEFAULT_SEED = 0
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


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for, checked.

    Args:
        models: Values of ``--edge-model`` as written.
        devices: Names or paths of profiles; ("auto",) by default.
        budgets: Limits of ``--latency-budget`` on the command line.
        budget_text: Their source as the user wrote it: "--latency-budget=5ms".
        ini_budgets: Limits of the ini file, which a gate file overrides.
        targets: Targets to restrict to; empty enumerates what is present.
        options: Options by target or runtime as written ("onnxruntime:cpu").
        shapes: Shapes by input.
        required_targets: Targets that must be present.
        required_devices: Devices that must be present.
        accept: Acceptance mode.
        inconclusive: What an INCONCLUSIVE verdict becomes.
        max_time_s: Cap per verdict in seconds; None for the default of the check.
        samples: Number of samples of the fixed-n mode; None for the sequential test.
        json_path: Where to write the records; None for nowhere.
        wait_s: Longest wait for a busy device in seconds; other processes of one xdist run count as well.
        deadline_s: Longest wait for one call into a runtime in seconds; None for the defaults of `sessions.Deadlines`.
        profiles: Further folders of device profiles.
        seed: Seed of generated feeds.
        update_golden: Which goldens to record: "new", "changed" or "all"; None records nothing.
        comparison: What to compare latency with, and the margin; None for nothing.
        goldens: Folder of all goldens; None for ``goldens/`` beside each gate file, test or model.
        arrival: How requests arrive, from the command line; None where it does not say.
        ini_arrival: The same of the ini file, which a gate file overrides.
        sustained_s: Length of a soak in seconds; None where the gate file alone says.
    """

    models: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("auto",)
    budgets: tuple[Budget, ...] = ()
    budget_text: str = ""
    ini_budgets: tuple[Budget, ...] = ()
    targets: tuple[Target, ...] = ()
    options: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    required_targets: tuple[Target, ...] = ()
    required_devices: tuple[str, ...] = ()
    accept: bool = False
    inconclusive: Inconclusive = Inconclusive.FAIL
    max_time_s: float | None = None
    samples: int | None = None
    json_path: Path | None = None
    wait_s: float = 600.0
    deadline_s: float | None = None
    profiles: tuple[Path, ...] = ()
    seed: int = DEFAULT_SEED
    update_golden: str | None = None
    goldens: Path | None = None
    arrival: AskedArrival | None = None
    ini_arrival: AskedArrival | None = None
    comparison: Comparison | None = None
    sustained_s: float | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """The value of one option, who gave it, and the folder its relative paths are relative to."""

    option: Option
    texts: tuple[str, ...]
    source: str
    folder: Path


def read_settings(config: pytest.Config) -> Settings:
    """Return the settings of a run.

    Raises:
        UsageError: A value cannot be understood; names the option and the remedy.
        NotYetError: A value asks for what is not built yet.
        DeviceError: A device is unknown, or was named and is absent.
    """
    given = {option.key: found for option in OPTIONS if (found := find_given(config, option)) is not None}
    for found in given.values():
        if not found.option.built:
            raise refuse(_as_written(found), _place(found))
    ini = {key: find_ini(config, _option(key)) for key in _WEAKER_IN_INI}
    settings = _checked(given, ini)
    if settings.accept:
        _refuse_reruns(config)
    _check_devices(settings, given, config.rootpath)
    return settings


def _refuse_reruns(config: pytest.Config) -> None:
    """Raise UsageError where an acceptance would try failing tests again (pytest-rerunfailures)."""
    again = getattr(config.option, "reruns", None)
    if again is None and config.pluginmanager.hasplugin("rerunfailures"):
        again = config.getini("reruns")
    if again and int(again) > 0:
        raise UsageError(
            f"--reruns={again} contradicts --edge-accept: a verdict of acceptance is not tried until it is green.",
            "Leave one of the two out.",
        )


def find_given(config: pytest.Config, option: Option) -> Given | None:
    """Return the value of an option, from the command line or else from the ini file; None when neither has one."""
    value = getattr(config.option, option.key, None)
    if value is None:
        return find_ini(config, option)
    return Given(option, _texts(value), option.name, config.invocation_params.dir)


def find_ini(config: pytest.Config, option: Option) -> Given | None:
    """Return the value of the ini key of an option, None when it is not set."""
    value = config.getini(option.key)
    if value is None or value is False or value == []:
        return None
    where = config.inipath
    return Given(option, _texts(value), f"{option.key} in {where}", where.parent if where else config.rootpath)


def _texts(value: object) -> tuple[str, ...]:
    if value is True:
        return ("true",)
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _option(key: str) -> Option:
    return next(option for option in OPTIONS if option.key == key)


def _as_written(found: Given) -> str:
    return f"{found.option.name}={found.texts[0]}" if found.option.metavar else found.option.name


def _place(found: Given) -> str:
    return "" if found.source == found.option.name else found.source


def _checked(given: Mapping[str, Given], ini: Mapping[str, Given | None]) -> Settings:
    values: dict[str, object] = {}
    for key, found in given.items():
        if key in _READERS:
            field_name, reader = _READERS[key]
            values[field_name] = reader(found)
    budget = given.get("latency_budget")
    if budget is not None and budget.source == budget.option.name:
        values.update(budgets=_budgets(budget), budget_text=f"{budget.source}={budget.texts[0]}")
    if (ini_budget := ini["latency_budget"]) is not None:
        values["ini_budgets"] = _budgets(ini_budget)
    if (ini_arrival := ini["edge_arrival"]) is not None:
        values["ini_arrival"] = _arrival(ini_arrival)
    arrival = given.get("edge_arrival")
    if arrival is not None and arrival.source == arrival.option.name:
        values["arrival"] = _arrival(arrival)
    if "edge_baseline" in given or "edge_margin" in given:
        values["comparison"] = _comparison(given)
    if "edge_require" in given:
        values["required_targets"], values["required_devices"] = _required(given["edge_require"])
    settings = Settings(**{f.name: values[f.name] for f in fields(Settings) if f.name in values})  # type: ignore[arg-type]
    if settings.accept and settings.inconclusive is not Inconclusive.FAIL:
        raise UsageError(
            f"--edge-inconclusive={settings.inconclusive.value} contradicts --edge-accept.",
            "In acceptance mode an inconclusive verdict fails; leave one of the two out.",
        )
    return settings


def _budgets(found: Given) -> tuple[Budget, ...]:
    from pytest_edgert.verdicts.budgets import parse_budgets

    return parse_budgets(found.texts[0], found.source)


def _arrival(found: Given) -> AskedArrival:
    from pytest_edgert.measure.arrival import parse_arrival

    return AskedArrival(parse_arrival(found.texts[0], found.source), found.source)


def _comparison(given: Mapping[str, Given]) -> Comparison | None:
    from pytest_edgert.plugin.baseline_option import read_comparison
    from pytest_edgert.verdicts.margin import Margin, parse_margin

    baseline, margin = given.get("edge_baseline"), given.get("edge_margin")
    allowed = Margin() if margin is None else parse_margin(margin.texts[0], margin.source)
    if baseline is not None:
        return read_comparison(_not_empty(baseline), baseline.source, allowed)
    if margin is not None and margin.source == margin.option.name:
        raise UsageError(f"{margin.source} is given without a baseline.", "Add --edge-baseline=PATH, or leave it out.")
    return None


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
    path = _not_empty(found)
    if path.is_dir():
        raise UsageError(f"{found.source}: {path} is a folder.", "Name a file, such as --edge-json=edgert.json.")
    return path


def _not_empty(found: Given) -> Path:
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


def _required(found: Given) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    targets, devices = [], []
    known = targets_of.known_runtimes()
    for text in found.texts:
        runtime = text.partition(":")[0].partition("+")[0]
        if ":" in text or runtime in known or runtime in PLANNED_RUNTIMES:
            targets.append(targets_of.read_target(text, found.source))
        else:
            devices.append(text)
    return tuple(targets), tuple(devices)


def _check_devices(settings: Settings, given: Mapping[str, Given], rootdir: Path) -> None:
    """Raise DeviceError for a device that was named and is unknown or absent."""
    named = [(name, given["edge_device"].source) for name in settings.devices if name != "auto"]
    named += [(name, given["edge_require"].source) for name in settings.required_devices]
    if not named:
        return
    from pytest_edgert.devices.profile import find_device, profile_folders

    folders = profile_folders(settings.profiles, rootdir)
    for name, source in named:
        try:
            find_device(name, folders)
        except (DeviceError, UsageError) as error:  # noqa: PERF203 - each error names its own option
            raise type(error)(f"{source}: {error.message}", error.remedy) from error


#: Keys of the ini file that a gate file overrides.
_WEAKER_IN_INI = ("latency_budget", "edge_arrival")

#: By ini key: the field of `Settings` and how its value is read.
_READERS = {
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
    "edge_goldens": ("goldens", _not_empty),
    "edge_seed": ("seed", lambda found: _whole_number(found, least=0, most=LARGEST_SEED)),
}
