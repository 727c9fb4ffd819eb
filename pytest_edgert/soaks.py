"""The check `sustained`: minutes under load in one fresh worker, the device held alone, judged on how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_edgert import clock
from pytest_edgert.errors import WorkerError
from pytest_edgert.harness import Finding, run_check
from pytest_edgert.latencies import slept_s
from pytest_edgert.records import Arrival, Budget, CheckRecord, Doubt, LatencyPlan, Plain, Segment, Verdict
from pytest_edgert.samples_kept import keep_samples, lost
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.measure.samples import LatencySamples
    from pytest_edgert.measure.soaks import SoakParts, SoakSamples
    from pytest_edgert.verdicts.soak import SoakJudgement, SoakSeen

#: The meter that reads the worker's resident memory, whatever else is read.
_MEMORY_METER = "pytest_edgert.devices.telemetry.host:METER"
#: Columns of the progress bar.
_BAR = 24

#: A limit and who set it; None where there is no limit.
Limit = tuple[float, str] | None


@dataclass(frozen=True, slots=True)
class SoakAsk:
    """What is asked of a soak.

    Args:
        duration_s: How long it lasts after the warm-up.
        budgets: Limits on percentiles of the last steady stretch.
        slowdown: Median latency at the end over that of the start, at most.
        memory_growth: Bytes of resident memory, at most.
        arrival: How requests arrive; None for the run's own.
        notes: Sentences for the record: where limits came from.
    """

    duration_s: float
    budgets: tuple[Budget, ...] = ()
    slowdown: Limit = None
    memory_growth: Limit = None
    arrival: Arrival | None = None
    notes: tuple[str, ...] = ()


def check_soak(session: EdgeSession, ask: SoakAsk) -> CheckRecord:
    """Run a session for minutes and judge the last steady stretch, the slowdown and the growth of memory."""
    return run_check("sustained", session, lambda: _find_soak(session, ask))


def soak_plan(plan: LatencyPlan, ask: SoakAsk) -> LatencyPlan:
    """Return a run's plan as a soak's: its length, budgets, arrivals and meters, every sample counted."""
    return replace(
        plan,
        budgets=ask.budgets,
        measure_s=ask.duration_s,
        arrival=plan.arrival if ask.arrival is None else ask.arrival,
        meters=tuple(dict.fromkeys((*plan.meters, _MEMORY_METER))),
        fixed_n=None,
        min_s=0.0,
        stride_s=0.0,
    )


def _find_soak(session: EdgeSession, ask: SoakAsk) -> Finding:
    from pytest_edgert.measure.soaks import SoakParts

    run = session.pool.run
    plan = soak_plan(run.plan, ask)
    parts = SoakParts()
    with session.pool.alone(f"soak of {session.title}"):
        before, slept_ns = run.conditions(), clock.suspended_ns()
        with session.pool.private(session.plan) as private:
            session_id, feeds = private.open().session_id, private.feeds()
            try:
                seen = private.worker.measure_soak(
                    session_id,
                    feeds,
                    plan,
                    progress=lambda fields: run.progress(progress_line(session.title, plan, fields)),
                    parts=parts,
                    idle_timeout_s=session.pool.deadlines.infer_s,
                )
            except WorkerError as error:
                return _lost(session, plan, error, parts)
            finally:
                run.progress("")
    conditions = {**{f"before.{name}": value for name, value in before.items()}, **run.conditions()}
    found = _judged(session, plan, ask, seen, slept_s(slept_ns))
    return replace(found, notes=ask.notes + found.notes, conditions=conditions)


def _judged(session: EdgeSession, plan: LatencyPlan, ask: SoakAsk, seen: SoakSamples, asleep_s: float) -> Finding:
    from pytest_edgert.measure.arrival import arrival_text
    from pytest_edgert.measure.samples import OVERRUN
    from pytest_edgert.verdicts import trust
    from pytest_edgert.verdicts.soak import SoakLimits, judge_soak

    judged = judge_soak(
        _seen(seen.samples, seen.segments, seen.began_ns), plan, SoakLimits(ask.slowdown, ask.memory_growth)
    )
    path, digest = keep_samples(session, "soak", seen.samples)
    verdict, reason, remedy = judged.verdict, judged.reason, judged.remedy
    if seen.samples.stop_reason == OVERRUN and verdict not in {Verdict.FAIL, Verdict.INVALID}:
        reason = f"The worker stopped because {OVERRUN}, and its samples say otherwise: {reason}"
        verdict, remedy = Verdict.INVALID, "Run it again; if it stays so, report it with the raw samples."
    doubts = _doubts(session, judged, seen.samples, asleep_s)
    void = trust.voiding(doubts, verdict)
    if void is not None:
        verdict, reason, remedy = Verdict.INVALID, f"{void.sentence}; without that: {reason}", void.remedy
    return Finding(
        verdict,
        reason,
        remedy,
        doubts=doubts,
        amounts=judged.amounts,
        soak=replace(judged.soak, samples_path=path, samples_sha256=digest),
        sensors=seen.samples.series.sensors(),
        notes=tuple(_notes(seen, arrival_text(plan.arrival))),
    )


def _doubts(session: EdgeSession, judged: SoakJudgement, samples: LatencySamples, asleep_s: float) -> tuple[Doubt, ...]:
    """Return the signs against a soak: throttling is none, and memory that grew is nobody else's."""
    from pytest_edgert.verdicts import trust

    grew = any(one.unit == "bytes" and one.verdict is Verdict.FAIL for one in judged.amounts)
    of_time = Verdict.MEASURED if grew else judged.verdict
    seen = trust.distrusted(samples.series, samples.window_ns, of_time, session.pool.run.rules, peak=False)
    return (*trust.slept(asleep_s), *seen)


def _notes(seen: SoakSamples, arrival: str) -> list[str]:
    kept = len(seen.samples.durations_ns)
    notes = [f"{seen.inferences:,} inferences, requests {arrival}"]
    if arrival != "closed":
        notes[0] += f", at most {seen.samples.queue:,} waiting"
    if kept < seen.inferences:
        notes.append(
            f"{kept:,} raw samples were kept, thinned evenly over time by a jittered stride; "
            "the segments were made from all, the percentiles from the kept ones"
        )
    return notes + [f"sensor {name}: {told}" for name, told in seen.samples.troubles.items()]


def _seen(samples: LatencySamples, segments: tuple[Segment, ...], began_ns: int) -> SoakSeen:
    from pytest_edgert.verdicts.soak import SoakSeen

    return SoakSeen(
        samples.durations_ns, samples.starts_ns, samples.service_ns, began_ns, segments, samples.stop_reason
    )


def _lost(session: EdgeSession, plan: LatencyPlan, error: WorkerError, parts: SoakParts) -> Finding:
    """Return the error with what came before as evidence: the samples in a file, the segments in the record."""
    from pytest_edgert.verdicts.soak import SoakLimits, judge_soak

    found, path, digest = lost(session, "soak", error, parts)
    samples = parts.samples("the worker was lost")
    if samples is None:
        return found
    judged: SoakJudgement = judge_soak(
        _seen(samples, tuple(parts.segments), int(samples.starts_ns[0])), replace(plan, budgets=()), SoakLimits()
    )
    return replace(found, soak=replace(judged.soak, samples_path=path, samples_sha256=digest))


def progress_line(title: str, plan: LatencyPlan, fields: Mapping[str, Plain]) -> str:
    """Return the line of progress of a soak: a bar, the share, the time that is left, and where it stands.

    Args:
        title: What is measured.
        plan: The soak's plan.
        fields: What the worker reports.
    """
    elapsed = fields.get("elapsed_s")
    if fields.get("phase") != "sampling" or not isinstance(elapsed, float):
        return f"soak of {title}, {fields.get('phase', '')}"
    share = min(1.0, elapsed / plan.measure_s)
    bar = "#" * round(share * _BAR)
    left = _clock(plan.measure_s - elapsed)
    # What matters first: a narrow terminal cuts the end of the line.
    told = [f"[{bar:.<{_BAR}}] {share:.0%}, {left} left: soak of {title}"]
    n, percentile, estimate = fields.get("n"), fields.get("percentile"), fields.get("estimate_s")
    told += [f"{n:,} inferences"] if isinstance(n, int) else []
    if isinstance(percentile, float) and isinstance(estimate, float):
        told.append(f"p{percentile:g} {estimate * 1e3:.3g} ms")
    return ", ".join(told)


def _clock(seconds: float) -> str:
    """Return a time that is left as people read it: 4:05."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
