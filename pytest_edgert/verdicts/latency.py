"""The verdict on latency: one pure function of the samples, asked by the stopping rule and again by the controller.

`decide` depends on the inferences and the plan alone, not on when it was asked before. Whoever samples asks it on all
inferences so far and stops at the first decision that is settled; so the verdict computed again from what was recorded
is the one that stopped the test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pytest_edgert.errors import MeasurementInvalidError
from pytest_edgert.records import Budget, BudgetVerdict, Doubt, Latency, LatencyPlan, Pattern, Quantile, Verdict
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts import sentences
from pytest_edgert.verdicts.binomial import k_fail_exact, k_pass_exact
from pytest_edgert.verdicts.clock_checks import Timing, clock_faults, quantised, step_ns
from pytest_edgert.verdicts.evidence import Evidence, Held, limit_ns
from pytest_edgert.verdicts.matters import doubts_of, stands
from pytest_edgert.verdicts.quantile import (
    ends,
    fewest_clean,
    k_fail,
    k_pass,
    log_e_fail,
    log_e_pass,
    sample_quantile,
)

#: Percentiles that every record has, where the samples support them.
PERCENTILES = (50.0, 95.0, 99.0)
#: No verdict of either kind from fewer samples, nor from fewer than so many autocorrelation times.
FEWEST_SAMPLES = 50
_FEWEST_TAUS = 20
#: A change of latency that still voids the verdict after so much time is taken to stay.
SETTLES_S = 10.0

_DECIDED = frozenset({Verdict.PASS, Verdict.FAIL})


@dataclass(frozen=True, slots=True)
class Decision:
    """What the inferences so far say of a plan.

    Args:
        verdict: Over all budgets.
        parts: Of each budget, in the plan's order; INVALID where the verdict hangs on a change or on rounding.
        exceedances: Counted samples above each limit.
        evidence: What was judged.
        doubts: Why it is INVALID, what voids it first; empty for other verdicts.
        settled: Whether more samples are not wanted.
    """

    verdict: Verdict
    parts: tuple[Verdict, ...]
    exceedances: tuple[int, ...]
    evidence: Evidence
    doubts: tuple[Doubt, ...] = ()
    settled: bool = False


@dataclass(frozen=True, slots=True)
class LatencyJudgement:
    """A verdict with its record and sentences; `reason` is never empty, `doubts` hold what voids it first."""

    verdict: Verdict
    latency: Latency
    reason: str
    remedy: str
    doubts: tuple[Doubt, ...] = ()


def decide(
    durations_ns: Array,
    starts_ns: Array,
    plan: LatencyPlan,
    held: Held | None = None,
    *,
    service_ns: Array | None = None,
) -> Decision:
    """Return what the inferences so far say; cheap enough to be asked after every block.

    Args:
        durations_ns: All timed durations in order, (n,), int64; response times where requests have intended starts.
        starts_ns: Their real starts on the same clock, (n,), int64.
        plan: What to decide.
        held: What was held at the last look at this growing series; changes no answer.
        service_ns: Time from real start to end, where that is not the duration, (n,), int64.
    """
    limits_ns = [limit_ns(budget) for budget in plan.budgets]
    evidence = (Held.fresh(plan) if held is None else held).of(durations_ns, starts_ns)
    exceedances = _exceedances(evidence, limits_ns)
    parts = _parts(evidence, exceedances, plan)
    faults = () if _DECIDED.isdisjoint(parts) else clock_faults(_timing(durations_ns, starts_ns, plan, service_ns))
    if faults:
        return Decision(Verdict.INVALID, _all_invalid(plan), exceedances, evidence, faults, settled=True)
    shaken = _shaken(durations_ns, evidence, parts, plan)
    step = 0.0 if _DECIDED.isdisjoint(parts) else step_ns(evidence.durations_ns)
    turned = _turned(evidence, parts, plan, step)
    kept = tuple(Verdict.INVALID if a or b else part for part, a, b in zip(parts, turned, shaken, strict=True))
    verdict = _over_all(kept)
    void = verdict is Verdict.INVALID
    doubts = () if not void else _doubts(evidence, durations_ns, starts_ns, shaken=any(shaken), turned=any(turned))
    enough = verdict in _DECIDED if plan.fixed_n is None else evidence.n >= plan.fixed_n
    settled = _lasted_s(durations_ns, starts_ns) >= SETTLES_S if void else enough
    return Decision(verdict, kept, exceedances, evidence, doubts, settled=settled)


def judge_latency(
    durations_ns: Array,
    starts_ns: Array,
    plan: LatencyPlan,
    *,
    first_ns: int,
    warm_up_n: int,
    warm_up_ns: int,
    stop_reason: str,
    service_ns: Array | None = None,
) -> LatencyJudgement:
    """Return the verdict, the record and the sentences for the samples of one cell.

    Args:
        durations_ns: All timed durations in order, (n,), int64, n >= 1; response times where requests have intended starts.
        starts_ns: Their real starts on the same clock, (n,), int64.
        plan: What was asked.
        first_ns: Duration of the session's first inference.
        warm_up_n: Inferences thrown away before these.
        warm_up_ns: Time thrown away before these.
        stop_reason: Why sampling ended, as the phrase after "stopped: ".
        service_ns: Time from real start to end, where that is not the duration, (n,), int64.

    Raises:
        MeasurementInvalidError: There is no sample.
    """
    if not len(durations_ns) or len(durations_ns) != len(starts_ns):
        raise MeasurementInvalidError(
            f"Latency was measured with {len(durations_ns)} durations and {len(starts_ns)} starts.",
            "Allow more time, so that at least one inference is counted.",
        )
    decision = decide(durations_ns, starts_ns, plan, service_ns=service_ns)
    faults = clock_faults(_timing(durations_ns, starts_ns, plan, service_ns))
    verdict = Verdict.INVALID if faults else decision.verdict
    evidence, cut_n = decision.evidence, decision.evidence.shape.cut_n
    ordered = np.sort(evidence.durations_ns)
    latency = Latency(
        budgets=_budget_verdicts(ordered, plan, decision, invalid=bool(faults)),
        quantiles=_quantiles(ordered, plan, evidence.tau),
        n=evidence.n,
        n_effective=evidence.n / evidence.tau,
        tau=evidence.tau,
        throughput_per_s=_throughput_per_s(durations_ns[cut_n:]),
        first_s=first_ns / 1e9,
        warm_up_n=warm_up_n + cut_n,
        warm_up_s=(warm_up_ns + int(starts_ns[cut_n]) - int(starts_ns[0])) / 1e9,
        span_s=evidence.span_s,
        stop_reason=stop_reason,
        inferences=len(durations_ns) - cut_n,
        cut_n=cut_n,
        shape=evidence.shape.kind,
    )
    doubts = faults or decision.doubts or _doubts(evidence, durations_ns, starts_ns)
    void = next((doubt for doubt in doubts if doubt.voids), None)
    if void is not None:
        return LatencyJudgement(verdict, latency, void.sentence, void.remedy, doubts)
    reason, remedy = sentences.explain(verdict, latency, plan, fewest_samples(evidence.tau))
    return LatencyJudgement(verdict, latency, reason, remedy, doubts)


def fewest_samples(tau: float) -> int:
    """Return the samples that a verdict of either kind needs at least, at this autocorrelation time."""
    return max(FEWEST_SAMPLES, math.ceil(_FEWEST_TAUS * tau))


def _exceedances(evidence: Evidence, limits_ns: list[float]) -> tuple[int, ...]:
    return tuple(int(np.count_nonzero(evidence.durations_ns > limit)) for limit in limits_ns)


def _parts(evidence: Evidence, exceedances: tuple[int, ...], plan: LatencyPlan) -> tuple[Verdict, ...]:
    """Return what the counted samples say of each budget, whatever they look like over time."""
    n, tau = evidence.n, evidence.tau
    if n < fewest_samples(tau) or not _asked(evidence, plan):
        return tuple(Verdict.INCONCLUSIVE for _ in plan.budgets)
    test = _sequential_part if plan.fixed_n is None else _fixed_part
    return tuple(test(n, k, budget, plan, tau) for k, budget in zip(exceedances, plan.budgets, strict=True))


def _turned(evidence: Evidence, parts: tuple[Verdict, ...], plan: LatencyPlan, step: float) -> list[bool]:
    """Return for each budget whether its verdict would be another if the clock had rounded the other way."""
    if not step:
        return [False] * len(parts)
    sides = [-step if part is Verdict.PASS else step for part in parts]
    limits_ns = [limit_ns(budget) + side for budget, side in zip(plan.budgets, sides, strict=True)]
    others = _parts(evidence, _exceedances(evidence, limits_ns), plan)
    return [part in _DECIDED and other is not part for part, other in zip(parts, others, strict=True)]


def _shaken(durations_ns: Array, evidence: Evidence, parts: tuple[Verdict, ...], plan: LatencyPlan) -> list[bool]:
    """Return for each budget whether its verdict hangs on a change of latency; not asked before there can be one."""
    if not _asked(evidence, plan):
        return [False] * len(parts)
    return [
        not stands(part, limit_ns(budget), budget.percentile / 100, durations_ns, evidence.shape)
        for part, budget in zip(parts, plan.budgets, strict=True)
    ]


def _asked(evidence: Evidence, plan: LatencyPlan) -> bool:
    """Whether there are as many samples over as much time as the plan asks for."""
    return evidence.n >= max(FEWEST_SAMPLES, plan.fixed_n or 0) and evidence.span_s >= plan.min_s


def _doubts(
    evidence: Evidence, durations_ns: Array, starts_ns: Array, *, shaken: bool = False, turned: bool = False
) -> tuple[Doubt, ...]:
    """Return what is to be said of changes and of rounding, what voids the verdict first."""
    step = step_ns(evidence.durations_ns)
    told = doubts_of(evidence.shape, durations_ns, starts_ns, voids=shaken)
    if step:
        told = (*told, quantised(evidence.n, step, turns=turned))
    return tuple(sorted(told, key=lambda doubt: not doubt.voids))


def _timing(durations_ns: Array, starts_ns: Array, plan: LatencyPlan, service_ns: Array | None) -> Timing:
    """Response times of requests that wait for each other overlap; those of a closed loop must not."""
    return Timing(durations_ns, starts_ns, service_ns, may_overlap=plan.arrival.pattern is not Pattern.CLOSED)


def _lasted_s(durations_ns: Array, starts_ns: Array) -> float:
    return (int(starts_ns[-1]) + int(durations_ns[-1]) - int(starts_ns[0])) / 1e9


def _all_invalid(plan: LatencyPlan) -> tuple[Verdict, ...]:
    return tuple(Verdict.INVALID for _ in plan.budgets)


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
    if Verdict.INCONCLUSIVE in parts:
        return Verdict.INCONCLUSIVE
    return Verdict.INVALID if Verdict.INVALID in parts else Verdict.PASS


def _beta(plan: LatencyPlan) -> float:
    """Any of m budgets may FAIL the check, so each gets its share of beta (Bonferroni)."""
    return plan.beta / max(1, len(plan.budgets))


def _thresholds(n: int, p: float, plan: LatencyPlan, tau: float) -> tuple[int | None, int | None]:
    if plan.fixed_n is None:
        return k_pass(n, p, plan.alpha, tau), k_fail(n, p, _beta(plan), tau)
    return k_pass_exact(n, p, plan.alpha, tau), k_fail_exact(n, p, _beta(plan), tau)


def _quantile(ordered: Array, percentile: float, plan: LatencyPlan, tau: float) -> Quantile:
    p = percentile / 100
    # Too few samples do not tell their autocorrelation time: an interval from them would hold too seldom.
    enough = len(ordered) >= fewest_samples(tau)
    low, high = ends(ordered, *_thresholds(len(ordered), p, plan, tau)) if enough else (None, None)
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
            _quantile(ordered, budget.percentile, plan, decision.evidence.tau),
            exceedances,
        )
        for budget, part, exceedances in zip(plan.budgets, decision.parts, decision.exceedances, strict=True)
    )


def _throughput_per_s(durations_ns: Array) -> float:
    """Inferences per second back to back: the pauses in which the stopping rule looks do not count."""
    total_ns = int(durations_ns.sum())
    return len(durations_ns) * 1e9 / total_ns if total_ns > 0 else 0.0
