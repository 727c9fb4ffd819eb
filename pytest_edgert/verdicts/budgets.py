"""Latency budgets as people write them: ``5ms`` is p95, ``p50=2ms, p99=5ms`` says which percentiles.

Read where options are read, so it needs the standard library only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pytest_edgert.errors import UsageError
from pytest_edgert.records import Arrival, Budget
from pytest_edgert.units import parse_duration

#: Percentile of a bare duration, everywhere.
DEFAULT_PERCENTILE = 95.0

_PERCENTILE = re.compile(r"[pP](\d+(?:\.\d+)?)")
_REMEDY = "Write a duration such as 5ms (a bare one is p95), or percentiles such as p50=2ms,p99=5ms."


@dataclass(frozen=True, slots=True)
class BudgetChoice:
    """The budgets that apply to a test, and how requests arrive.

    Args:
        budgets: The limits.
        notes: Where they came from and what they overrode.
        arrival: The pattern of arrival; None for the run's own.
    """

    budgets: tuple[Budget, ...] = ()
    notes: tuple[str, ...] = ()
    arrival: Arrival | None = None


def parse_budgets(text: str, source: str) -> tuple[Budget, ...]:
    """Return the budgets of a text such as ``5ms`` or ``p50=2ms, p99=5ms``, in the order written.

    Args:
        text: Comma-separated durations with a unit; each may have a percentile above 0 and below 100 before it.
        source: Who set the budget, for errors and reports: ``--latency-budget``, a marker, a gate file's key.

    Raises:
        UsageError: The text is empty, one of its parts is not a budget, a percentile comes twice, or the limits
            contradict each other.
    """
    if not text.strip():
        raise UsageError(f"{source}: {text!r} holds no budget.", _REMEDY)
    return _without_duplicates((_parse_part(part, text, source) for part in text.split(",")), f"{source}: {text!r}")


def budgets_from_table(table: Mapping[str, object], source: str) -> tuple[Budget, ...]:
    """Return the budgets of a TOML table such as ``{ p95 = "5ms", p99 = "8ms" }``; the rules of `parse_budgets`.

    Args:
        table: Durations by percentile; keys that are no percentiles must be taken out before.
        source: Who set the budget.

    Raises:
        UsageError: A key is not a percentile, a value is not a duration, a percentile comes twice ("p5", "p5.0"), or
            the limits contradict each other.
    """
    return _without_duplicates(
        (_budget(str(name), limit, f"{name} = {limit!r}", source) for name, limit in table.items()),
        f"{source}: {dict(table)!r}",
    )


def _parse_part(part: str, text: str, source: str) -> Budget:
    name, equals, limit = part.partition("=")
    if not equals:
        name, limit = f"p{DEFAULT_PERCENTILE:g}", part
    return _budget(name.strip(), limit.strip(), text, source)


def _budget(name: str, limit: object, text: str, source: str) -> Budget:
    if not isinstance(limit, str):
        raise UsageError(f"{source}: {text} has no unit: a limit is text with a unit.", 'Write e.g. "5ms".')
    if not limit.strip():
        raise UsageError(f"{source}: {text!r} has no duration{f' after {name}=' if name else ''}.", _REMEDY)
    percentile = _percentile(name, text, source)
    limit_s = parse_duration(limit, f"{source}: {text!r}" if limit != text else source)
    if not (math.isfinite(limit_s) and limit_s > 0):
        raise UsageError(f"{source}: {text!r} is not a duration that can be measured.", _REMEDY)
    return Budget(percentile, limit_s, source)


def _percentile(name: str, text: str, source: str) -> float:
    found = _PERCENTILE.fullmatch(name)
    if found is None:
        raise UsageError(f"{source}: {text!r} has {name!r} where a percentile belongs.", _REMEDY)
    percentile = float(found[1])
    if not 0 < percentile < 100:
        raise UsageError(
            f"{source}: {text!r} asks for {name}; a percentile lies above 0 and below 100.",
            "Write p50, p95, p99 or p99.9; the maximum of a latency cannot be tested, p99.9 can.",
        )
    return percentile


def _without_duplicates(budgets: Iterable[Budget], where: str) -> tuple[Budget, ...]:
    found: dict[float, Budget] = {}
    for budget in budgets:
        if budget.percentile in found:
            raise UsageError(f"{where} has {budget.name} twice.", "Give each percentile one limit.")
        found[budget.percentile] = budget
    check_order(found.values(), where)
    return tuple(found.values())


def check_order(budgets: Iterable[Budget], where: str) -> None:
    """Raise UsageError where a higher percentile is allowed less than a lower one, whose limit then says nothing."""
    ordered = sorted(budgets, key=lambda budget: budget.percentile)
    for lower, higher in pairwise(ordered):
        if higher.limit_s < lower.limit_s:
            raise UsageError(
                f"{where} contradicts itself: {higher.name} may take {higher.limit_s:g} s and {lower.name}, which is "
                f"never longer, {lower.limit_s:g} s.",
                f"Raise the limit of {higher.name}, or lower that of {lower.name}.",
            )
