"""One check of one cell, from an open session to a record with a verdict; usable without pytest.

Every check takes an `EdgeSession` and returns a `CheckRecord`. What is timed or weighed runs in a private
fresh worker with the device held alone; everything else shares. `recording` hands the record on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from pytest_edgert import clock, recording
from pytest_edgert.errors import (
    EdgertError,
    NotApplicableError,
    TargetMissingError,
    UnsupportedModelError,
    UsageError,
)
from pytest_edgert.records import (
    Agreement,
    Amount,
    Ballot,
    BlockTest,
    CheckRecord,
    Doubt,
    Environment,
    Latency,
    Placement,
    Plain,
    Sensor,
    Soak,
    TensorHealth,
    Verdict,
)
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.series import Series
    from pytest_edgert.verdicts.trust import Rules

#: Errors that are about the choice of target or the command line, not about the cell: they end no check.
_NOT_A_VERDICT = (UnsupportedModelError, NotApplicableError, TargetMissingError, UsageError)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the body of a check found; `run_check` makes the record of it."""

    verdict: Verdict
    reason: str
    remedy: str = ""
    latency: Latency | None = None
    amounts: tuple[Amount, ...] = ()
    placement: Placement | None = None
    agreements: tuple[Agreement, ...] = ()
    vote: Ballot | None = None
    blocks: tuple[BlockTest, ...] = ()
    soak: Soak | None = None
    quantization: tuple[TensorHealth, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    conditions: Mapping[str, Plain] | None = None
    attempts: int = 1


def run_check(name: str, session: EdgeSession, body: Callable[[], Finding]) -> CheckRecord:
    """Run the body of a check and record what it found; see `judge`."""
    return recording.record(judge(name, session, body))


def judge(name: str, session: EdgeSession, body: Callable[[], Finding]) -> CheckRecord:
    """Return the record of what the body of a check found; an error of ours becomes the verdict it stands for.

    Raises:
        UnsupportedModelError, NotApplicableError, TargetMissingError, UsageError: The cell is not to be judged at all.
    """
    started_utc, start_ns = clock.utc_now(), clock.monotonic_ns()
    try:
        found = body()
    except _NOT_A_VERDICT:
        raise
    except EdgertError as error:
        found = Finding(Verdict(error.verdict), error.message, error.remedy)
    return CheckRecord(
        check=name,
        cell=session.plan.cell,
        verdict=found.verdict,
        reason=found.reason,
        remedy=found.remedy,
        latency=found.latency,
        amounts=found.amounts,
        placement=found.placement,
        agreement=found.agreements,
        vote=found.vote,
        blocks=found.blocks,
        soak=found.soak,
        quantization=found.quantization,
        sensors=found.sensors,
        doubts=found.doubts,
        notes=found.notes,
        environment=environment(session),
        conditions=found.conditions or {},
        started_utc=started_utc,
        duration_s=(clock.monotonic_ns() - start_ns) / 1e9,
        attempts=found.attempts,
    )


def environment(session: EdgeSession) -> Environment:
    """Return what made the figures of a session."""
    run = session.pool.run
    return Environment(
        device=run.device,
        device_facts=run.facts,
        runtime_version=session.runtime_version,
        options=dict(session.plan.options),
        python=sys.version.split()[0],
        tool_version=version("pytest-edgert"),
    )


def doubted(
    found: Finding, series: Series, window_ns: tuple[int, int], rules: Rules | None, *, by_load: bool = True
) -> Finding:
    """Return a finding with what sensors said beside it, INVALID where that voids it.

    Args:
        found: What the figures say, with the readings in words.
        series: What sensors said, on the clock of the window.
        window_ns: When the figures were taken.
        rules: The profile's; None for what holds on any device.
        by_load: Whether work of others could have caused a FAIL.
    """
    from pytest_edgert.verdicts import trust

    told = trust.told_by_texts(found.conditions or {}, rules)
    doubts = (*found.doubts, *trust.distrusted(series, window_ns, found.verdict, rules, by_load=by_load), *told)
    void = trust.voiding(doubts, found.verdict)
    found = replace(found, sensors=series.sensors(), doubts=doubts)
    if void is None:
        return found
    reason = f"{void.sentence}; without that: {found.reason}"
    return replace(found, verdict=Verdict.INVALID, reason=reason, remedy=void.remedy)
