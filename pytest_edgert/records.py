"""What a check leaves behind: frozen values that survive JSON and xdist, and the one table of verdicts.

Raw samples do not lie in a record but in a file of the run folder; the record holds its path and hash.
Units end the names (`_s`, `_bytes`, `_c`); percentiles are in percent (99.0), shares between 0 and 1.
The published JSON Schema is made from these classes by `pytest_edgert.codec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

#: Version of the record's form; raised when a field changes its meaning or goes away.
SCHEMA_VERSION = 1

Plain: TypeAlias = str | int | float | bool | None


class Verdict(str, Enum):
    """What a check found. `meaning`, `outcome` and `green` are read by every report."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    MEASURED = "MEASURED"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    INFRA = "INFRA"
    NOTRUN = "NOTRUN"

    @property
    def meaning(self) -> str:
        """When this verdict is given."""
        return _VERDICTS[self][0]

    @property
    def outcome(self) -> str:
        """What pytest shows: ``passed``, ``failed`` or ``error``."""
        return _VERDICTS[self][1]

    @property
    def green(self) -> bool:
        """Whether the exit status may stay zero."""
        return self.outcome == "passed"


_VERDICTS: dict[Verdict, tuple[str, str]] = {
    Verdict.PASS: ("evidence says within the limit", "passed"),
    Verdict.FAIL: ("evidence says beyond the limit", "failed"),
    Verdict.MEASURED: ("no limit was given: a figure", "passed"),
    Verdict.INCONCLUSIVE: ("not enough evidence, or nothing independent to compare with", "failed"),
    Verdict.INVALID: ("the measurement cannot be trusted", "error"),
    Verdict.INFRA: ("device, link or worker lost", "error"),
    Verdict.NOTRUN: ("never dispatched", "error"),
}

#: From best to worst: a check of several parts ends with the last of its parts' verdicts in this order.
SEVERITY = (
    Verdict.MEASURED,
    Verdict.PASS,
    Verdict.INCONCLUSIVE,
    Verdict.FAIL,
    Verdict.INVALID,
    Verdict.NOTRUN,
    Verdict.INFRA,
)


class PresenceState(str, Enum):
    """How present a thing is on this device."""

    USABLE = "usable"
    UNUSABLE = "unusable"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether an accelerator is usable here; `reason` and `remedy` say why not and how to get it."""

    name: str
    state: PresenceState
    reason: str = ""
    remedy: str = ""


class Evidence(str, Enum):
    """How a placement is known, strongest first: `traced` > `planned` > `requested` > `unknown`."""

    TRACED = "traced"
    PLANNED = "planned"
    REQUESTED = "requested"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Placement:
    """What ran where, as the runtime tells it.

    Args:
        accelerator: The accelerator that was asked for, resolved (never "auto").
        evidence: How it is known.
        nodes: Number of nodes by accelerator or provider name.
        elsewhere: Nodes that did not go to `accelerator`, as "name (operator) on provider".
        detail: What else the runtime says, in plain words (precision, threads).
    """

    accelerator: str
    evidence: Evidence
    nodes: Mapping[str, int] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    detail: Mapping[str, Plain] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Share of nodes on the accelerator, 0 to 1; None when the runtime tells no nodes."""
        total = sum(self.nodes.values())
        return None if total == 0 else 1 - len(self.elsewhere) / total


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
        n_effective: n divided by the autocorrelation time `tau`.
        tau: Autocorrelation time in samples, >= 1.
        throughput_per_s: Inferences per second of the closed loop.
        first_s: Duration of the first inference of the session.
        warm_up_n, warm_up_s: What was thrown away before counting.
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


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure with its limit: bytes, seconds or a share; `limit` None measures only.

    Args:
        name: What it is: "peak", "artefact", "cold", "first", "accelerator".
        value: In SI units as `unit` says.
        unit: "bytes", "s", "share" or "count".
        limit: The limit in the same unit.
        at_least: Whether the limit is a floor.
        source: Who set the limit.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    source: str = ""

    @property
    def verdict(self) -> Verdict:
        """PASS or FAIL against the limit, MEASURED without one."""
        if self.limit is None:
            return Verdict.MEASURED
        within = self.value >= self.limit if self.at_least else self.value <= self.limit
        return Verdict.PASS if within else Verdict.FAIL


@dataclass(frozen=True, slots=True)
class Environment:
    """What made a figure: figures of different environments are not compared without saying so."""

    device: str
    device_facts: Mapping[str, Plain]
    runtime_version: str
    options: Mapping[str, Plain]
    python: str
    tool_version: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One artefact on one target: what a check is about."""

    model: str
    artefact: str
    artefact_sha256: str
    target: str


@dataclass(frozen=True, slots=True)
class OutputAgreement:
    """One output compared with its reference.

    Args:
        output, reference_output: Both names.
        matched_by: What paired them: "map", "name", "signature" or "shape", with the layout that was changed.
        verdict: PASS, FAIL, MEASURED (no gate applied) or INCONCLUSIVE (nothing finite to compare).
        reason: The first gate that broke, or what was found.
        figures: By name: max_abs, max_rel, sqnr_db, cosine, norm_ratio, lsb, ulp, top1, n, beyond; null where undefined.
        tolerance: What was allowed, by field.
        tolerance_reason, tolerance_source: Why so much, and who said so.
        broken: Names of all gates that broke, in order.
        notes: What else is worth knowing.
    """

    output: str
    reference_output: str
    matched_by: str
    verdict: Verdict
    reason: str
    figures: Mapping[str, Plain] = field(default_factory=dict)
    tolerance: Mapping[str, Plain] = field(default_factory=dict)
    tolerance_reason: str = ""
    tolerance_source: str = ""
    broken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """One comparison with one reference.

    Args:
        question: "implementation" (one artefact computed twice) or "port" (two artefacts of one network).
        reference: What it was compared with: artefact and target.
        verdict: The worst of its outputs.
        reason: The sentence that goes with it.
        outputs: Every output.
        n_feeds: Inputs that both sides were given.
        decides: Whether it counts for the check's verdict, or is told beside it.
    """

    question: str
    reference: str
    verdict: Verdict
    reason: str
    outputs: tuple[OutputAgreement, ...] = ()
    n_feeds: int = 0
    decides: bool = True


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One check of one cell, from the question to the verdict.

    Args:
        check: The check's name: "latency", "size", ….
        cell: What was checked.
        verdict: What was found.
        reason: One sentence that says why; never empty.
        remedy: What to do next; empty when there is nothing to do.
        latency, amounts, placement, agreement: The figures, as the check has them.
        notes: Further sentences: conditions, where the budget came from and what it overrode.
        environment: None where no session was opened.
        conditions: Readings beside the measurement, null for "no sensor".
        nodeid: The pytest item; empty outside pytest.
        started_utc: ISO 8601.
        duration_s: Wall time of the check.
        attempts: How often it was tried.
    """

    check: str
    cell: Cell
    verdict: Verdict
    reason: str
    remedy: str = ""
    latency: Latency | None = None
    amounts: tuple[Amount, ...] = ()
    placement: Placement | None = None
    agreement: tuple[Agreement, ...] = ()
    notes: tuple[str, ...] = ()
    environment: Environment | None = None
    conditions: Mapping[str, Plain] = field(default_factory=dict)
    nodeid: str = ""
    started_utc: str = ""
    duration_s: float = 0.0
    attempts: int = 1
    schema: int = SCHEMA_VERSION


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict of a check of several parts: the most severe, MEASURED when there is none."""
    return max(verdicts, key=SEVERITY.index, default=Verdict.MEASURED)
