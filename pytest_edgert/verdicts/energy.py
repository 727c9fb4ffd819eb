"""Energy by block from readings of sensors: which of them make up the device, and joules per inference, gross and net.

Gross is everything the sensors counted while the block ran, over its inferences: what a battery gives. Net is less what
the idle device would have taken in that time, and rests on what "idle" was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pytest_edgert.series import Series
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.sensors import counted_twice, refused

_ENERGY, _POWER = "energy_j", "power_w"
#: No board draws more; a block above it is a counter that jumped.
_LARGEST_POWER_W = 1e5


@dataclass(frozen=True, slots=True)
class Sources:
    """The sensors that make up the device's energy; `problem` and `remedy` say why there are none."""

    names: tuple[str, ...] = ()
    problem: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class EnergyBlocks:
    """Energy of blocks.

    Args:
        gross_j, net_j: Joules per inference by block, (n,), float64.
        idle_w: Mean power of the idle device.
        power_w: Mean power over all blocks.
        problem: Why the readings prove nothing; empty when they do.
    """

    gross_j: Array
    net_j: Array
    idle_w: float
    power_w: float
    problem: str = ""


def choose_sources(names: Sequence[str], named: Sequence[str] | None) -> Sources:
    """Return the sensors whose energies together are the device's.

    Sensors that the profile names are taken as they are, a counter before the power of the same place. Where it names
    none: every counter of energy that no other one holds, and the power of a GPU that has no counter; without any counter
    the one sensor of power. Several powers are not added up: one may hold the others.

    Args:
        names: Every sensor that was read.
        named: Those of them that the profile names; None where it names none at all.
    """
    known = tuple(names) if named is None else tuple(named)
    counters = [name for name in known if name.startswith(f"{_ENERGY}.")]
    powers = [name for name in known if name.startswith(f"{_POWER}.") and f"{_ENERGY}.{_place(name)}" not in counters]
    if named is not None:
        if counters or powers:
            return Sources((*counters, *powers))
        return Sources(problem="None of the sensors of power that the profile names is here.", remedy=_REMEDY)
    held = counted_twice(Series(tuple(counters)))
    counters = [name for name in counters if name not in held]
    gpus = [name for name in powers if _place(name).startswith("gpu")]
    if counters or gpus:
        return Sources((*counters, *gpus))
    if len(powers) == 1:
        return Sources(tuple(powers))
    if powers:
        return Sources(
            problem=f"{len(powers)} sensors tell a power ({', '.join(powers)}), and one may hold the others.",
            remedy='Name those that make up the device in its profile: [telemetry] power = ["METER:SENSOR"].',
        )
    return Sources(problem="No sensor of power or energy can be read on this device.", remedy=_REMEDY)


_REMEDY = (
    "`edgert doctor` names each sensor with what it needs. Where there is none, measure on a device that has one, or "
    "leave the key energy out."
)


def energy_blocks(
    series: Series, sources: Sequence[str], idle: tuple[int, int], edges: Array, counts: Array
) -> EnergyBlocks:
    """Return the energy of blocks from the readings at their edges and between them.

    Args:
        series: All readings.
        sources: The sensors that make up the device.
        idle: First and last reading of the idle window, as rows of the series.
        edges: First and last reading of each block, as rows, (n, 2), int64.
        counts: Inferences of each block, (n,), int64.
    """
    empty = np.zeros(0)
    if problem := _problem(series, sources):
        return EnergyBlocks(empty, empty, 0.0, 0.0, problem)
    idle_w = _joules(series, sources, *idle) / _seconds(series, *idle)
    joules = np.array([_joules(series, sources, int(first), int(last)) for first, last in edges], np.float64)
    seconds = np.array([_seconds(series, int(first), int(last)) for first, last in edges], np.float64)
    if not np.isfinite(idle_w) or not np.isfinite(joules).all():
        return EnergyBlocks(empty, empty, 0.0, 0.0, "A sensor gave no reading at the edge of a block.")
    most_w = max([idle_w, *map(float, joules / seconds)])
    if most_w > _LARGEST_POWER_W:
        return EnergyBlocks(empty, empty, 0.0, 0.0, f"{', '.join(sources)}: it jumped, by as much as {most_w:.3g} W.")
    power_w = float(joules.sum() / seconds.sum()) if len(joules) else 0.0
    return EnergyBlocks(joules / counts, (joules - idle_w * seconds) / counts, idle_w, power_w)


def mean_power_w(series: Series, sources: Sequence[str], began_ns: int) -> float | None:
    """Return the mean power from a moment to the last reading; None where the sensors prove nothing.

    A sensor that never changed proves nothing here, however few its readings.

    Args:
        series: All readings.
        sources: The sensors that make up the device.
        began_ns: On the clock of the series: earlier readings do not count.
    """
    rows = np.flatnonzero(series.times_ns >= began_ns)
    if len(rows) < 2 or not sources or _problem(series, sources):
        return None
    first, last = int(rows[0]), int(rows[-1])
    if not all(_changes(series.of(name)[first : last + 1]) for name in sources):
        return None
    power_w = _joules(series, sources, first, last) / _seconds(series, first, last)
    return power_w if 0 <= power_w <= _LARGEST_POWER_W else None


def sensor_period_s(series: Series, sources: Sequence[str], first: int, last: int) -> float:
    """Return how often the slowest of the sensors gives a new number, in seconds, as far as the readings can tell.

    That is the time from the first to the last reading over the number of changes, and never less than the time from
    one reading to the next; a sensor that never changed counts as changing once.
    """
    changes = [_changes(series.of(name)[first : last + 1]) for name in sources]
    return _seconds(series, first, last) / max(1, min(changes, default=1))


def _changes(readings: Array) -> int:
    known = readings[np.isfinite(readings)]
    return int(np.count_nonzero(np.diff(known)))


def _problem(series: Series, sources: Sequence[str]) -> str:
    bad = refused(series)
    return " ".join(f"{name}: {bad[name]}" for name in sources if name in bad)


def _joules(series: Series, sources: Sequence[str], first: int, last: int) -> float:
    return sum(_joules_of(series, name, first, last) for name in sources)


def _joules_of(series: Series, name: str, first: int, last: int) -> float:
    """Return the difference of a counter, or the integral of a power by trapezia; readings without a number are left out."""
    readings = series.of(name)[first : last + 1]
    if name.startswith(f"{_ENERGY}."):
        return float(readings[-1] - readings[0])
    times_s = (series.times_ns[first : last + 1] - series.times_ns[first]) / 1e9
    known = np.isfinite(readings)
    if not known[0] or not known[-1]:
        return float("nan")
    times_s, readings = times_s[known], readings[known]
    return float(np.sum((readings[1:] + readings[:-1]) / 2 * np.diff(times_s)))


def _seconds(series: Series, first: int, last: int) -> float:
    return float(series.times_ns[last] - series.times_ns[first]) / 1e9


def _place(name: str) -> str:
    return name.partition(".")[2]
