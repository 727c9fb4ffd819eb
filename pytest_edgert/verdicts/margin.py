"""How much slower than a baseline is allowed, as people write it: ``5%`` or ``0.05``.

Read where options are read, so it needs the standard library only.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pytest_edgert.errors import UsageError

_MARGIN = re.compile(r"(\d+\.?\d*|\.\d+)\s*(%?)")
_REMEDY = "Write a share of the baseline's latency with its unit, such as 5%, or as a number below 1, such as 0.05."


@dataclass(frozen=True, slots=True)
class Margin:
    """How much slower than the baseline is allowed: a share >= 0, and who said so."""

    share: float = 0.05
    source: str = "the default of --edge-margin"

    @property
    def limit(self) -> float:
        """The largest ratio of latencies that is within the margin."""
        return 1 + self.share


def parse_margin(text: str, source: str) -> Margin:
    """Return the margin of a text such as ``5%`` or ``0.05``.

    Args:
        text: A percentage, or a number below 1.
        source: Who said it, for errors and reports.

    Raises:
        UsageError: It is negative, no number, or 1 or more without a unit, where ``5`` could mean 5 % and 500 %.
    """
    found = _MARGIN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{source}: {text!r} is not a margin of 0 or more.", _REMEDY)
    number = float(found[1])
    if found[2]:
        return _margin(number / 100, text, source)
    if number >= 1:
        raise UsageError(f"{source}: {text!r} has no unit.", _REMEDY)
    return _margin(number, text, source)


def _margin(share: float, text: str, source: str) -> Margin:
    if not math.isfinite(share):
        raise UsageError(f"{source}: {text!r} is not a margin that can be measured.", _REMEDY)
    return Margin(share, source)
