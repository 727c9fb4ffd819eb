"""Whether the queue of an open loop grows: requests that arrive faster than the runtime serves them have no steady state.

A queue is stable if and only if the mean service time is below the mean time between arrivals (Loynes, "The stability
of a queue with non-independent inter-arrival and service times", Proc. Camb. Phil. Soc. 58, 1962). So the mean service
time is held against the interval of the plan, with room for its error; response times cannot tell, for those of a queue
that grows start short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from pytest_edgert.records import Arrival, Budget, LatencyPlan, Pattern, Quantile, Verdict
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.dependence import tau_at_checkpoint
from pytest_edgert.verdicts.latency import PERCENTILES, LatencyJudgement
from pytest_edgert.verdicts.quantile import ends, fewest_clean, k_fail, k_pass, sample_quantile
from pytest_edgert.verdicts.sentences import duration_text

#: Fewest requests for a judgement on the load.
FEWEST = 20
#: Room in standard errors of the mean: a look after every block for minutes, at about 1 in 10,000 each.
_ERRORS = 4.0
#: Doubts about the shape of response times: those of a queue that grows rise, which is no reason to measure again.
_OF_SHAPE = frozenset({"warm-up", "slowdown", "no-steady-state", "burst"})
#: A queue that grows leaves the last request at least so many intervals late.
_LATE = 3.0


class Load(str, Enum):
    """What the service times say of the queue."""

    STEADY = "steady"
    GROWS = "grows"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class LoadFound:
    """The load, the mean service time in seconds with its bounds, and how late the last request started."""

    load: Load
    mean_s: float
    low_s: float
    high_s: float
    late_s: float


def load_of(service_ns: Array, responses_ns: Array, arrival: Arrival) -> LoadFound:
    """Return what an open loop's samples say of its load.

    Args:
        service_ns: Durations from real start to end, (n,), int64, n >= 1.
        responses_ns: Durations from intended start to end, (n,), int64.
        arrival: The pattern; not closed.
    """
    n = len(service_ns)
    late_s = float(responses_ns[-1] - service_ns[-1]) / 1e9
    mean_s, error_s = _mean(service_ns)
    later_s, later_error_s = _mean(service_ns[n // 2 :])
    bounds = (mean_s, max(0.0, mean_s - _ERRORS * error_s), mean_s + _ERRORS * error_s, late_s)
    if n < FEWEST:
        return LoadFound(Load.UNCLEAR, *bounds)
    interval_s = arrival.interval_s
    if later_s - _ERRORS * later_error_s > interval_s and late_s >= _LATE * interval_s:
        return LoadFound(Load.GROWS, *bounds)
    return LoadFound(Load.STEADY if bounds[2] < interval_s else Load.UNCLEAR, *bounds)


def _mean(service_ns: Array) -> tuple[float, float]:
    """Return the mean in seconds and its standard error; dependent samples count for fewer."""
    n = len(service_ns)
    if n < 2:
        return float(service_ns.mean()) / 1e9, math.inf
    error = float(service_ns.std(ddof=1)) * math.sqrt(tau_at_checkpoint(service_ns) / n)
    return float(service_ns.mean()) / 1e9, error / 1e9


def judge_queue(
    judged: LatencyJudgement, service_ns: Array, responses_ns: Array, plan: LatencyPlan
) -> LatencyJudgement:
    """Return the judgement of an open loop's response times with the growth of its queue taken into account.

    With a budget a queue that grows is a FAIL, for it passes every limit; without one there is no figure to give:
    INVALID. A PASS stands only where the queue is known not to grow.
    """
    found = load_of(service_ns, responses_ns, plan.arrival)
    if found.load is Load.STEADY:
        return judged
    others = tuple(doubt for doubt in judged.doubts if doubt.kind not in _OF_SHAPE)
    if any(doubt.voids for doubt in others):
        return judged
    rates = _rates(found, plan.arrival)
    if found.load is Load.UNCLEAR:
        if judged.verdict is not Verdict.PASS:
            return judged
        reason = f"too close to call: whether the queue grows; {rates}"
        return replace(judged, verdict=Verdict.INCONCLUSIVE, reason=reason, remedy=_MORE_TIME)
    reason = (
        f"the queue grows without end, for requests arrive faster than they are served: {rates}; "
        f"the last of {len(service_ns)} started {duration_text(max(found.late_s, 0.0))} late"
    )
    judged = replace(judged, doubts=others)
    if not plan.budgets:
        return replace(judged, verdict=Verdict.INVALID, reason=f"no steady state: {reason}", remedy=_SLOWER)
    budgets = tuple(replace(part, verdict=Verdict.FAIL) for part in judged.latency.budgets)
    limits = ", ".join(map(_limit, plan.budgets))
    return replace(
        judged,
        verdict=Verdict.FAIL,
        reason=f"{reason}: no limit holds ({limits})",
        remedy=_SLOWER,
        latency=replace(judged.latency, budgets=budgets),
    )


_MORE_TIME = "Allow more time with --edge-max-time, let requests arrive more slowly, or make the model faster."
_SLOWER = (
    "Let requests arrive more slowly with --edge-arrival, drop some of them, batch them, or make the model faster."
)


def _rates(found: LoadFound, arrival: Arrival) -> str:
    served = (
        f"each takes {duration_text(found.mean_s)} on average ({duration_text(found.low_s)} … {duration_text(found.high_s)})"
        if math.isfinite(found.high_s)
        else f"one took {duration_text(found.mean_s)}"
    )
    every = f"one comes every {duration_text(arrival.interval_s)}"
    mean = " on average" if arrival.pattern is Pattern.POISSON else ""
    return f"{every}{mean} ({1 / arrival.interval_s:.4g} /s), {served}, which is {1 / max(found.mean_s, 1e-9):.4g} /s"


def _limit(budget: Budget) -> str:
    return f"{budget.name} <= {duration_text(budget.limit_s)}"


def service_quantiles(service_ns: Array, plan: LatencyPlan) -> tuple[Quantile, ...]:
    """Return p50, p95 and p99 of the service times with their intervals, as far as the samples support them."""
    ordered = np.sort(service_ns)
    tau = tau_at_checkpoint(service_ns)
    return tuple(
        _quantile(ordered, percentile, plan, tau)
        for percentile in PERCENTILES
        if len(ordered) >= fewest_clean(percentile / 100, plan.alpha)
    )


def _quantile(ordered: Array, percentile: float, plan: LatencyPlan, tau: float) -> Quantile:
    n, p = len(ordered), percentile / 100
    low, high = ends(ordered, k_pass(n, p, plan.alpha, tau), k_fail(n, p, plan.beta, tau))
    return Quantile(
        percentile,
        sample_quantile(ordered, p) / 1e9,
        None if low is None else low / 1e9,
        None if high is None else high / 1e9,
    )
