"""Is an artefact slower than a baseline by more than a margin? The quantile test on ratios of block medians.

Each value is the median latency of one block of the artefact over that of one block of the baseline, taken next to each
other. "The median ratio is at most the limit" is tested by `verdicts.quantile` at p50, so the test may be asked after
every pair, and by the autocorrelation time of the ratios, so that pairs which resemble each other count for less. One
pure function, asked by the stopping rule in the worker and again by the controller.

Verdicts begin at 50 pairs and 20 autocorrelation times, as those on latencies do. At a true median ratio of exactly the
limit, with a look after every pair up to 10,000, a false PASS then has probability .015 and a false FAIL .022 for
independent pairs (dynamic programming on the pairs beyond the limit), and both stay below .05 for first-order
autoregressive ratios of coefficient .3, .6, .8 and .9; from 6 pairs on they would be .08 at .9
(1,500 simulated series of 750 pairs, `benchmarks/baseline_error_rates.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pytest_edgert.records import BlockTest, LatencyPlan, Plain, Verdict
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.dependence import HeldTau
from pytest_edgert.verdicts.latency import fewest_samples
from pytest_edgert.verdicts.margin import Margin
from pytest_edgert.verdicts.quantile import log_e_fail, log_e_pass, quantile_interval

_MEDIAN = 0.5
_DIGITS = range(3, 8)


@dataclass(frozen=True, slots=True)
class Ratios:
    """Pairs of blocks as they were measured.

    Args:
        values: Ratio of each pair in order, (pairs,), float64.
        span_s: Time from the first block's start to the last one's end.
        stop_reason: Why there are no more, as the phrase after "stopped: ".
        block_s: Length of a block in seconds, about.
        detail: How they were measured, for the record.
        remedy: What to do where they decide nothing.
    """

    values: Array
    span_s: float
    stop_reason: str
    block_s: float
    detail: Mapping[str, Plain]
    remedy: str = "Allow more time with --edge-max-time, or a larger --edge-margin."


@dataclass(frozen=True, slots=True)
class BaselineJudgement:
    """A verdict with its record and sentences; `reason` is never empty."""

    test: BlockTest
    reason: str
    remedy: str


def decide_ratios(
    ratios: Array, span_s: float, margin: Margin, plan: LatencyPlan, held: HeldTau | None = None
) -> tuple[Verdict, float]:
    """Return what the pairs so far say, and the autocorrelation time of their ratios in pairs.

    Args:
        ratios: Block median of the artefact over that of the baseline, in order, (pairs,), float64.
        span_s: Time they span.
        margin: What is allowed.
        plan: Its `alpha`, `beta` and `min_s` count.
        held: Remembers the autocorrelation time of the last checkpoint of this growing series; changes no answer.
    """
    if not bool(np.all(np.isfinite(ratios) & (ratios > 0))):
        return Verdict.INVALID, 1.0
    n = len(ratios)
    tau = (HeldTau() if held is None else held).of(ratios, [margin.limit])
    if n < fewest_samples(tau) or span_s < plan.min_s:
        return Verdict.INCONCLUSIVE, tau
    beyond = int(np.count_nonzero(ratios > margin.limit))
    if log_e_fail(n, beyond, _MEDIAN) >= tau * -math.log(plan.beta):
        return Verdict.FAIL, tau
    if log_e_pass(n, beyond, _MEDIAN) >= tau * -math.log(plan.alpha):
        return Verdict.PASS, tau
    return Verdict.INCONCLUSIVE, tau


def judge_ratios(ratios: Ratios, margin: Margin, plan: LatencyPlan) -> BaselineJudgement:
    """Return the verdict on all pairs of a comparison, with the interval that agrees with it."""
    values = ratios.values
    verdict, tau = decide_ratios(values, ratios.span_s, margin, plan)
    sound = verdict is not Verdict.INVALID and len(values) > 0
    # No interval where there are too few pairs for a verdict: it could lie wholly on one side of the limit.
    bounded = sound and len(values) >= fewest_samples(tau) and ratios.span_s >= plan.min_s
    low, high = quantile_interval(np.sort(values), _MEDIAN, plan.alpha, plan.beta, tau) if bounded else (None, None)
    test = BlockTest(
        "baseline",
        "ratio",
        tuple(map(float, values)) if sound else (),
        verdict,
        float(np.median(values)) if sound else None,
        low,
        high,
        margin.limit,
        source=margin.source,
        tau=tau,
        block_s=ratios.block_s,
        detail=ratios.detail,
    )
    return BaselineJudgement(test, *_explain(test, ratios, plan))


def block_medians(durations_ns: Array, block_s: float, fewest: int) -> Array:
    """Return the medians of consecutive blocks of one run, (blocks,), float64.

    Blocks are of equal numbers of samples, last about `block_s` and are shorter where a run is too short for `fewest`
    of them; what is left over at the end is not used.

    Args:
        durations_ns: Latencies in the order they were measured, (n,).
        block_s: Wanted length of a block in seconds.
        fewest: Blocks that there shall be at least, if there are so many samples.
    """
    n = len(durations_ns)
    if n == 0:
        return np.zeros(0)
    typical_ns = max(1.0, float(np.median(durations_ns)))
    count = max(1, min(round(block_s * 1e9 / typical_ns), n // fewest))
    blocks = n // count
    return np.asarray(np.median(durations_ns[: blocks * count].reshape(blocks, count), axis=1), np.float64)


def _explain(test: BlockTest, ratios: Ratios, plan: LatencyPlan) -> tuple[str, str]:
    """Return (reason, remedy) of a verdict."""
    n = len(ratios.values)
    basis = f"({n} pairs of blocks; stopped: {ratios.stop_reason})"
    if test.verdict is Verdict.INVALID:
        wrong = int(np.count_nonzero(~(np.isfinite(ratios.values) & (ratios.values > 0))))
        reason = f"{wrong} of {n} pairs of blocks have a median that is not above zero: the clock stood still or is too coarse."
        return reason, "Compare on a device whose clock resolves one inference."
    if test.verdict is Verdict.INCONCLUSIVE:
        fewest = fewest_samples(test.tau)
        if n < fewest:
            why = f"too few pairs of blocks: {n} of at least {fewest}"
        elif ratios.span_s < plan.min_s:
            why = f"too short: the pairs span {ratios.span_s:.3g} s of at least {plan.min_s:g} s"
        else:
            why = "too close to call"
        return f"{why}: ratio {_interval(test)} against {test.limit:g} {basis}", ratios.remedy
    side = "within" if test.verdict is Verdict.PASS else "beyond"
    remedy = "" if test.verdict is Verdict.PASS else "Find what made it slower, or raise --edge-margin."
    return f"ratio {_interval(test)}, {side} the limit of {test.limit:g} {basis}", remedy


def _interval(test: BlockTest) -> str:
    """Return median and interval with digits enough to tell each end from the limit."""
    if test.median is None:
        return "not known"
    ends = [None if end is None else _number(end, test.limit) for end in (test.low, test.high)]
    return f"{_number(test.median, test.limit)} in [{ends[0] or '?'}, {ends[1] or '?'}]"


def _number(ratio: float, limit: float | None) -> str:
    texts = [f"{ratio:.{digits}g}" for digits in _DIGITS]
    return next((text for text in texts if ratio == limit or float(text) != limit), texts[-1])
