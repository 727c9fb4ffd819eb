"""Which readings are no evidence: power and energy that a sensor makes up, and energy that would be counted twice."""

from __future__ import annotations

import numpy as np

from pytest_edgert.series import Series
from pytest_edgert.tensors import Array

#: Readings from which a figure that never moves is taken for a made-up one. A sensor's last digit moves by its noise:
#: ten equal readings in a row are a chance of 2^-9 even where it moves only half the time.
FEWEST = 10


def refused(series: Series) -> dict[str, str]:
    """Return the sensors of power and energy that prove nothing, by name, each with the reason.

    A counter of energy that never moves, a power that is one value over `FEWEST` readings or more, and a sensor that
    gave no number at all are refused. Fewer readings than `FEWEST` refuse no power: the window is too short to tell.
    """
    found = {name: _power(series.of(name)) for name in series.quantity("power_w")}
    found.update({name: _energy(series.of(name)) for name in series.quantity("energy_j")})
    return {name: reason for name, reason in found.items() if reason}


def counted_twice(series: Series) -> dict[str, str]:
    """Return the counters of energy whose joules are in another one's too, by name, each with the reason.

    RAPL names a part behind what holds it (``energy_j.package-0/core``), and its ``psys`` holds the packages.
    """
    names = series.quantity("energy_j")
    found: dict[str, str] = {}
    for name in names:
        holder = name.rpartition("/")[0]
        if holder in names:
            found[name] = f"{holder} holds it."
        elif "energy_j.psys" in names and name.startswith("energy_j.package-"):
            found[name] = "energy_j.psys holds it."
    return found


def _power(readings: Array) -> str:
    known = readings[np.isfinite(readings)]
    if not len(known):
        return "It gave no reading."
    if len(known) >= FEWEST and np.all(known == known[0]):
        return f"It said {known[0]:g} W in all {len(known)} readings: a sensor that measures does not."
    return ""


def _energy(readings: Array) -> str:
    known = readings[np.isfinite(readings)]
    if not len(known):
        return "It gave no reading."
    if len(known) > 1 and np.all(known == known[0]):
        return f"It stood at {known[0]:g} J in all {len(known)} readings: it counts nothing."
    if not np.isfinite(readings[-1]):
        return "It gave no reading at the end: what was used since its last one is not known."
    return ""
