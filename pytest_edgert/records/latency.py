"""Latency: what to hold it to, how to measure it, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pytest_edgert.records.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on one percentile of latency: `percentile` in (0, 100), `limit_s` > 0, and who set it."""

    percentile: float
    limit_s: float
    source: str = ""

    @property
    def name(self) -> str:
        """The percentile as people write it: "p99", "p99.9"."""
        return f"p{self.percentile:g}"


class Pattern(str, Enum):
    """How requests arrive: the next when the last one is done, one every so often, or at random."""

    CLOSED = "closed"
    EVERY = "every"
    POISSON = "poisson"


@dataclass(frozen=True, slots=True)
class Arrival:
    """The pattern of arrival and, where it is not closed, the (mean) seconds between requests, > 0."""

    pattern: Pattern = Pattern.CLOSED
    interval_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """How to measure latency, sent to the worker.

    Args:
        budgets: What to decide; empty measures only.
        alpha: Highest probability of a false PASS, per budget.
        beta: Highest probability of a false FAIL, over all budgets.
        warm_up_n: Inferences thrown away first, at least.
        warm_up_s: Time thrown away first, at least (both hold).
        min_s: Time the evidence must span before a verdict counts.
        max_s: Time after which the test stops without a verdict.
        measure_s: Time to watch when there is no budget.
        fixed_n: Number of samples of the fixed-n mode; None for the sequential test.
        arrival: How requests arrive; only a closed loop has no intended starts.
        stride_s: Decorrelation stride: at least this much time lies between two counted samples; 0 counts every one.
        seed: Seed of the stride's jitter and of random arrivals.
        meters: References of the meters read beside the loop, "module:attribute".
        telemetry_s: Time between two readings of the meters.
    """

    budgets: tuple[Budget, ...] = ()
    alpha: float = 0.05
    beta: float = 0.05
    warm_up_n: int = 10
    warm_up_s: float = 1.0
    min_s: float = 0.0
    max_s: float = 60.0
    measure_s: float = 2.0
    fixed_n: int | None = None
    arrival: Arrival = Arrival()
    stride_s: float = 0.0
    seed: int = 0
    meters: tuple[str, ...] = ()
    telemetry_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Quantile:
    """A percentile of latency with its anytime-valid interval; None where the samples cannot bound it."""

    percentile: float
    value_s: float
    low_s: float | None
    high_s: float | None


@dataclass(frozen=True, slots=True)
class BudgetVerdict:
    """One budget decided: `exceedances` of `n` samples lay above the limit."""

    budget: Budget
    verdict: Verdict
    quantile: Quantile
    exceedances: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of one cell.

    Args:
        budgets: One verdict per budget.
        quantiles: p50, p95 and p99, and the percentile of every budget; only those that n supports.
        n: Counted samples.
        inferences: Timed inferences after the warm-up, counted or not.
        n_effective: n divided by the autocorrelation time `tau`.
        tau: Autocorrelation time in samples, >= 1.
        throughput_per_s: Inferences per second of the closed loop.
        first_s: Duration of the first inference of the session.
        warm_up_n, warm_up_s: What was thrown away before counting, the cut head included.
        cut_n: Timed inferences that were cut off as a longer warm-up.
        shape: "flat", "warm-up" (and cut), "slowdown" or "no steady state"; empty where it was not looked at.
        arrival: How requests arrived: "closed", "every 33 ms", "poisson 30 /s".
        service: p50, p95 and p99 of the time from real start to end, where response time counts from the intended one.
        queue: Most requests that waited at once; 0 in a closed loop.
        span_s: From the first counted sample's start to the last one's end.
        stop_reason: Why sampling ended.
        samples_path, samples_sha256: Raw durations in nanoseconds in order (safetensors).
    """

    budgets: tuple[BudgetVerdict, ...]
    quantiles: tuple[Quantile, ...]
    n: int
    n_effective: float
    tau: float
    throughput_per_s: float
    first_s: float
    warm_up_n: int
    warm_up_s: float
    span_s: float
    stop_reason: str
    samples_path: str = ""
    samples_sha256: str = ""
    inferences: int = 0
    cut_n: int = 0
    shape: str = ""
    arrival: str = "closed"
    service: tuple[Quantile, ...] = ()
    queue: int = 0
