"""Names of sensors: quantity, unit and place, and what a reading of each unit can be.

``temperature_c.cpu-thermal``: the quantity ends in its unit, the place is all that follows the first dot. A quantity of
the whole machine may have no place: ``load_1min``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """What the last word of a quantity stands for.

    Args:
        meaning: The unit in words.
        lowest, highest: Readings outside are no readings.
        cumulative: Whether it counts up for ever, so that only differences mean something.
    """

    meaning: str
    lowest: float = 0.0
    highest: float = math.inf
    cumulative: bool = False


#: Units by the last word of the quantity. Silicon works from -55 °C to 150 °C (military grade to power stages), so a
#: sensor outside -60 to 200 °C is broken or unconnected; no clock of a board is 100 GHz, no board draws 100 kW.
UNITS: Mapping[str, Unit] = {
    "c": Unit("degrees Celsius", -60.0, 200.0),
    "hz": Unit("hertz", 0.0, 1e11),
    "w": Unit("watts", 0.0, 1e5),
    "j": Unit("joules", cumulative=True),
    "s": Unit("seconds", cumulative=True),
    "count": Unit("events", cumulative=True),
    "bytes": Unit("bytes"),
    "state": Unit("steps of a cooling device, 0 when it rests"),
    "throttled": Unit("1 while it is, else 0", 0.0, 1.0),
    "1min": Unit("runnable tasks, mean over one minute"),
}

_NAME = re.compile(r"(?P<quantity>[a-z][a-z0-9]*(?:_[a-z0-9]+)*)(?:\.(?P<place>[!-~]+))?", re.ASCII)
_NOT_A_PLACE = re.compile(r"[^!-~]+")


def unit_of(name: str) -> Unit | None:
    """Return the unit of a sensor; None when the name is not of the form or its unit is unknown."""
    found = _NAME.fullmatch(name)
    return None if found is None else UNITS.get(found["quantity"].rpartition("_")[2])


def place_of(name: str) -> str:
    """Return what follows the first dot of a sensor's name; empty when there is none."""
    return name.partition(".")[2]


def as_place(text: str, otherwise: str) -> str:
    """Return a text of a device as the place of a name: printable, without blanks; `otherwise` when nothing is left."""
    return _NOT_A_PLACE.sub("_", text).strip("_") or otherwise


def plausible(name: str, value: float) -> float | None:
    """Return a reading that its unit allows, else None."""
    unit = unit_of(name)
    if unit is None or not math.isfinite(value) or not unit.lowest <= value <= unit.highest:
        return None
    return value


def tell_apart(named: Iterable[tuple[str, str]]) -> list[str]:
    """Return one name for each (name, where): the first of a name keeps it, a further one gets ``.where`` behind it."""
    names: list[str] = []
    for name, where in named:
        own = name if name not in names else f"{name}.{as_place(where, 'other')}"
        again = sum(one == own or one.startswith(f"{own}.") for one in names)
        names.append(f"{own}.{again + 1}" if own in names else own)
    return names
