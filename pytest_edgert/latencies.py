"""The check of latency: measured in fresh workers with the device held alone, judged again from the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgert.errors import WorkerError
from pytest_edgert.harness import Finding, run_check
from pytest_edgert.records import Arrival, Budget, CheckRecord, LatencyPlan, Plain, Verdict, worst
from pytest_edgert.samples_kept import keep_samples, lost
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.measure.samples import LatencySamples
    from pytest_edgert.verdicts.latency import LatencyJudgement


def check_latency(
    session: EdgeSession,
    budgets: Sequence[Budget] = (),
    notes: Sequence[str] = (),
    arrival: Arrival | None = None,
) -> CheckRecord:
    """Judge latency against budgets in fresh workers, the device held alone; without budgets measure it.

    Args:
        session: The cell.
        budgets: The limits.
        notes: Sentences for the record: where limits came from.
        arrival: How requests arrive; the run's own when left out.
    """
    return run_check("latency", session, lambda: _find_latency(session, tuple(budgets), tuple(notes), arrival))


def _find_latency(
    session: EdgeSession, budgets: tuple[Budget, ...], notes: tuple[str, ...], arrival: Arrival | None
) -> Finding:
    run = session.pool.run
    arrival = run.plan.arrival if arrival is None else arrival
    workers = run.latency_workers if budgets else 1
    plan = replace(run.plan, budgets=budgets, arrival=arrival, beta=run.plan.beta / workers)
    found: list[Finding] = []
    with session.pool.lock.exclusive(f"latency of {session.title}"):
        for turn in range(workers):
            found.append(_measure_once(session, plan, f"worker {turn + 1} of {workers}" if workers > 1 else ""))
            if found[-1].verdict not in (Verdict.PASS, Verdict.MEASURED):
                break
    verdict = worst([one.verdict for one in found])
    decisive = next(one for one in found if one.verdict is verdict)
    fresh = (f"fresh workers measured: {len(found)} of {workers}",) if workers > 1 else ()
    return replace(decisive, notes=notes + fresh + decisive.notes)


def _measure_once(session: EdgeSession, plan: LatencyPlan, label: str) -> Finding:
    from pytest_edgert.measure.parts import KeptParts
    from pytest_edgert.verdicts.latency import judge_latency

    run = session.pool.run
    before = run.conditions()
    parts = KeptParts()
    with session.pool.private(session.plan) as private:
        session_id, feeds = private.open().session_id, private.feeds()
        try:
            samples = private.worker.measure_latency(
                session_id,
                feeds,
                plan,
                progress=lambda fields: run.progress(_progress_line(session, label, fields)),
                part=parts.add,
                idle_timeout_s=session.pool.deadlines.infer_s,
            )
        except WorkerError as error:
            return lost(session, "latency", error, parts)
        finally:
            run.progress("")
    judged = judge_latency(
        samples.durations_ns,
        samples.starts_ns,
        plan,
        first_ns=samples.first_ns,
        warm_up_n=samples.warm_up_n,
        warm_up_ns=samples.warm_up_ns,
        stop_reason=samples.stop_reason,
        service_ns=samples.service_ns,
    )
    judged = in_open_loop(judged, samples, plan)
    path, digest = keep_samples(session, "latency", samples)
    verdict, reason, remedy = confirmed(samples.stop_reason, judged.verdict, judged.reason, judged.remedy)
    return Finding(
        verdict,
        reason,
        remedy,
        latency=replace(judged.latency, samples_path=path, samples_sha256=digest),
        notes=tuple(f"sensor {name}: {told}" for name, told in samples.troubles.items()),
        sensors=samples.series.sensors(),
        conditions={**{f"before.{k}": v for k, v in before.items()}, **run.conditions()},
    )


def in_open_loop(judged: LatencyJudgement, samples: LatencySamples, plan: LatencyPlan) -> LatencyJudgement:
    """Return the judgement with what an open loop adds: its arrivals, service times, its queue and whether that grows."""
    from pytest_edgert.measure.arrival import arrival_text
    from pytest_edgert.verdicts.queue import judge_queue, service_quantiles

    if samples.service_ns is None:
        return judged
    latency = replace(
        judged.latency,
        arrival=arrival_text(plan.arrival),
        service=service_quantiles(samples.service_ns, plan),
        queue=samples.queue,
    )
    found = replace(judged, latency=latency)
    return judge_queue(found, samples.service_ns, samples.starts_ns, samples.durations_ns, plan)


def confirmed(stop_reason: str, verdict: Verdict, reason: str, remedy: str) -> tuple[Verdict, str, str]:
    """Return what stands when the worker's stopping rule and the verdict from its samples are held together.

    Both look at the same samples by the same function. A worker that stopped on evidence which the samples do not
    hold measured something else than it sent: INVALID.
    """
    from pytest_edgert.measure.samples import OVERRUN, SUFFICED

    unconfirmed = {
        SUFFICED: (Verdict.INCONCLUSIVE, Verdict.MEASURED),
        OVERRUN: (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.MEASURED),
    }
    if verdict in unconfirmed.get(stop_reason, ()):
        told = f"The worker stopped because {stop_reason}, and its samples say otherwise: {reason}"
        return Verdict.INVALID, told, "Run it again; if it stays so, report it with the raw samples."
    return verdict, reason, remedy


def _progress_line(session: EdgeSession, label: str, fields: Mapping[str, Plain]) -> str:
    elapsed = fields.get("elapsed_s")
    told = (
        f"latency of {session.title}",
        label,
        str(fields.get("phase", "")),
        f"{fields.get('n', 0)} inferences",
        f"{elapsed:.1f} s" if isinstance(elapsed, float) else "",
    )
    return ", ".join(part for part in told if part)
