"""The check of latency: measured in fresh workers with the device held alone, judged again from the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgert import clock
from pytest_edgert.errors import NotRunError, WorkerError
from pytest_edgert.evidence import Attempt
from pytest_edgert.harness import Finding, doubted, run_check
from pytest_edgert.recording import running_test
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

    Another attempt at the same test goes on with the evidence of the one before, and keeps what that one decided.

    Args:
        session: The cell.
        budgets: The limits.
        notes: Sentences for the record: where limits came from.
        arrival: How requests arrive; the run's own when left out.
    """
    run = session.pool.run
    arrival = run.plan.arrival if arrival is None else arrival
    plan = replace(run.plan, budgets=tuple(budgets), arrival=arrival)
    return run_check("latency", session, lambda: _find_latency(session, plan, tuple(notes)))


def _find_latency(session: EdgeSession, plan: LatencyPlan, notes: tuple[str, ...]) -> Finding:
    test, attempt = running_test()
    evidence = session.pool.evidence
    key = evidence.turn(test, attempt)
    before = evidence.before(key)
    if before is not None and before.decided:
        kept = "decided in an attempt before: another one does not start anew"
        notes = (*before.found.notes, *(() if kept in before.found.notes else (kept,)))
        found, samples = replace(before.found, notes=notes, attempts=before.found.attempts + 1), None
    else:
        found, samples = _measure_anew(session, plan, notes, before)
    evidence.keep(key, Attempt(found, samples if found.verdict is Verdict.INCONCLUSIVE else None))
    return found


def _measure_anew(
    session: EdgeSession, plan: LatencyPlan, notes: tuple[str, ...], before: Attempt | None
) -> tuple[Finding, LatencySamples | None]:
    """Return what an attempt found that goes on from the one before, if there was one, and its samples."""
    try:
        found, samples = _measure_in_workers(session, plan, None if before is None else before.samples)
    except (WorkerError, NotRunError) as error:
        found, samples = Finding(Verdict(error.verdict), error.message, error.remedy), None
    found = replace(found, notes=notes + found.notes)
    if before is not None:
        told = f"an attempt before ended {before.found.verdict.value}: {before.found.reason}"
        found = replace(found, notes=(*found.notes, told), attempts=found.attempts + before.found.attempts)
    return found, samples


def _measure_in_workers(
    session: EdgeSession, plan: LatencyPlan, prior: LatencySamples | None
) -> tuple[Finding, LatencySamples | None]:
    """Return what the fresh workers found together, and the samples of the one worker there is where it is one."""
    workers = session.pool.run.latency_workers if plan.budgets else 1
    plan = replace(plan, beta=plan.beta / workers)
    found: list[Finding] = []
    samples = None
    with session.pool.alone(f"latency of {session.title}"):
        for turn in range(workers):
            label = f"worker {turn + 1} of {workers}" if workers > 1 else ""
            one, samples = _measure_with_retry(session, plan, label, prior if workers == 1 else None)
            found.append(one)
            if one.verdict not in (Verdict.PASS, Verdict.MEASURED):
                break
    verdict = worst([one.verdict for one in found])
    decisive = next(one for one in found if one.verdict is verdict)
    fresh = (f"fresh workers measured: {len(found)} of {workers}",) if workers > 1 else ()
    return replace(decisive, notes=fresh + decisive.notes), samples if workers == 1 else None


def _measure_with_retry(
    session: EdgeSession, plan: LatencyPlan, label: str, prior: LatencySamples | None
) -> tuple[Finding, LatencySamples | None]:
    """Measure; once more, in another worker and from nothing, where it was void for a reason that may have passed."""
    session.pool.run.ready()
    found, samples = _measure_once(session, plan, label, prior)
    if found.verdict is not Verdict.INVALID or not any(doubt.voids and doubt.passing for doubt in found.doubts):
        return found, samples
    session.pool.run.ready()
    again, samples = _measure_once(session, plan, label, None)
    told = f"measured again, for the first time was void: {found.reason}"
    return replace(again, notes=(*again.notes, told), attempts=2), samples


def _measure_once(
    session: EdgeSession, plan: LatencyPlan, label: str, prior: LatencySamples | None
) -> tuple[Finding, LatencySamples | None]:
    """Return the finding of one worker and its samples; without samples where the worker was lost."""
    from pytest_edgert.measure.parts import KeptParts

    run = session.pool.run
    before, slept_ns = run.conditions(), clock.suspended_ns()
    parts = KeptParts()
    with session.pool.private(session.plan) as private:
        session_id, feeds = private.open().session_id, private.feeds()
        try:
            samples = private.worker.measure_latency(
                session_id,
                feeds,
                plan,
                prior=prior,
                progress=lambda fields: run.progress(_progress_line(session, label, fields)),
                part=parts.add,
                idle_timeout_s=session.pool.deadlines.infer_s,
            )
        except WorkerError as error:
            return lost(session, "latency", error, parts)[0], None
        finally:
            run.progress("")
    conditions = {**{f"before.{k}": v for k, v in before.items()}, **run.conditions()}
    return _judged(session, plan, samples, conditions, slept_s(slept_ns)), samples


def _judged(
    session: EdgeSession, plan: LatencyPlan, samples: LatencySamples, conditions: Mapping[str, Plain], asleep_s: float
) -> Finding:
    """Return what the samples, what sensors said beside them and the clocks come to."""
    from pytest_edgert.verdicts import trust
    from pytest_edgert.verdicts.latency import judge_latency

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
    found = Finding(
        verdict,
        reason,
        remedy,
        latency=replace(judged.latency, samples_path=path, samples_sha256=digest),
        notes=tuple(f"sensor {name}: {told}" for name, told in samples.troubles.items()),
        doubts=(*judged.doubts, *trust.slept(asleep_s), *trust.first_value(samples.durations_ns)),
        conditions=conditions,
    )
    rules = session.pool.run.rules
    return doubted(found, samples.series, samples.window_ns, rules, by_load=not _breaks_unloaded(judged, samples, plan))


def _breaks_unloaded(judged: LatencyJudgement, samples: LatencySamples, plan: LatencyPlan) -> bool:
    """Whether a FAIL is there without any load: the fastest tenth breaks a budget, or is served slower than requests come."""
    from pytest_edgert.verdicts.evidence import limit_ns
    from pytest_edgert.verdicts.trust import fastest_breaks

    failed = [part.budget for part in judged.latency.budgets if part.verdict is Verdict.FAIL]
    if fastest_breaks(samples.durations_ns, [limit_ns(budget) for budget in failed]):
        return True
    return samples.service_ns is not None and fastest_breaks(samples.service_ns, [plan.arrival.interval_s * 1e9])


def slept_s(before_ns: int | None) -> float:
    """Return the seconds that this machine slept since its clock of sleep stood at `before_ns`; 0 where none tells."""
    now_ns = clock.suspended_ns()
    return 0.0 if before_ns is None or now_ns is None else (now_ns - before_ns) / 1e9


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
    return judge_queue(found, samples.service_ns, samples.durations_ns, plan)


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
