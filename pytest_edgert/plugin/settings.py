"""The options of one run, read once and checked: the command line first, then the ini file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.contracts import OptionValue, Target
from pytest_edgert.errors import DeviceError, UsageError
from pytest_edgert.plugin.given import Given, find_given, find_ini
from pytest_edgert.plugin.not_yet import refuse
from pytest_edgert.plugin.option_values import (
    READERS,
    AskedArrival,
    Inconclusive,
    read_arrival,
    read_budgets,
    read_path,
    read_required,
)
from pytest_edgert.plugin.options import OPTIONS, Option
from pytest_edgert.records import Budget

if TYPE_CHECKING:
    import pytest

    from pytest_edgert.baselines import Comparison

#: Seed of generated feeds when none is given: fixed, so that two runs see the same feeds.
DEFAULT_SEED = 0


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
        calibrate: Where to write the margins that agreement showed; None in a run that is no calibration.
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
    calibrate: Path | None = None
    goldens: Path | None = None
    arrival: AskedArrival | None = None
    ini_arrival: AskedArrival | None = None
    comparison: Comparison | None = None
    sustained_s: float | None = None


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


def _option(key: str) -> Option:
    return next(option for option in OPTIONS if option.key == key)


def _as_written(found: Given) -> str:
    return f"{found.option.name}={found.texts[0]}" if found.option.metavar else found.option.name


def _place(found: Given) -> str:
    return "" if found.source == found.option.name else found.source


def _checked(given: Mapping[str, Given], ini: Mapping[str, Given | None]) -> Settings:
    values: dict[str, object] = {}
    for key, found in given.items():
        if key in READERS:
            field_name, reader = READERS[key]
            values[field_name] = reader(found)
    budget = given.get("latency_budget")
    if budget is not None and budget.source == budget.option.name:
        values.update(budgets=read_budgets(budget), budget_text=f"{budget.source}={budget.texts[0]}")
    if (ini_budget := ini["latency_budget"]) is not None:
        values["ini_budgets"] = read_budgets(ini_budget)
    if (ini_arrival := ini["edge_arrival"]) is not None:
        values["ini_arrival"] = read_arrival(ini_arrival)
    arrival = given.get("edge_arrival")
    if arrival is not None and arrival.source == arrival.option.name:
        values["arrival"] = read_arrival(arrival)
    if "edge_baseline" in given or "edge_margin" in given:
        values["comparison"] = _comparison(given)
    if "edge_require" in given:
        values["required_targets"], values["required_devices"] = read_required(given["edge_require"])
    settings = Settings(**{f.name: values[f.name] for f in fields(Settings) if f.name in values})  # type: ignore[arg-type]
    _refuse_contradictions(settings)
    return settings


def _refuse_contradictions(settings: Settings) -> None:
    """Raise UsageError for what does not go together with an acceptance."""
    if settings.accept and settings.inconclusive is not Inconclusive.FAIL:
        raise UsageError(
            f"--edge-inconclusive={settings.inconclusive.value} contradicts --edge-accept.",
            "In acceptance mode an inconclusive verdict fails; leave one of the two out.",
        )
    if settings.accept and settings.calibrate is not None:
        raise UsageError(
            "--edge-calibrate contradicts --edge-accept: what is accepted is not what sets its own limits.",
            "Calibrate first, look at the margins, freeze them, then accept.",
        )


def _comparison(given: Mapping[str, Given]) -> Comparison | None:
    from pytest_edgert.plugin.baseline_option import read_comparison
    from pytest_edgert.verdicts.margin import Margin, parse_margin

    baseline, margin = given.get("edge_baseline"), given.get("edge_margin")
    allowed = Margin() if margin is None else parse_margin(margin.texts[0], margin.source)
    if baseline is not None:
        return read_comparison(read_path(baseline), baseline.source, allowed)
    if margin is not None and margin.source == margin.option.name:
        raise UsageError(f"{margin.source} is given without a baseline.", "Add --edge-baseline=PATH, or leave it out.")
    return None


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
