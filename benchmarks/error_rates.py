"""How often the latency verdict is wrong, and how many samples it takes: by simulation, printed as tables.

Every stream has its true percentile exactly at the budget, where any verdict is wrong; the rates there bound those of
every other stream. Run: ``python benchmarks/error_rates.py [runs] [part ...]``; parts are exact, full, power, workers
and limits, all when none is named.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
from latency_streams import (
    PERIOD_NS,
    Ints,
    Source,
    bimodal,
    bursts,
    drift,
    first_order,
    lognormal,
    nanoseconds,
    slow_mode,
    spikes,
    starts,
)

from pytest_edgert.records import Budget, LatencyPlan, Verdict
from pytest_edgert.verdicts.binomial import lower_tail
from pytest_edgert.verdicts.counted import counted
from pytest_edgert.verdicts.dependence import last_checkpoint
from pytest_edgert.verdicts.evidence import Held
from pytest_edgert.verdicts.latency import decide, fewest_samples
from pytest_edgert.verdicts.quantile import k_fail, log_e_fail_each, log_e_pass_each

ALPHA = 0.05
HORIZONS = (1_000, 4_000, 10_000)
#: A share is judged by the upper end of its exact confidence interval.
CONFIDENCE = 0.99
_NEVER = 10**9


@dataclass(frozen=True)
class Outcome:
    """What the full rule said of one stream: counted samples at its first PASS or FAIL, and at the interval's first miss.

    Whatever did not come is `_NEVER`.
    """

    verdict: str
    n: int
    missed: int


def exact_error_rates(p: float, horizon: int) -> tuple[float, float]:
    """Return P(PASS ever) and P(FAIL ever) at the boundary, looking after every sample up to `horizon`.

    Exact for independent samples: the distribution of the number of exceedances, moved on sample by sample, with the
    mass that crosses a boundary taken out.
    """
    q = 1 - p
    mass = np.zeros(horizon + 2)
    mass[0] = 1.0
    passed = failed = 0.0
    most_to_pass, fewest_to_fail = thresholds(p, horizon, ALPHA, ALPHA)
    for n in range(1, horizon + 1):
        mass[1 : n + 1] = mass[1 : n + 1] * p + mass[:n] * q
        mass[0] *= p
        if n < fewest_samples(1.0):
            continue
        most, fewest = int(most_to_pass[n]), int(fewest_to_fail[n])
        passed += float(mass[: most + 1].sum())
        mass[: most + 1] = 0.0
        failed += float(mass[fewest : n + 1].sum())
        mass[fewest : n + 1] = 0.0
    return passed, failed


@lru_cache(maxsize=32)
def thresholds(p: float, horizon: int, alpha: float, beta: float) -> tuple[Ints, Ints]:
    """Return the most exceedances that PASS and the fewest that FAIL at every n up to `horizon`, for tau = 1."""
    most, fewest = np.full(horizon + 1, -1), np.full(horizon + 1, _NEVER)
    for n in range(1, horizon + 1):
        known = most[n - 1], fewest[n - 1]
        most[n] = known[0] + (_passes(n, int(known[0]) + 1, p, alpha))
        at = int(known[1]) if known[1] < _NEVER else (k_fail(n, p, beta) or _NEVER)
        fewest[n] = at if at == _NEVER or _fails(n, at, p, beta) else at + 1
    return most, fewest


def _passes(n: int, k: int, p: float, alpha: float) -> bool:
    return k <= n and float(log_e_pass_each(np.array([n]), np.array([k]), p)[0]) >= -math.log(alpha)


def _fails(n: int, k: int, p: float, beta: float) -> bool:
    return float(log_e_fail_each(np.array([n]), np.array([k]), p)[0]) >= -math.log(beta)


def judge_stream(durations_ns: Ints, starts_ns: Ints, plan: LatencyPlan, horizon: int) -> Outcome:
    """Return what the full rule says of one stream, with a look at every counted sample from the 50th to `horizon`.

    The head, the shape and the autocorrelation time are those of the package at each look. A look is gone through only
    where independent samples would be decided: dependence can only ask for more.
    """
    p, limit = plan.budgets[0].percentile / 100, round(plan.budgets[0].limit_s * 1e9, 3)
    bounds = thresholds(p, horizon, plan.alpha, plan.beta)
    held, missed, cut_n = Held.fresh(plan), _NEVER, -1
    for begin, end in _stretches(len(durations_ns)):
        held.look_at_shape(durations_ns[:begin])
        if held.cut_n != cut_n:
            cut_n = held.cut_n
            chosen = counted(starts_ns[cut_n:], plan.stride_s, plan.seed)[:horizon] + cut_n
            above = np.cumsum(durations_ns[chosen] > limit)
        first, last = np.searchsorted(chosen, (begin - 1, end))
        n = np.arange(max(int(first) + 1, 50), int(last) + 1)
        k, looks = above[n - 1], chosen[n - 1]
        open_ = (k <= bounds[0][n]) | (k >= bounds[1][n])
        if not open_.any():
            continue
        first, miss = _look(n[open_], k[open_], looks[open_], (durations_ns, starts_ns), plan)
        missed = min(missed, miss)
        if first is not None:
            return Outcome(first[0], first[1], min(missed, first[1]))
    return Outcome("", _NEVER, missed)


def _look(
    n: Ints, k: Ints, looks: Ints, stream: tuple[Ints, Ints], plan: LatencyPlan
) -> tuple[tuple[str, int] | None, int]:
    """Return the first verdict of these looks with its n, and the n of the first look whose interval misses the limit."""
    durations_ns, starts_ns = stream
    p, missed = plan.budgets[0].percentile / 100, _NEVER
    for checkpoint in sorted({last_checkpoint(int(one)) for one in n}):
        chosen = np.array([last_checkpoint(int(one)) == checkpoint for one in n])
        at = int(looks[chosen][0]) + 1
        tau = Held.fresh(plan).of(durations_ns[:at], starts_ns[:at]).tau
        passes = log_e_pass_each(n[chosen], k[chosen], p) >= tau * -math.log(plan.alpha)
        fails = log_e_fail_each(n[chosen], k[chosen], p) >= tau * -math.log(plan.beta)
        decided = np.flatnonzero(passes | fails)
        if not len(decided):
            continue
        ready = decided[n[chosen][decided] >= fewest_samples(tau)]
        if len(ready):
            missed = min(missed, int(n[chosen][ready[0]]))
            until = int(looks[chosen][ready[0]]) + 1
            found = decide(durations_ns[:until], starts_ns[:until], plan)
            if found.verdict in {Verdict.PASS, Verdict.FAIL}:
                return (found.verdict.value, found.evidence.n), missed
    return None, missed


def _stretches(n: int) -> list[tuple[int, int]]:
    """Return (first, one beyond the last) number of inferences between checkpoints, within which a shape is held."""
    edges = [50]
    while edges[-1] <= n:
        edges.append(math.ceil(edges[-1] * 1.3))
    return [(begin, min(end - 1, n)) for begin, end in pairwise(edges)]


def run_one(source: Source, p: float, horizon: int, plan: LatencyPlan, seed: tuple[int, int]) -> Outcome:
    """Draw one stream and judge it."""
    n = horizon if source.stride <= 1 else int(horizon * source.stride * 1.25) + 100
    durations_ns = nanoseconds(source.draw(np.random.default_rng(seed), n, p))
    return judge_stream(durations_ns, starts(n), replace(plan, seed=seed[1]), horizon)


def plan_for(source: Source, p: float, beta: float = ALPHA) -> LatencyPlan:
    """Return the plan of a source: its true quantile as the budget, its stride as time."""
    stride_s = source.stride * PERIOD_NS / 1e9 if source.stride > 1 else 0.0
    return LatencyPlan(budgets=(Budget(100 * p, source.limit(p) / 1e3),), stride_s=stride_s, beta=beta)


def outcomes(source: Source, p: float, runs: int, horizon: int, seed: int) -> list[Outcome]:
    """Return the outcomes of `runs` streams of a source, seeded one by one."""
    plan = plan_for(source, p)
    return [run_one(source, p, horizon, plan, (seed, run)) for run in range(runs)]


def upper_limit(count: int, runs: int, confidence: float = CONFIDENCE) -> float:
    """Return the upper confidence limit of a share (Clopper & Pearson)."""
    low, high = count / runs, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if lower_tail(runs, count, middle) <= 1 - confidence else (middle, high)
    return high


def shares(found: Sequence[Outcome], horizon: int) -> tuple[int, int, int]:
    """Return how many streams PASSed, FAILed, and had an interval that missed, within `horizon` counted samples."""
    passed = sum(one.verdict == "PASS" and one.n <= horizon for one in found)
    failed = sum(one.verdict == "FAIL" and one.n <= horizon for one in found)
    return passed, failed, sum(one.missed <= horizon for one in found)


def full_sources() -> list[Source]:
    """Return the sources whose rates are gated."""
    return [first_order(0.9), bursts(10, 30), first_order(0.6), first_order(0.3), bimodal(), lognormal()]


def limit_sources() -> list[Source]:
    """Return sources that break an assumption, whose rates are told and not gated."""
    return [
        bursts(10, 0, "bursts of mean length 10, no stride"),
        bursts(10, 20),
        slow_mode(20),
        slow_mode(100),
        drift(0.1),
        first_order(0.95, white=1.0),
    ]


def samples_to_verdict(p: float, share: float, runs: int, seed: int) -> tuple[float, float, float]:
    """Return the median and 90th percentile of samples to the right verdict, and the share of right verdicts.

    Args:
        p: The quantile of the budget.
        share: True share of samples above the budget, as a multiple of 1 - p: below 1 PASS is right.
        runs: Streams.
        seed: Seed of the streams.
    """
    source = replace(lognormal(), limit=partial(_limit_at, 1 - share * (1 - p)))
    right = "PASS" if share < 1 else "FAIL"
    taken = sorted(one.n if one.verdict == right else math.inf for one in outcomes(source, p, runs, 10_000, seed))
    return taken[runs // 2], taken[int(0.9 * runs)], sum(map(math.isfinite, taken)) / runs


def three_workers(shares_of_q: Sequence[float], runs: int, seed: int, p: float = 0.95) -> tuple[int, int]:
    """Return how many of `runs` acceptances PASS and FAIL, each worker with its multiple of q above the budget.

    Workers are measured in turn until one does not PASS, FAIL at a third of beta; the verdict is the worst.
    """
    passed = failed = 0
    for run in range(runs):
        verdicts = []
        for worker, share in enumerate(shares_of_q):
            source = replace(lognormal(), limit=partial(_limit_at, 1 - share * (1 - p)))
            plan = plan_for(source, p, beta=ALPHA / len(shares_of_q))
            verdicts.append(run_one(source, p, 10_000, plan, (seed, len(shares_of_q) * run + worker)).verdict)
            if verdicts[-1] != "PASS":
                break
        passed += verdicts == ["PASS"] * len(shares_of_q)
        failed += verdicts[-1] == "FAIL"
    return passed, failed


def _limit_at(quantile: float, _p: float) -> float:
    """The limit that independent samples exceed with probability 1 - quantile; never, as good as, at 1."""
    return lognormal().limit(min(quantile, 1 - 1e-12))


def missed_at_fixed_stride(runs: int, seed: int, period: int = 15) -> float:
    """Return the share of runs that PASS p95 with a spike in every `period` inferences at a stride without jitter."""
    source, passed = spikes(period), 0
    plan = replace(plan_for(source, 0.95), stride_s=0.0)
    for run in range(runs):
        drawn = nanoseconds(source.draw(np.random.default_rng((seed, run)), 1_000 * period, 0.95))[::period]
        passed += judge_stream(drawn, starts(len(drawn)), plan, 1_000).verdict == "PASS"
    return passed / runs


def _row(name: str, p: float, runs: int, horizon: int) -> list[str]:
    source = next(one for one in (*full_sources(), *limit_sources()) if one.name == name)
    found = outcomes(source, p, runs, horizon, seed=11)
    rows = []
    for until in (one for one in HORIZONS if one <= horizon):
        counts = shares(found, until)
        told = [f"{count / runs:.2%} (≤ {upper_limit(count, runs):.2%})" for count in counts[:2]]
        rows.append(f"| {name} | p{100 * p:g} | {until:,} | {told[0]} | {told[1]} | {1 - counts[2] / runs:.2%} |")
    return rows


def print_exact() -> None:
    """Print the exact rates of independent samples."""
    print("Independent samples at the boundary, exact, a look after every sample (nominal 5 %)")
    print("| percentile | up to | false PASS | false FAIL |\n|---|---|---|---|")
    for p in (0.5, 0.95, 0.99):
        for horizon in HORIZONS:
            passed, failed = exact_error_rates(p, horizon)
            print(f"| p{100 * p:g} | {horizon:,} | {passed:.2%} | {failed:.2%} |", flush=True)


def print_rates(sources: Sequence[Source], runs: int, horizon: int, pool: ProcessPoolExecutor) -> None:
    """Print the rates of the full rule for each source and percentile."""
    print("\n| stream | percentile | up to | false PASS (≤ 99 %) | false FAIL (≤ 99 %) | interval covers |")
    print("|---|---|---|---|---|---|")
    jobs = [(one.name, p) for one in sources for p in one.percentiles]
    count = [runs if p < 0.99 or horizon < max(HORIZONS) else max(1, runs * 5 // 8) for _, p in jobs]
    names, percentiles = zip(*jobs, strict=True)
    for rows in pool.map(_row, names, percentiles, count, [horizon] * len(jobs)):
        print("\n".join(rows), flush=True)


def print_power(runs: int) -> None:
    """Print the samples that right verdicts take."""
    print(f"\nSamples to the right verdict, independent, {runs} streams, the full rule")
    print("| percentile | true share above | median | 90 % | right |\n|---|---|---|---|---|")
    for p in (0.5, 0.95, 0.99):
        for share in (0.0, 0.1, 0.25, 0.5, *((2.0, 4.0) if p > 0.5 else (1.5,))):
            median, most, right = samples_to_verdict(p, share, runs, seed=2)
            print(f"| p{100 * p:g} | {share * (1 - p):.2%} | {median:.0f} | {most:.0f} | {right:.0%} |", flush=True)


def print_workers(runs: int) -> None:
    """Print the verdicts of three fresh workers."""
    print(f"\nThree fresh workers, p95, {runs} acceptances\n| shares above, in q | PASS | FAIL |\n|---|---|---|")
    for told in ((0.1, 0.1, 1.0), (1.0, 1.0, 1.0), (0.5, 0.5, 2.0)):
        passed, failed = three_workers(told, runs, seed=3)
        print(f"| {' '.join(f'{one:g}' for one in told)} | {passed / runs:.2%} | {failed / runs:.2%} |", flush=True)


def main(runs: int, parts: Sequence[str]) -> None:
    """Print the tables of docs/latency.md."""
    with ProcessPoolExecutor(2) as pool:
        if "exact" in parts:
            print_exact()
        if "full" in parts:
            print_rates(full_sources(), runs, max(HORIZONS), pool)
        if "power" in parts:
            print_power(max(50, runs // 10))
        if "workers" in parts:
            print_workers(max(50, runs // 4))
        if "limits" in parts:
            print_rates(limit_sources(), max(50, runs // 10), 4_000, pool)
            print(f"\na spike as frequent as a stride without jitter: {missed_at_fixed_stride(100, 5):.0%} PASS")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 4_000,
        sys.argv[2:] or ["exact", "full", "power", "workers", "limits"],
    )
