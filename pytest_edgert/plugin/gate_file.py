"""A gate file, ``NAME.edge.toml``: every key checked, a wrong one refused with its line and the nearest right key."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_edgert.contracts import Target
from pytest_edgert.errors import UsageError
from pytest_edgert.plugin import targets
from pytest_edgert.plugin.gate_agreement import AgreementKeys, read_agreement_keys
from pytest_edgert.plugin.gate_blocks import BLOCK_LIMITS, check_asked
from pytest_edgert.plugin.gate_quantization import QUANTIZATION_LIMITS
from pytest_edgert.plugin.gate_soak import SoakKeys, read_soak_keys
from pytest_edgert.plugin.not_yet import refuse
from pytest_edgert.plugin.option_values import AskedArrival
from pytest_edgert.plugin.toml_lines import key_lines
from pytest_edgert.records import Budget
from pytest_edgert.units import parse_duration, parse_size

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pytest_edgert.contracts import OptionValue

SUFFIX = ".edge.toml"

#: Keys of the published interface whose features are not built yet.
_NOT_YET = ("accuracy",)
_LIMIT_KEYS = ("latency", "sustained", "memory", "size", "load", "placement", "throughput", "energy", "quantization")
_NOT_YET_INPUTS = ("ranges", "preprocess")
_AGREEMENT_KEYS = ("reference", "outputs", "agreement")


#: A limit in SI units and who set it: "mobilenet.edge.toml:9".
Limit: TypeAlias = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a gate file asks of a cell; what is left out is only measured.

    Args:
        budgets: Limits on percentiles of latency.
        amounts: Other limits by key: "memory.peak", "memory.device" and "size.artefact" (bytes),
            "load.cold", "load.build" and "load.first" (seconds), "placement.accelerator" (share of nodes, 0 to 1),
            "throughput.at_least" (1/s), "throughput.streams" and "throughput.batch" (counts),
            "energy.per_inference" (joules), "energy.idle" (seconds), "quantization.rmse" (steps) and its other keys.
        arrival: How requests arrive when latency is measured.
        sustained: What a soak is asked.
    """

    budgets: tuple[Budget, ...] = ()
    amounts: Mapping[str, Limit] = field(default_factory=dict)
    arrival: AskedArrival | None = None
    sustained: SoakKeys = field(default_factory=SoakKeys)


@dataclass(frozen=True, slots=True)
class GateFile:
    """A gate file, read.

    Args:
        path: Where it lies.
        artefacts: The model's artefacts, absolute.
        limits: What it asks on every device.
        device_limits: By device name, the limits with that device's overrides in place.
        shapes: Shapes by input.
        dimensions: Lengths of named free dimensions.
        options: Options by target.
        require: Targets that must be present.
        agreement: What agreement is judged by.
    """

    path: Path
    artefacts: tuple[Path, ...]
    limits: Limits = Limits()
    device_limits: Mapping[str, Limits] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dimensions: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict)
    require: tuple[Target, ...] = ()
    agreement: AgreementKeys = field(default_factory=AgreementKeys)

    @property
    def name(self) -> str:
        """The model's name: the file's name without its suffix."""
        return self.path.name[: -len(SUFFIX)]

    def limits_on(self, device_names: Iterable[str]) -> Limits:
        """Return the limits on a device that answers to these names."""
        return next((self.device_limits[name] for name in device_names if name in self.device_limits), self.limits)


def read_gate_file(path: Path) -> GateFile:
    """Return a gate file.

    Raises:
        UsageError: It cannot be read or is wrong; names file, line and the nearest right key.
        NotYetError: It asks for what is not built yet.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}.", "Correct the path or its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text: {error.reason}.", "Save the gate file as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: is not TOML: {error}.", "Correct the gate file at that line.") from error
    return _Reader(path, key_lines(text)).gate(table)


@dataclass(frozen=True, slots=True)
class _Reader:
    path: Path
    lines: Mapping[tuple[str, ...], int]

    def gate(self, table: Mapping[str, Any]) -> GateFile:
        known = (*_LIMIT_KEYS, *_AGREEMENT_KEYS, "artefacts", "inputs", "options", "require", "device")
        self.check_keys(table, (), known, _NOT_YET)
        limits = self.limits(table, (), Limits())
        shapes, dimensions = self.inputs(table)
        devices = self.table(table, ("device",))
        return GateFile(
            self.path,
            self.artefacts(table),
            limits,
            {name: self.device(devices, name, limits) for name in devices},
            shapes,
            dimensions,
            self.options(table),
            self.require(table),
            read_agreement_keys(table, self),
        )

    def line(self, keys: tuple[str, ...]) -> int:
        """Return the line of a key, of the nearest table around it when the key is absent, else 1."""
        return next((self.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in self.lines), 1)

    def where(self, keys: tuple[str, ...]) -> str:
        """Return "FILE:LINE: 'a.b'" for errors."""
        return f"{self.path}:{self.line(keys)}: {'.'.join(keys)!r}"

    def source(self, keys: tuple[str, ...]) -> str:
        """Return "NAME:LINE", who set a limit."""
        return f"{self.path.name}:{self.line(keys)}"

    def check_keys(
        self, table: Mapping[str, Any], parents: tuple[str, ...], known: Iterable[str], not_yet: Iterable[str] = ()
    ) -> None:
        for key in table:
            if key in not_yet:
                raise refuse(f"the key {'.'.join((*parents, key))!r}", self.where((*parents, key)))
            if key not in known:
                raise UsageError(
                    f"{self.where((*parents, key))} is no key of a gate file.", targets.nearest(key, (*known, *not_yet))
                )

    def table(self, parent: Mapping[str, Any], keys: tuple[str, ...]) -> Mapping[str, Any]:
        value = parent.get(keys[-1], {})
        if not isinstance(value, dict):
            raise UsageError(f"{self.where(keys)} is {value!r}, wanted a table.", f"Write {keys[-1]} = {{ … }}.")
        return value

    def artefacts(self, table: Mapping[str, Any]) -> tuple[Path, ...]:
        names = table.get("artefacts")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
            raise UsageError(
                f"{self.where(('artefacts',))} is {names!r}, wanted a list of files.",
                'Write artefacts = ["mobilenet.onnx"].',
            )
        return tuple((self.path.parent / name).absolute() for name in names)

    def inputs(self, table: Mapping[str, Any]) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
        shapes, dimensions = {}, {}
        for name, value in self.table(table, ("inputs",)).items():
            where = self.where(("inputs", name))
            if name == "samples":
                continue
            if name in _NOT_YET_INPUTS:
                raise refuse(f"the key 'inputs.{name}'", where)
            if isinstance(value, str):
                shapes[name] = targets.read_shape(value, where)
            elif type(value) is int and value >= 0:
                dimensions[name] = value
            else:
                raise UsageError(
                    f"{where} is {value!r}, wanted a length or a shape.",
                    f'Write {name} = 1 for a free dimension, {name} = "1x3x8x8" for an input.',
                )
        return shapes, dimensions

    def options(self, table: Mapping[str, Any]) -> dict[str, dict[str, OptionValue]]:
        merged: dict[str, dict[str, OptionValue]] = {}
        for target_text in self.table(table, ("options",)):
            keys = ("options", target_text)
            for key, value in self.table(table["options"], keys).items():
                where = self.where((*keys, key))
                if not isinstance(value, (str, int, float, bool)):
                    raise UsageError(f"{where} is {value!r}, wanted one value.", f"Write {key} = 4.")
                merged.setdefault(str(targets.check_option(target_text, key, where)), {})[key] = value
        return merged

    def require(self, table: Mapping[str, Any]) -> tuple[Target, ...]:
        names = table.get("require", [])
        where = self.where(("require",))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UsageError(f"{where} is {names!r}, wanted a list of targets.", 'Write require = ["onnxruntime:cpu"].')
        return tuple(targets.read_target(name, where) for name in names)

    def device(self, devices: Mapping[str, Any], name: str, limits: Limits) -> Limits:
        keys = ("device", name)
        table = self.table(devices, keys)
        self.check_keys(table, keys, _LIMIT_KEYS, _NOT_YET)
        return self.limits(table, keys, limits)

    def limits(self, table: Mapping[str, Any], parents: tuple[str, ...], outer: Limits) -> Limits:
        amounts = dict(outer.amounts)
        for section, readers in _LIMITS.items():
            keys = (*parents, section)
            values = self.table(table, keys)
            self.check_keys(values, keys, readers)
            if section in table:
                check_asked(section, values, self.where(keys))
            for key, value in values.items():
                limit = readers[key](value, self.where((*keys, key)))
                amounts[f"{section}.{key}"] = (limit, self.source((*keys, key)))
        latency = (*parents, "latency")
        soak = (*parents, "sustained")
        sustained = read_soak_keys(self.table(table, soak), soak, self, outer.sustained)
        of_latency = self.table(table, latency)
        arrival = self.arrival(of_latency, latency) or outer.arrival
        return Limits(self.budgets(of_latency, latency) or outer.budgets, amounts, arrival, sustained)

    def arrival(self, table: Mapping[str, Any], keys: tuple[str, ...]) -> AskedArrival | None:
        from pytest_edgert.measure.arrival import parse_arrival

        keys = (*keys, "arrival")
        text = table.get("arrival")
        if text is None:
            return None
        if not isinstance(text, str):
            raise UsageError(f"{self.where(keys)} is {text!r}, wanted a pattern.", 'Write arrival = "every 33ms".')
        return AskedArrival(parse_arrival(text, self.where(keys)), self.source(keys))

    def budgets(self, table: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[Budget, ...]:
        from pytest_edgert.verdicts.budgets import budgets_from_table, check_order

        budgets: tuple[Budget, ...] = ()
        for key, value in table.items():
            if key != "arrival":
                where = self.where((*keys, key))
                if not isinstance(value, str):
                    raise UsageError(f"{where} is {value!r}, wanted a duration.", f'Write {key} = "5ms".')
                found = budgets_from_table({key: value}, where)
                budgets += tuple(replace(budget, source=self.source((*keys, key))) for budget in found)
        check_order(budgets, self.where(keys))
        return budgets


def _quantity(parse: Callable[[str, str], float], example: str) -> Callable[[object, str], float]:
    def read(value: object, where: str) -> float:
        if not isinstance(value, str):
            raise UsageError(f"{where} is {value!r}, wanted a quantity with its unit.", f'Write e.g. "{example}".')
        return parse(value, where)

    return read


def _share(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise UsageError(f"{where} is {value!r}, wanted a share from 0 to 1.", "Write 1.0 for all nodes.")
    return float(value)


#: Tables of limits and how each of their keys is read.
_LIMITS: dict[str, Mapping[str, Callable[[object, str], float]]] = {
    "memory": {"peak": _quantity(parse_size, "64MB"), "device": _quantity(parse_size, "64MB")},
    "size": {"artefact": _quantity(parse_size, "6MB")},
    "load": {
        "cold": _quantity(parse_duration, "2s"),
        "build": _quantity(parse_duration, "1s"),
        "first": _quantity(parse_duration, "50ms"),
    },
    "placement": {"accelerator": _share},
    **BLOCK_LIMITS,
    **QUANTIZATION_LIMITS,
}
