"""What ``edgert bench`` leaves behind: one row for each artefact on each target, frozen and plain as records are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_edgert.records import Cell, Latency, Plain

#: Version of the form of ``edgert bench --format=json``; raised when a field changes its meaning or goes away.
BENCH_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One cell of a comparison: its figures, or why it has none.

    Args:
        cell: The artefact and the target.
        precision: What it computes in, as far as the runtime tells; empty when it could not be opened.
        runtime_version: The runtime's own version; empty when it could not be asked.
        options: What its session was opened with.
        latency: None where it could not be measured.
        peak_memory_bytes: Peak resident memory that runtime and model add to a fresh process.
        cold_load_s: Seconds until a fresh process that has the runtime imported has the artefact open.
        first_s: Seconds of the first inference of that process.
        power_w: Mean power while latency was measured; None without a meter.
        reason: Why a figure is missing; empty when everything was measured.
        remedy: What to do about it.
        conditions: Readings beside the latency, null for "no sensor".
    """

    cell: Cell
    precision: str = ""
    runtime_version: str = ""
    options: Mapping[str, Plain] = field(default_factory=dict)
    latency: Latency | None = None
    peak_memory_bytes: float | None = None
    cold_load_s: float | None = None
    first_s: float | None = None
    power_w: float | None = None
    reason: str = ""
    remedy: str = ""
    conditions: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BenchTable:
    """A comparison of artefacts and targets on one device.

    Args:
        device: Id of the device's profile.
        device_facts: What the device says of itself.
        threads: Threads of one inference, the same for every CPU runtime.
        seconds: Time that the latency of each cell was watched.
        seed: Seed of the feeds.
        meter: What measured power; empty when nothing here does.
        tool_version, python: Versions of this package and of the interpreter.
        started_utc: ISO 8601.
        rows: One for each cell, those that could not run included.
    """

    device: str
    device_facts: Mapping[str, Plain]
    threads: int
    seconds: float
    seed: int
    meter: str
    tool_version: str
    python: str
    started_utc: str
    rows: tuple[BenchRow, ...]
    schema: int = BENCH_SCHEMA

    @property
    def complete(self) -> bool:
        """Whether there are rows and every one was measured."""
        return bool(self.rows) and not any(row.reason for row in self.rows)
