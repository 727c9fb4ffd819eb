"""The verdict on latency: one pure function of the samples, asked by the stopping rule and again by the controller.

`decide` depends on the samples and the plan alone, not on when it was asked before. Whoever samples asks it on all
samples so far and stops at the first PASS, FAIL or INVALID; so the verdict computed again from the recorded samples is
the one that stopped the test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pytest_edgert.errors import MeasurementInvalidError
from pytest_edgert.records import Budget, BudgetVerdict, Latency, LatencyPlan, Pattern, Quantile, Verdict
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts import sentences
from pytest_edgert.verdicts.binomial import k_fail_exact, k_pass_exact
from pytest_edgert.verdicts.dependence import HeldTau
from pytest_edgert.verdicts.quantile import (
    ends,
    fewest_clean,
    k_fail,
    k_pass,
    log_e_fail,
    log_e_pass,
    sample_quantile,
)
from pytest_edgert.verdicts.steady import distrust

#: Percentiles that every record has, where the samples support them.
PERCENTILES = (50.0, 95.0, 99.0)
#: No verdict of either kind from fewer samples, nor from fewer than so many autocorrelation times.
FEWEST_SAMPLES = 50
_FEWEST_TAUS = 20


@dataclass(frozen=True, slots=True)
class Decision:
    """What samples say of a plan: `verdict` over all budgets, `parts` and `exceedances` of each, in the plan's order."""

    verdict: Verdict
    parts: tuple[Verdict, ...]
    exceedances: tuple[int, ...]
    tau: float


@dataclass(frozen=True, slots=True)
class LatencyJudgement:
    """A verdict with its record and sentences; `reason` is never empty."""

    verdict: Verdict
    latency: Latency
    reason: str
    remedy: str


def decide(durations_ns: Array, starts_ns: Array, plan: LatencyPlan, held: HeldTau | None = None) -> Decision:
    """Return what the samples so far say; cheap enough to be asked after every block.

    Args:
        durations_ns: All counted durations in order, (n,), int64.
        starts_ns: Their starts on the same clock, (n,), int64.
        plan: What to decide.
        held: Remembers the autocorrelation time of the last checkpoint of this growing series; changes no answer.
    """
    n = len(durations_ns)
    limits_ns = [limit_ns(budget) for budget in plan.budgets]
    tau = (HeldTau() if held is None else held).of(durations_ns, limits_ns)
    exceedances = tuple(int(np.count_nonzero(durations_ns > limit)) for limit in limits_ns)
    if n < fewest_samples(tau) or span_s(durations_ns, starts_ns) < plan.min_s or n < (plan.fixed_n or 0):
        parts = tuple(Verdict.INCONCLUSIVE for _ in plan.budgets)
    else:
        test = _sequential_part if plan.fixed_n is None else _fixed_part
        parts = tuple(test(n, k, budget, plan, tau) for k, budget in zip(exceedances, plan.budgets, strict=True))
    verdict = _over_all(parts)
    if verdict in {Verdict.PASS, Verdict.FAIL} and _distrust(durations_ns, starts_ns, plan):
        verdict = Verdict.INVALID
    return Decision(verdict, parts, exceedances, tau)


def judge_latency(
    durations_ns: Array,
    starts_ns: Array,
    plan: LatencyPlan,
    *,
    first_ns: int,
    warm_up_n: int,
    warm_up_ns: int,
    stop_reason: str,
) -> LatencyJudgement:
    """Return the verdict, the record and the sentences for the samples of one cell.

    Args:
        durations_ns: All counted durations in order, (n,), int64, n >= 1.
        starts_ns: Their starts on the same clock, (n,), int64.
        plan: What was asked.
        first_ns: Duration of the session's first inference.
        warm_up_n: Inferences thrown away before counting.
        warm_up_ns: Time thrown away before counting.
        stop_reason: Why sampling ended, as the phrase after "stopped: ".

    Raises:
        MeasurementInvalidError: There is no sample.
    """
    if not len(durations_ns) or len(durations_ns) != len(starts_ns):
        raise MeasurementInvalidError(
            f"Latency was measured with {len(durations_ns)} durations and {len(starts_ns)} starts.",
            "Allow more time, so that at least one inference is counted.",
        )
    decision = decide(durations_ns, starts_ns, plan)
    doubts = _distrust(durations_ns, starts_ns, plan)
    verdict = Verdict.INVALID if doubts else decision.verdict
    ordered = np.sort(durations_ns)
    n = len(ordered)
    latency = Latency(
        budgets=_budget_verdicts(ordered, plan, decision, invalid=bool(doubts)),
        quantiles=_quantiles(ordered, plan, decision.tau),
        n=n,
        n_effective=n / decision.tau,
        tau=decision.tau,
        throughput_per_s=_throughput_per_s(durations_ns),
        first_s=first_ns / 1e9,
        warm_up_n=warm_up_n,
        warm_up_s=warm_up_ns / 1e9,
        span_s=span_s(durations_ns, starts_ns),
        stop_reason=stop_reason,
    )
    reason, remedy = doubts[0] if doubts else sentences.explain(verdict, latency, plan, fewest_samples(decision.tau))
    return LatencyJudgement(verdict, latency, reason, remedy)


def _distrust(durations_ns: Array, starts_ns: Array, plan: LatencyPlan) -> list[tuple[str, str]]:
    """Response times of requests that wait for each other overlap; those of a closed loop must not."""
    return distrust(durations_ns, starts_ns, may_overlap=plan.arrival.pattern is not Pattern.CLOSED)


def limit_ns(budget: Budget) -> float:
    """Return a budget's limit in nanoseconds, to a thousandth: 5 ms is 5,000,000 ns and no rounding error more."""
    return round(budget.limit_s * 1e9, 3)


def span_s(durations_ns: Array, starts_ns: Array) -> float:
    """Return the time from the first sample's start to the last one's end in seconds; 0 without samples."""
    if not len(durations_ns):
        return 0.0
    return (int(starts_ns[-1]) + int(durations_ns[-1]) - int(starts_ns[0])) / 1e9


def fewest_samples(tau: float) -> int:
    """Return the samples that a verdict of either kind needs at least, at this autocorrelation time."""
    return max(FEWEST_SAMPLES, math.ceil(_FEWEST_TAUS * tau))


def _sequential_part(n: int, k: int, budget: Budget, plan: LatencyPlan, tau: float) -> Verdict:
    p = budget.percentile / 100
    if log_e_fail(n, k, p) >= tau * -math.log(_beta(plan)):
        return Verdict.FAIL
    if log_e_pass(n, k, p) >= tau * -math.log(plan.alpha):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE


def _fixed_part(n: int, k: int, budget: Budget, plan: LatencyPlan, tau: float) -> Verdict:
    most, fewest = _thresholds(n, budget.percentile / 100, plan, tau)
    if fewest is not None and k >= fewest:
        return Verdict.FAIL
    return Verdict.PASS if most is not None and k <= most else Verdict.INCONCLUSIVE


def _over_all(parts: tuple[Verdict, ...]) -> Verdict:
    if not parts:
        return Verdict.MEASURED
    if Verdict.FAIL in parts:
        return Verdict.FAIL
    return Verdict.PASS if set(parts) == {Verdict.PASS} else Verdict.INCONCLUSIVE


def _beta(plan: LatencyPlan) -> float:
    """Any of m budgets may FAIL the check, so each gets its share of beta (Bonferroni)."""
    return plan.beta / max(1, len(plan.budgets))


def _thresholds(n: int, p: float, plan: LatencyPlan, tau: float) -> tuple[int | None, int | None]:
    if plan.fixed_n is None:
        return k_pass(n, p, plan.alpha, tau), k_fail(n, p, _beta(plan), tau)
    return k_pass_exact(n, p, plan.alpha, tau), k_fail_exact(n, p, _beta(plan), tau)


def _quantile(ordered: Array, percentile: float, plan: LatencyPlan, tau: float) -> Quantile:
    p = percentile / 100
    low, high = ends(ordered, *_thresholds(len(ordered), p, plan, tau))
    return Quantile(
        percentile,
        sample_quantile(ordered, p) / 1e9,
        None if low is None else low / 1e9,
        None if high is None else high / 1e9,
    )


def _quantiles(ordered: Array, plan: LatencyPlan, tau: float) -> tuple[Quantile, ...]:
    asked = {budget.percentile for budget in plan.budgets}
    supported = {percentile for percentile in PERCENTILES if len(ordered) >= fewest_clean(percentile / 100, plan.alpha)}
    return tuple(_quantile(ordered, percentile, plan, tau) for percentile in sorted(asked | supported))


def _budget_verdicts(
    ordered: Array, plan: LatencyPlan, decision: Decision, *, invalid: bool
) -> tuple[BudgetVerdict, ...]:
    return tuple(
        BudgetVerdict(
            budget,
            Verdict.INVALID if invalid else part,
            _quantile(ordered, budget.percentile, plan, decision.tau),
            exceedances,
        )
        for budget, part, exceedances in zip(plan.budgets, decision.parts, decision.exceedances, strict=True)
    )


def _throughput_per_s(durations_ns: Array) -> float:
    """Inferences per second back to back: the pauses in which the stopping rule looks do not count."""
    total_ns = int(durations_ns.sum())
    return len(durations_ns) * 1e9 / total_ns if total_ns > 0 else 0.0
