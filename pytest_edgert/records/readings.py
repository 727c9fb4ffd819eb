"""What sensors said beside a measurement, in short, and why a measurement may be doubted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor over a measurement; the whole series lies in the samples file.

    Args:
        name: Quantity, unit and place: "temperature_c.cpu-thermal", "frequency_hz.policy0", "energy_j.package-0".
        n: Readings that held a number.
        first, last, lowest, highest: In the unit that the name's first part ends with; None without a reading.
    """

    name: str
    n: int
    first: float | None = None
    last: float | None = None
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """One sign that a figure may not be what it seems, as a sentence with a remedy.

    Args:
        kind: What sort of sign, one word or two with a dash: "throttling", "busy-host", "no-steady-state".
        sentence: What was seen.
        remedy: What to do about it.
        voids: Whether it makes the measurement INVALID; otherwise it is told beside the verdict.
        passing: Whether the cause may be gone after a while, so that measuring again makes sense.
    """

    kind: str
    sentence: str
    remedy: str
    voids: bool = False
    passing: bool = False
