"""What a gate file says of a soak: the key ``sustained``, and what is asked of a cell together with the options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from pytest_edgert.errors import UsageError
from pytest_edgert.records import Budget
from pytest_edgert.units import parse_duration, parse_size

if TYPE_CHECKING:
    from pytest_edgert.plugin.cells import CellPlan
    from pytest_edgert.plugin.settings import Settings
    from pytest_edgert.soaks import SoakAsk
    from pytest_edgert.verdicts.budgets import BudgetChoice

_KEYS = ("duration", "slowdown", "memory_growth")


class Places(Protocol):
    """Where keys of a gate file stand: its reader."""

    def where(self, keys: tuple[str, ...]) -> str:
        """Return "FILE:LINE: 'a.b'" for errors."""

    def source(self, keys: tuple[str, ...]) -> str:
        """Return "NAME:LINE", who set a limit."""

    def check_keys(self, table: Mapping[str, Any], parents: tuple[str, ...], known: Iterable[str]) -> None:
        """Raise UsageError for a key that is not known."""


@dataclass(frozen=True, slots=True)
class SoakKeys:
    """What a gate file says of a soak.

    Args:
        duration_s: How long, and who says so; None where only limits are given.
        budgets: Limits on percentiles of the last steady stretch.
        slowdown: Median at the end over that of the start, at most, and who says so.
        memory_growth: Bytes, at most, and who says so.
    """

    duration_s: tuple[float, str] | None = None
    budgets: tuple[Budget, ...] = ()
    slowdown: tuple[float, str] | None = None
    memory_growth: tuple[float, str] | None = None


def read_soak_keys(table: Mapping[str, Any], keys: tuple[str, ...], places: Places, outer: SoakKeys) -> SoakKeys:
    """Return the keys of a table ``sustained`` over those of an outer one; budgets replace each other as a whole.

    Raises:
        UsageError: A key is unknown or its value cannot be read; names file and line.
    """
    from pytest_edgert.verdicts.budgets import budgets_from_table, check_order

    percentiles = [key for key in table if key[:1] == "p" and key[1:2].isdigit()]
    places.check_keys(table, keys, (*_KEYS, "p50", "p95", "p99", *percentiles))
    found = outer
    for key, parse, example in (("duration", parse_duration, "10min"), ("memory_growth", parse_size, "10MB")):
        if key in table:
            where = places.where((*keys, key))
            if not isinstance(table[key], str):
                raise UsageError(f"{where} is {table[key]!r}, wanted text with a unit.", f'Write {key} = "{example}".')
            limit = (float(parse(table[key], where)), places.source((*keys, key)))
            found = replace(found, duration_s=limit) if key == "duration" else replace(found, memory_growth=limit)
    if "slowdown" in table:
        ratio = _ratio(table["slowdown"], places.where((*keys, "slowdown")))
        found = replace(found, slowdown=(ratio, places.source((*keys, "slowdown"))))
    budgets: tuple[Budget, ...] = ()
    for key in percentiles:
        where = places.where((*keys, key))
        if not isinstance(table[key], str):
            raise UsageError(f"{where} is {table[key]!r}, wanted a duration.", f'Write {key} = "5ms".')
        (budget,) = budgets_from_table({key: table[key]}, where)
        budgets += (replace(budget, source=places.source((*keys, key))),)
    check_order(budgets, places.where(keys))
    return replace(found, budgets=budgets) if budgets else found


def _ratio(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 1:
        raise UsageError(
            f"{where} is {value!r}, wanted a ratio from 1 on.", "Write slowdown = 1.3 to allow 30 % more at the end."
        )
    return float(value)


def is_asked(cells: Iterable[CellPlan], settings: Settings) -> bool:
    """Return whether a gate has a soak: the option or a gate file gives a duration."""
    return settings.sustained_s is not None or any(cell.sustained.duration_s for cell in cells)


def soak_ask(cell: CellPlan | None, settings: Settings, budget: BudgetChoice) -> SoakAsk:
    """Return what is asked of a cell's soak: the option's length, else the gate file's; the gate file's limits.

    The percentiles of ``sustained`` hold; where it has none, those of the latency budget.

    Raises:
        UsageError: Nothing says how long.
    """
    from pytest_edgert.reports.text import duration
    from pytest_edgert.soaks import SoakAsk

    keys = SoakKeys() if cell is None else cell.sustained
    notes: tuple[str, ...] = () if keys.budgets else budget.notes
    if settings.sustained_s is None and keys.duration_s is None:
        raise UsageError("A soak needs a length.", "Write --edge-sustained=10min.")
    length_s = settings.sustained_s
    if length_s is None and keys.duration_s is not None:
        length_s = keys.duration_s[0]
    elif keys.duration_s is not None and keys.duration_s[0] != length_s:
        notes += (f"overrides a soak of {duration(keys.duration_s[0])} from {keys.duration_s[1]}",)
    return SoakAsk(
        length_s or 0.0,
        keys.budgets or budget.budgets,
        keys.slowdown,
        keys.memory_growth,
        budget.arrival,
        notes,
    )
