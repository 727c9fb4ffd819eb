"""Quantities as people write them ("5ms", "64MB", "200/s"), read into SI numbers; one table of units.

Durations become seconds, sizes bytes, energies joules, rates per second. Sizes follow the SI: 1 MB is
1,000,000 bytes; 1 MiB is 1,048,576 bytes. The opposite way, numbers into words, is `reports.text`.
"""

from __future__ import annotations

import math
import re

from pytest_edgert.errors import UsageError

DURATION_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
}
SIZE_UNITS = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
ENERGY_UNITS = {"nJ": 1e-9, "uJ": 1e-6, "µJ": 1e-6, "mJ": 1e-3, "J": 1.0}
RATE_UNITS = {"/s": 1.0, "/min": 1 / 60.0}

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf))\s*(\S*)\s*\Z", re.IGNORECASE)


def parse_duration(text: str, what: str = "duration") -> float:
    """Return a duration such as ``5ms`` in seconds; raises UsageError unless finite, positive and with a unit."""
    return _parse(text, what, DURATION_UNITS, example="5ms")


def parse_size(text: str, what: str = "size") -> int:
    """Return a size such as ``64MB`` in whole bytes; raises UsageError unless positive and with a unit."""
    return round(_parse(text, what, SIZE_UNITS, example="64MB"))


def parse_energy(text: str, what: str = "energy") -> float:
    """Return an energy such as ``20mJ`` in joules; raises UsageError unless positive and with a unit."""
    return _parse(text, what, ENERGY_UNITS, example="20mJ")


def parse_rate(text: str, what: str = "rate") -> float:
    """Return a rate such as ``200/s`` per second; raises UsageError unless positive and with a unit."""
    return _parse(text, what, RATE_UNITS, example="200/s")


def _parse(text: str, what: str, units: dict[str, float] | dict[str, int], example: str) -> float:
    found = _QUANTITY.match(text)
    known = ", ".join(unit for unit in units if unit.isascii())
    if found is None:
        raise UsageError(f"{what}: {text!r} is not a quantity.", f"Write a number and a unit, such as {example}.")
    number, unit = float(found[1]), found[2]
    if not unit:
        raise UsageError(f"{what}: {text!r} has no unit.", f"Write one of {known}, such as {example}.")
    if unit not in units:
        raise UsageError(
            f"{what}: {text!r} has an unknown unit {unit!r}.", f"Known units: {known}; write e.g. {example}."
        )
    if not math.isfinite(number) or number <= 0:
        raise UsageError(f"{what}: {text!r} must be a finite number above zero.", f"Write e.g. {example}.")
    return number * units[unit]
