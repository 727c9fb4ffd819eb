"""What is judged on blocks of inferences (throughput, energy, a comparison) and what a soak left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_edgert.records.latency import BudgetVerdict, Quantile
from pytest_edgert.records.placement import Plain
from pytest_edgert.records.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """How to measure block by block, sent to the worker.

    Args:
        limit: What the median is held to, in 1/s or J; None measures only.
        alpha, beta: Highest probabilities of a false PASS and a false FAIL.
        streams: Requests in flight.
        batch: Inputs that one inference takes.
        block_s: Time of a block, at least.
        warm_up_n: Inferences thrown away first, at least, by every stream.
        warm_up_s: Time thrown away first, at least.
        max_s: Time after which the test stops without a verdict.
        idle_s: Time that the idle device is watched before its energy is, at least.
        meters: References of the meters to read, "module:attribute".
        sensors: Sensors that make up the device's power or energy; empty for every package and GPU there is.
        sysroot: Folder that stands for ``/``.
    """

    limit: float | None = None
    alpha: float = 0.05
    beta: float = 0.05
    streams: int = 1
    batch: int = 1
    block_s: float = 1.0
    warm_up_n: int = 10
    warm_up_s: float = 1.0
    max_s: float = 60.0
    idle_s: float = 5.0
    meters: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    sysroot: str = "/"


@dataclass(frozen=True, slots=True)
class BlockTest:
    """A sequential test of the median over blocks.

    Args:
        name: What each block gave: "throughput", "energy_gross", "energy_net", "baseline".
        unit: Unit of the values: "1/s", "J", "ratio".
        values: One value per block, in order.
        verdict: PASS, FAIL, INCONCLUSIVE or INVALID; MEASURED without a limit.
        median: Of the values; None without any.
        low, high: Ends of its anytime-valid interval; None where the blocks cannot bound it.
        limit: The limit in `unit`; None measures only.
        at_least: Whether the limit is a floor.
        source: Who set the limit.
        tau: Autocorrelation time in blocks, >= 1.
        block_s: Length of a block in seconds.
        detail: How it was measured: streams, batch, inferences, idle power.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    verdict: Verdict
    median: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    at_least: bool = False
    source: str = ""
    tau: float = 1.0
    block_s: float = 1.0
    detail: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a soak.

    Args:
        start_s: Seconds from the start of the soak.
        duration_s: Its length in seconds.
        n: Inferences.
        p50_s, p95_s, max_s: Of their latencies, in seconds.
        readings: What sensors said at its end, by name; null for "no reading".
    """

    start_s: float
    duration_s: float
    n: int
    p50_s: float
    p95_s: float
    max_s: float
    readings: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Soak:
    """Minutes under load.

    Args:
        segments: The whole series, in order.
        duration_s: From first start to last end.
        budgets: One verdict per budget, judged on the last segment of steady latency.
        quantiles: Percentiles of that segment.
        first_s: Median latency of the first minute (of the first tenth, in soaks below ten minutes).
        last_s: Median latency of the last steady segment.
        slowdown: `last_s` over `first_s`.
        knee_s: When latency first rose for good, in seconds from the start; None when it did not.
        last_from_s: When the last steady segment began.
        memory_growth_bytes: Resident memory at the end less that after the first tenth; None without a reading.
        stop_reason: Why it ended.
        samples_path, samples_sha256: Raw samples and the series of the sensors (safetensors).
    """

    segments: tuple[Segment, ...]
    duration_s: float
    budgets: tuple[BudgetVerdict, ...]
    quantiles: tuple[Quantile, ...]
    first_s: float
    last_s: float
    slowdown: float
    knee_s: float | None
    last_from_s: float
    memory_growth_bytes: float | None
    stop_reason: str
    samples_path: str = ""
    samples_sha256: str = ""
