"""The keys of a gate file that are judged on blocks: ``throughput`` and ``energy``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_edgert.errors import UsageError
from pytest_edgert.units import parse_duration, parse_energy, parse_rate

#: Most inferences in flight and inputs per inference: beyond is a slip of the pen, and would fill the memory.
_MOST = 4096
#: Shortest time that an idle device is worth watching, in seconds.
_SHORTEST_IDLE_S = 1.0

#: How a value is read: the value, where it stands ("FILE:LINE: 'a.b'").
Reader = Callable[[object, str], float]


def _quantity(parse: Callable[[str, str], float], example: str) -> Reader:
    def read(value: object, where: str) -> float:
        if not isinstance(value, str):
            raise UsageError(f"{where} is {value!r}, wanted a quantity with its unit.", f'Write e.g. "{example}".')
        return parse(value, where)

    return read


def _count(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
        raise UsageError(f"{where} is {value!r}, wanted a whole number from 1 to {_MOST}.", "Write e.g. 4.")
    return float(value)


def _idle(value: object, where: str) -> float:
    found = _quantity(parse_duration, "5s")(value, where)
    if found < _SHORTEST_IDLE_S:
        raise UsageError(f"{where} is {value!r}, which is too short to tell what idling takes.", 'Write e.g. "5s".')
    return found


#: Keys by table, each with its reader. All are numbers, so that they lie among the other limits of a cell.
BLOCK_LIMITS: Mapping[str, Mapping[str, Reader]] = {
    "throughput": {"at_least": _quantity(parse_rate, "200/s"), "streams": _count, "batch": _count},
    "energy": {"per_inference": _quantity(parse_energy, "20mJ"), "idle": _idle},
}


def check_asked(section: str, values: Mapping[str, object], where: str) -> None:
    """Raise UsageError for an empty table: it asks for nothing, and would be believed to ask for something."""
    if section in BLOCK_LIMITS and not values:
        example = {"throughput": 'at_least = "200/s"', "energy": 'per_inference = "20mJ"'}[section]
        raise UsageError(f"{where} is empty.", f"Write {section} = {{ {example} }}, or leave it out.")


def asked(limits: Mapping[str, object], section: str) -> bool:
    """Return whether the limits of a cell hold a key of a table: its check is collected only then."""
    return any(key.partition(".")[0] == section for key in limits)
