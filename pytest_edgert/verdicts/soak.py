"""The verdict on a soak: its levels and knee, the last steady stretch against the budgets, slowdown and memory growth.

Pure functions of what the worker saw. Throttling inside a soak is what a soak is for: it is shown, it voids nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pytest_edgert.errors import MeasurementInvalidError
from pytest_edgert.records import Amount, Budget, BudgetVerdict, LatencyPlan, Quantile, Segment, Soak, Verdict, worst
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.change_points import change_points, noise_scale
from pytest_edgert.verdicts.dependence import tau_at_checkpoint
from pytest_edgert.verdicts.evidence import limit_ns
from pytest_edgert.verdicts.latency import PERCENTILES, fewest_samples
from pytest_edgert.verdicts.quantile import ends, fewest_clean, k_fail, k_pass, sample_quantile
from pytest_edgert.verdicts.queue import Load, load_of
from pytest_edgert.verdicts.sentences import duration_text, interval_text

#: The sensor of resident memory, and the figure that is made of it.
MEMORY = "rss_bytes.process"
MEMORY_GROWTH = "memory growth"
#: A change of the median below this share is no change of level.
_MATERIAL = 0.05
#: Penalty of a change, in variances of the noise and logarithms of the number of segments, as for shapes
#: (Barrett et al., "Virtual Machine Warmup Blows Hot and Cold", OOPSLA 2017); fewest segments for a look at levels.
_PENALTY, _FEWEST_SEGMENTS = 15.0, 8
#: Share of the soak that its last level must hold to be called steady; below, the last tenth is judged as it is.
_STEADY_SHARE = 0.1
#: Rises in a row that end within this share of the soak: it was still slowing down.
_RISES, _RISING_SHARE = 2, 0.25
#: What slowdown is against: the first minute, in soaks below ten minutes the first tenth.
_FIRST_S, _FIRST_SHARE = 60.0, 0.1


@dataclass(frozen=True, slots=True)
class SoakLimits:
    """Limits beside the budgets, each with who set it; None where there is none.

    Args:
        slowdown: Median latency at the end over that of the start, at most.
        memory_growth: Bytes of resident memory, at most.
    """

    slowdown: tuple[float, str] | None = None
    memory_growth: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class SoakSeen:
    """What a soak left to be judged.

    Args:
        durations_ns: Kept samples in order, response times of an open loop, (n,), int64.
        starts_ns: Their real starts, (n,), int64.
        service_ns: Service times of an open loop, (n,), int64; None in a closed one.
        began_ns: When the first segment began, on the same clock.
        segments: The whole run in pieces.
        stop_reason: Why it ended.
    """

    durations_ns: Array
    starts_ns: Array
    service_ns: Array | None
    began_ns: int
    segments: tuple[Segment, ...]
    stop_reason: str

    @property
    def duration_s(self) -> float:
        """From the first segment's start to the last one's end."""
        last = self.segments[-1]
        return last.start_s + last.duration_s

    def between(self, from_s: float, to_s: float = math.inf) -> Array:
        """Return which samples started in ``from_s … to_s`` after the beginning, (n,), bool."""
        since_s = (self.starts_ns - self.began_ns) / 1e9
        return np.asarray((since_s >= from_s) & (since_s < to_s))


@dataclass(frozen=True, slots=True)
class SoakJudgement:
    """A verdict on a soak with its record, the figures that have limits, and the sentences."""

    verdict: Verdict
    soak: Soak
    amounts: tuple[Amount, ...]
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Level:
    """A stretch of segments ``begin … end - 1`` and the median of their medians."""

    begin: int
    end: int
    p50_s: float


def judge_soak(seen: SoakSeen, plan: LatencyPlan, limits: SoakLimits) -> SoakJudgement:
    """Return the verdict on a soak.

    Args:
        seen: What the worker saw; at least one segment.
        plan: The budgets, and the error rates of their test.
        limits: What else is limited.

    Raises:
        MeasurementInvalidError: There is no sample, or the clock stood still or went backwards.
    """
    _check(seen)
    found = levels(seen.segments)
    last = _last_steady(found, seen)
    judged = seen.durations_ns[seen.between(last)]
    ordered = np.sort(judged)
    tau = tau_at_checkpoint(judged, [limit_ns(budget) for budget in plan.budgets])
    first_s = _median_s(seen, 0.0, _FIRST_S if seen.duration_s >= 10 * _FIRST_S else _FIRST_SHARE * seen.duration_s)
    last_s = _median_s(seen, last, math.inf)
    grows = _overrun(seen, plan)
    soak = Soak(
        segments=seen.segments,
        duration_s=seen.duration_s,
        budgets=tuple(_budget(ordered, budget, plan, tau, grows=grows) for budget in plan.budgets),
        quantiles=_quantiles(ordered, plan, tau),
        first_s=first_s,
        last_s=last_s,
        slowdown=last_s / first_s,
        knee_s=knee_s(found, seen.segments),
        last_from_s=last,
        memory_growth_bytes=memory_growth_bytes(seen.segments),
        stop_reason=seen.stop_reason,
    )
    return _judgement(soak, limits, grows=grows, rising=_still_rising(found, seen), n=len(ordered), tau=tau)


def levels(segments: Sequence[Segment]) -> list[Level]:
    """Return the stretches on which the segments' medians stay on one level, in order."""
    medians = np.array([segment.p50_s for segment in segments])
    n, whole = len(medians), float(np.median(medians))
    material = _MATERIAL * whole
    if n < _FEWEST_SEGMENTS or float(np.ptp(medians)) < material:
        return [Level(0, n, whole)]
    penalty = _PENALTY * math.log(n) * max(noise_scale(medians), material / 10) ** 2
    edges = [0, *change_points(medians, penalty), n]
    found = [Level(begin, end, float(np.median(medians[begin:end]))) for begin, end in pairwise(edges)]
    while len(found) > 1:
        steps = [abs(after.p50_s - before.p50_s) for before, after in pairwise(found)]
        at = int(np.argmin(steps))
        if steps[at] >= material:
            break
        begin, end = found[at].begin, found[at + 1].end
        found[at : at + 2] = [Level(begin, end, float(np.median(medians[begin:end])))]
    return found


def knee_s(found: Sequence[Level], segments: Sequence[Segment]) -> float | None:
    """Return when latency first rose for good: a level above the one before, below which no later level falls again."""
    for index in range(1, len(found)):
        before = found[index - 1].p50_s
        if all(later.p50_s > before * (1 + _MATERIAL) for later in found[index:]):
            return segments[found[index].begin].start_s
    return None


def memory_growth_bytes(segments: Sequence[Segment]) -> float | None:
    """Return resident memory at the end less that after the first tenth; None without both readings."""
    total_s = segments[-1].start_s + segments[-1].duration_s
    later = [one for one in segments if one.start_s + one.duration_s >= _FIRST_SHARE * total_s]
    told = [value for one in later if (value := one.readings.get(MEMORY)) is not None]
    return told[-1] - told[0] if len(told) > 1 else None


def _check(seen: SoakSeen) -> None:
    if not len(seen.durations_ns) or not seen.segments:
        raise MeasurementInvalidError("The soak left no sample.", "Allow more time.")
    if int(seen.durations_ns.min()) <= 0 or bool(np.any(np.diff(seen.starts_ns) < 0)):
        raise MeasurementInvalidError(
            "The clock stood still or went backwards during the soak.", "Measure on a device with a monotonic clock."
        )


def _last_steady(found: Sequence[Level], seen: SoakSeen) -> float:
    """Return from when on the soak is judged: the last level, or the last tenth where that level is shorter."""
    return min(seen.segments[found[-1].begin].start_s, (1 - _STEADY_SHARE) * seen.duration_s)


def _still_rising(found: Sequence[Level], seen: SoakSeen) -> bool:
    """Return whether latency had not come to rest at the end, but was on its way up."""
    if len(found) < 2 or found[-1].p50_s < found[-2].p50_s:
        return False
    share = 1 - seen.segments[found[-1].begin].start_s / seen.duration_s
    steps = np.diff([level.p50_s for level in found])
    climbs = len(steps) >= _RISES and bool(np.all(steps[-_RISES:] > 0))
    return share < _STEADY_SHARE or (climbs and share < _RISING_SHARE)


def _median_s(seen: SoakSeen, from_s: float, to_s: float) -> float:
    chosen = seen.durations_ns[seen.between(from_s, to_s)]
    chosen = chosen if len(chosen) else seen.durations_ns[:1] if from_s == 0 else seen.durations_ns[-1:]
    return float(np.median(chosen)) / 1e9


def _overrun(seen: SoakSeen, plan: LatencyPlan) -> bool:
    """Return whether the queue of an open loop grew in the last two segments."""
    if seen.service_ns is None:
        return False
    late = seen.between(seen.segments[-min(2, len(seen.segments))].start_s)
    if not late.any():
        return False
    return load_of(seen.service_ns[late], seen.durations_ns[late], plan.arrival).load is Load.GROWS


def _budget(ordered: Array, budget: Budget, plan: LatencyPlan, tau: float, *, grows: bool) -> BudgetVerdict:
    n, p = len(ordered), budget.percentile / 100
    exceedances = int(np.count_nonzero(ordered > limit_ns(budget)))
    beta = plan.beta / len(plan.budgets)
    most, fewest = k_pass(n, p, plan.alpha, tau), k_fail(n, p, beta, tau)
    verdict = Verdict.INCONCLUSIVE
    if grows or (n >= fewest_samples(tau) and fewest is not None and exceedances >= fewest):
        verdict = Verdict.FAIL
    elif n >= fewest_samples(tau) and most is not None and exceedances <= most:
        verdict = Verdict.PASS
    return BudgetVerdict(budget, verdict, _quantile(ordered, budget.percentile, (most, fewest)), exceedances)


def _quantiles(ordered: Array, plan: LatencyPlan, tau: float) -> tuple[Quantile, ...]:
    n = len(ordered)
    supported = {percentile for percentile in PERCENTILES if n >= fewest_clean(percentile / 100, plan.alpha)}
    wanted = sorted(supported | {budget.percentile for budget in plan.budgets})
    bounds = {p: (k_pass(n, p / 100, plan.alpha, tau), k_fail(n, p / 100, plan.beta, tau)) for p in wanted}
    return tuple(_quantile(ordered, percentile, bounds[percentile]) for percentile in wanted)


def _quantile(ordered: Array, percentile: float, bounds: tuple[int | None, int | None]) -> Quantile:
    low, high = ends(ordered, *bounds)
    return Quantile(
        percentile,
        sample_quantile(ordered, percentile / 100) / 1e9,
        None if low is None else low / 1e9,
        None if high is None else high / 1e9,
    )


def _judgement(soak: Soak, limits: SoakLimits, *, grows: bool, rising: bool, n: int, tau: float) -> SoakJudgement:
    amounts = tuple(_amounts(soak, limits))
    untold = limits.memory_growth is not None and soak.memory_growth_bytes is None
    parts = [part.verdict for part in soak.budgets] + [amount.verdict for amount in amounts if amount.limit is not None]
    verdict = worst([*parts, Verdict.INCONCLUSIVE] if untold else parts)
    if grows and not soak.budgets:
        verdict = worst([verdict, Verdict.INVALID])
    told = [_told(part, n, tau) for part in soak.budgets]
    remedy = ""
    if grows:
        told.insert(0, "the queue grows without end: requests arrive faster than they are served")
        remedy = "Let requests arrive more slowly with --edge-arrival, or make the model faster."
    elif verdict is Verdict.FAIL:
        beyond = [amount for amount in amounts if amount.verdict is Verdict.FAIL]
        told = [_beyond(amount) for amount in beyond] + told
        late = Verdict.FAIL in {part.verdict for part in soak.budgets}
        remedy = _HEATS if late or any(amount.name != MEMORY_GROWTH for amount in beyond) else _LEAKS
    elif rising:
        verdict = Verdict.INCONCLUSIVE if verdict is Verdict.PASS else verdict
        told.insert(0, "latency was still rising at the end")
        remedy = "Let it soak longer, until latency comes to rest."
    elif untold:
        told.append(f"memory growth is limited and {MEMORY} gave no reading")
        remedy = "Leave memory_growth out on this device."
    elif verdict is Verdict.INCONCLUSIVE:
        remedy = "Let it soak longer, or give the budget more room."
    told.append(_course(soak))
    return SoakJudgement(verdict, soak, amounts, "; ".join(told), remedy)


_HEATS = "Look at temperature and clocks in the series: cool the device, cap its clock, or make the model smaller."
_LEAKS = "Look for what runtime or model keep of each inference; a longer soak tells growth from a cache that fills."


def _beyond(amount: Amount) -> str:
    limit = amount.limit or 0.0
    if amount.name == MEMORY_GROWTH:
        return f"resident memory grew by {amount.value / 1e6:.3g} MB, beyond the limit of {limit / 1e6:.3g} MB"
    return f"slowdown {amount.value:.3g}, beyond the limit of {limit:.3g}"


def _amounts(soak: Soak, limits: SoakLimits) -> list[Amount]:
    limit, source = limits.slowdown or (None, "")
    found = [Amount("slowdown", soak.slowdown, "ratio", limit, source=source)]
    if soak.memory_growth_bytes is not None:
        limit, source = limits.memory_growth or (None, "")
        found.append(Amount(MEMORY_GROWTH, soak.memory_growth_bytes, "bytes", limit, source=source))
    return found


def _told(part: BudgetVerdict, n: int, tau: float) -> str:
    limit_s = part.budget.limit_s
    where = {Verdict.PASS: "within", Verdict.FAIL: "beyond"}.get(part.verdict)
    interval = interval_text(part.quantile, limit_s)
    if where is None and n < fewest_samples(tau):
        return f"too few samples at the end: {n} of at least {fewest_samples(tau)}"
    if where is None:
        return f"too close to call: {part.budget.name} {interval} against {duration_text(limit_s)}"
    return f"{part.budget.name} {interval}, {where} the budget of {duration_text(limit_s)}"


def _course(soak: Soak) -> str:
    knee = "no knee" if soak.knee_s is None else f"knee after {soak.knee_s:.3g} s"
    return (
        f"median {duration_text(soak.first_s)} at first, {duration_text(soak.last_s)} at last "
        f"(from {soak.last_from_s:.3g} s of {soak.duration_s:.4g} s on), slowdown {soak.slowdown:.3g}, {knee}"
    )
