"""An explanation as plain values: which known fault it is, how well it fits, and the figures of its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_edgert.records import Plain


@dataclass(frozen=True, slots=True)
class Explanation:
    """One way to be wrong that fits what was seen.

    Args:
        name: The known fault, as in `words.SENTENCES`.
        confidence: 0 to 1, for ranking: how much of the error it explains, times how seldom something else looks so.
        figures: What its sentence says, by name.
    """

    name: str
    confidence: float
    figures: Mapping[str, Plain] = field(default_factory=dict)
