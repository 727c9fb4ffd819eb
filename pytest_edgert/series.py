"""A series of readings: what sensors said at which moment, as it lies beside the samples of a measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pytest_edgert.errors import ProtocolError
from pytest_edgert.records import Sensor
from pytest_edgert.tensors import Array

#: Names of a series' arrays on a pipe and in a file.
READINGS = ("readings_times_ns", "readings")


@dataclass(frozen=True, slots=True)
class Series:
    """Readings in the order they were taken.

    Args:
        names: Sensors, named quantity, unit and place: "temperature_c.cpu-thermal".
        times_ns: Moments on the clock of the samples, (m,), int64.
        values: One row per moment, one column per sensor, (m, len(names)), float64; NaN for "no reading".
    """

    names: tuple[str, ...] = ()
    times_ns: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    values: Array = field(default_factory=lambda: np.zeros((0, 0), np.float64))

    def of(self, name: str) -> Array:
        """Return the readings of one sensor, (m,), float64, NaN where there was none."""
        if name not in self.names:
            return np.full(len(self.times_ns), np.nan)
        column: Array = self.values[:, self.names.index(name)]
        return column

    def quantity(self, prefix: str) -> tuple[str, ...]:
        """Return the names of the sensors of a quantity: "temperature_c" for "temperature_c.cpu"."""
        return tuple(name for name in self.names if name.partition(".")[0] == prefix)

    def sensors(self) -> tuple[Sensor, ...]:
        """Return each sensor in short, for a record."""
        return tuple(_in_short(name, self.of(name)) for name in self.names)

    def tensors(self) -> dict[str, Array]:
        """Return the arrays for a pipe or a file; the names travel beside them."""
        return {"readings_times_ns": np.asarray(self.times_ns, np.int64), "readings": np.ascontiguousarray(self.values)}

    @classmethod
    def from_parts(cls, names: Sequence[str], tensors: Mapping[str, Array]) -> Series:
        """Return the series that names and `tensors` flattened; an absent one is empty. Raises ProtocolError."""
        times_ns, values = tensors.get("readings_times_ns"), tensors.get("readings")
        if times_ns is None or values is None:
            return cls()
        if times_ns.ndim != 1 or values.shape != (len(times_ns), len(names)):
            raise ProtocolError(f"Readings of {len(names)} sensors came as {values.shape} at {times_ns.shape} moments.")
        return cls(tuple(names), times_ns, values)


def make_series(rows: Sequence[tuple[int, Mapping[str, float | None]]]) -> Series:
    """Return the series of rows (moment in ns, readings by name); a sensor that a row lacks has no reading there."""
    names = tuple(dict.fromkeys(name for _, row in rows for name in row))
    values = np.full((len(rows), len(names)), np.nan)
    for index, (_, row) in enumerate(rows):
        for column, name in enumerate(names):
            value = row.get(name)
            values[index, column] = np.nan if value is None else value
    return Series(names, np.array([moment for moment, _ in rows], np.int64), values)


def _in_short(name: str, values: Array) -> Sensor:
    known = [float(value) for value in values if math.isfinite(value)]
    if not known:
        return Sensor(name, 0)
    return Sensor(name, len(known), known[0], known[-1], min(known), max(known))
