"""Ratios of alternating blocks (A B B A …): their median, its bootstrap interval, and what it shows of a bound."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Fewest blocks that a ratio is told from, and resamples of its interval.
FEWEST_BLOCKS = 5
_RESAMPLES = 10_000
_SEED = 0


@dataclass(frozen=True, slots=True)
class Ratio:
    """A median ratio over `blocks` blocks with its bootstrap interval of 95 %."""

    median: float
    low: float
    high: float
    blocks: int

    def __str__(self) -> str:
        return f"{self.median:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def shows(self, bound: float) -> str:
        """Return what the interval shows of "within `bound` of 1": met, not met, or not shown.

        Met is a whole interval inside, not met is a whole interval outside; everything else, and any interval of too
        few blocks, shows nothing.
        """
        if self.blocks < FEWEST_BLOCKS:
            return f"not shown ({self.blocks} blocks)"
        if 1 - bound <= self.low and self.high <= 1 + bound:
            return "met"
        if self.low > 1 + bound or self.high < 1 - bound:
            return "not met"
        return "not shown (interval)"


def block_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the ratio of one block: sums, so that a steady drift over A B B A falls out."""
    return sum(ours) / sum(theirs)


def median_ratio(ratios: Sequence[float]) -> Ratio:
    """Return the median of block ratios with its interval, by a seeded bootstrap over blocks."""
    draws = np.random.default_rng(_SEED).choice(ratios, (_RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return Ratio(statistics.median(ratios), float(low), float(high), len(ratios))


def mirrored(names: Sequence[str]) -> list[str]:
    """Return the order of one block: every name, and then every name backwards."""
    return [*names, *reversed(names)]
