"""The test of a median over blocks: throughput, energy. One pure function, asked by the worker and again afterwards.

"The median of the blocks is at least (at most) L" is the question of `verdicts.quantile` at p = 1/2, so it may be asked
after every block. A verdict needs few blocks, and few blocks say little about their dependence, which then has to be
assumed: `block_tau` adds a standard error to what the blocks show.

Six clean blocks would do for a PASS were they known to be independent. `FEWEST_BLOCKS` is 10: with a look after every
block and the true median on the limit, a false PASS has probability .024 and a false FAIL .033 for independent blocks
(dynamic programming on the number of blocks beyond the limit, tau = 1), and first-order processes with a correlation of
up to .8 between neighbours stay below .05 each (simulation; with what the blocks show alone .12 and .14).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_edgert.records import BlockTest, Plain, Verdict
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.dependence import autocorrelation_time, coarsen, mid_ranks
from pytest_edgert.verdicts.quantile import log_e_fail, log_e_pass, quantile_interval

#: Verdicts begin at so many blocks.
FEWEST_BLOCKS = 10
_MEDIAN = 0.5
#: Correlation of neighbours is never taken for more than this.
_LARGEST_CORRELATION = 0.95


@dataclass(frozen=True, slots=True)
class BlockLimit:
    """What the median of the blocks is held to.

    Args:
        value: In the unit of the blocks; None measures only.
        at_least: Whether it is a floor.
        alpha: Highest probability of a false PASS.
        beta: Highest probability of a false FAIL.
        source: Who set it.
    """

    value: float | None = None
    at_least: bool = False
    alpha: float = 0.05
    beta: float = 0.05
    source: str = ""


def decide_blocks(values: Sequence[float] | Array, limit: BlockLimit) -> Verdict:
    """Return what the blocks so far say: PASS, FAIL or INCONCLUSIVE, MEASURED without a limit.

    Args:
        values: One finite value per block, in order, (n,).
        limit: What to decide.
    """
    if limit.value is None:
        return Verdict.MEASURED
    n = len(values)
    if n < FEWEST_BLOCKS:
        return Verdict.INCONCLUSIVE
    series = np.asarray(values, np.float64)
    beyond = int(np.count_nonzero(series < limit.value if limit.at_least else series > limit.value))
    tau = block_tau(series, limit.value)
    if log_e_pass(n, beyond, _MEDIAN) >= tau * -math.log(limit.alpha):
        return Verdict.PASS
    if log_e_fail(n, beyond, _MEDIAN) >= tau * -math.log(limit.beta):
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE


def block_tau(values: Array, limit: float | None = None) -> float:
    """Return the autocorrelation time of blocks, >= 1, at the upper end of what so few of them allow.

    The correlation r of neighbouring mid-ranks is raised by its bias on a short series, (1 + 2 r) / n, and by one
    standard error, 1 / sqrt(n); then tau = (1 + r) / (1 - r), as of a first-order process, and never less than the
    windowed sum of `autocorrelation_time`. Differences below a quarter of the way from the median to the limit count
    as none (`coarsen`): what little blocks far from the limit vary says nothing of a
    dependence that could carry them across it, and where none differ tau is 1.

    Args:
        values: In order, (n,), float64.
        limit: What they are held to; None where nothing is.
    """
    series = coarsen(values, () if limit is None else (limit,))
    n = len(series)
    ranks = mid_ranks(series)
    ranks -= ranks.mean() if n else 0.0
    power = float(np.einsum("i,i->", ranks, ranks))
    if n < 3 or power == 0.0:
        return 1.0
    first = float(np.einsum("i,i->", ranks[1:], ranks[:-1])) / power
    raised = min(_LARGEST_CORRELATION, max(0.0, first + (1 + 2 * first) / n + 1 / math.sqrt(n)))
    return max((1 + raised) / (1 - raised), min(autocorrelation_time(series), float(n)))


def judge_blocks(
    name: str,
    unit: str,
    values: Sequence[float] | Array,
    limit: BlockLimit,
    *,
    block_s: float,
    detail: Mapping[str, Plain] | None = None,
) -> BlockTest:
    """Return the record of the test on all blocks of a measurement, with the interval that agrees with the verdict.

    Args:
        name: What each block gave: "throughput", "energy_gross".
        unit: Unit of the values: "1/s", "J".
        values: One finite value per block, in order, (n,).
        limit: What to hold their median to.
        block_s: Length of a block in seconds.
        detail: How it was measured.
    """
    series = np.asarray(values, np.float64)
    tau = block_tau(series, limit.value)
    low, high = _interval(series, limit, tau)
    return BlockTest(
        name,
        unit,
        tuple(map(float, series)),
        decide_blocks(series, limit),
        median=float(np.median(series)) if len(series) else None,
        low=low,
        high=high,
        limit=limit.value,
        at_least=limit.at_least,
        source=limit.source,
        tau=tau,
        block_s=block_s,
        detail=dict(detail or {}),
    )


def _interval(series: Array, limit: BlockLimit, tau: float) -> tuple[float | None, float | None]:
    """Return the ends between which the true median lies; a floor is a ceiling of the negated blocks."""
    if len(series) < FEWEST_BLOCKS:
        return None, None
    ordered = np.sort(-series if limit.at_least else series)
    low, high = quantile_interval(ordered, _MEDIAN, limit.alpha, limit.beta, tau)
    if not limit.at_least:
        return low, high
    return None if high is None else -high, None if low is None else -low
