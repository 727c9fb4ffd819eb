"""One check of one cell, from the question to the verdict, and what made its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_edgert.records.blocks import BlockTest, Soak
from pytest_edgert.records.latency import Latency
from pytest_edgert.records.placement import Placement, Plain
from pytest_edgert.records.quantization import TensorHealth
from pytest_edgert.records.readings import Doubt, Sensor
from pytest_edgert.records.verdicts import Verdict

#: Version of the record's form; raised when a field changes its meaning or goes away.
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Amount:
    """A figure with its limit: bytes, seconds or a share; `limit` None measures only.

    Args:
        name: What it is: "peak", "artefact", "cold", "first", "accelerator", "rmse".
        value: In SI units as `unit` says.
        unit: "bytes", "s", "share", "ratio" or "count".
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
        figures: By name: max_abs, max_rel, sqnr_db, cosine, norm_ratio, lsb, ulp, top1, n, beyond; null where undefined. Of a
            calibration also margin_KEY, what would be frozen, and margin_n, of how many elements.
        tolerance: What was allowed, by field.
        tolerance_reason, tolerance_source: Why so much, and who said so.
        broken: Names of all gates that broke, in order.
        notes: What else is worth knowing.
        explanations: What explains a failure, as sentences, the best first; empty where nothing known does.
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
    explanations: tuple[str, ...] = ()


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
class Ballot:
    """The vote on who is wrong where implementations of one artefact differ.

    Args:
        outliers: Targets that are wrong; empty where that stays open.
        causes: What the cell would have to change to agree: "precision=f32 (openvino:cpu+f32)".
        ambiguous: Whether it stays open who is wrong.
    """

    outliers: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    ambiguous: bool = False


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
        vote: Who is wrong, where implementations differ.
        blocks: Tests on blocks: throughput, energy, comparison with a baseline.
        soak: What minutes under load left behind.
        quantization: Every quantised tensor of the artefact.
        sensors: The sensors read beside the measurement, in short.
        doubts: Signs that the figure may not be what it seems.
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
    vote: Ballot | None = None
    blocks: tuple[BlockTest, ...] = ()
    soak: Soak | None = None
    quantization: tuple[TensorHealth, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    environment: Environment | None = None
    conditions: Mapping[str, Plain] = field(default_factory=dict)
    nodeid: str = ""
    started_utc: str = ""
    duration_s: float = 0.0
    attempts: int = 1
    schema: int = SCHEMA_VERSION
