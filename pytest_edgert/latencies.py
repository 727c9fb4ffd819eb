"""The check of latency: measured in fresh workers with the device held alone, judged again from the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from pytest_edgert.harness import Finding, run_check
from pytest_edgert.records import Budget, CheckRecord, LatencyPlan, Plain, Verdict, worst
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.measure.samples import LatencySamples

_sample_files = count(1)


def check_latency(session: EdgeSession, budgets: Sequence[Budget] = (), notes: Sequence[str] = ()) -> CheckRecord:
    """Judge latency against budgets in fresh workers, the device held alone; without budgets measure it."""
    return run_check("latency", session, lambda: _find_latency(session, tuple(budgets), tuple(notes)))


def _find_latency(session: EdgeSession, budgets: tuple[Budget, ...], notes: tuple[str, ...]) -> Finding:
    run = session.pool.run
    workers = run.latency_workers if budgets else 1
    plan = replace(run.plan, budgets=budgets, beta=run.plan.beta / workers)
    found: list[Finding] = []
    with session.pool.lock.exclusive(f"latency of {session.title}"):
        for turn in range(workers):
            found.append(_measure_once(session, plan, f"worker {turn + 1} of {workers}" if workers > 1 else ""))
            if found[-1].verdict not in (Verdict.PASS, Verdict.MEASURED):
                break
    verdict = worst([one.verdict for one in found])
    decisive = next(one for one in found if one.verdict is verdict)
    fresh = (f"fresh workers measured: {len(found)} of {workers}",) if workers > 1 else ()
    return replace(decisive, notes=notes + fresh)


def _measure_once(session: EdgeSession, plan: LatencyPlan, label: str) -> Finding:
    from pytest_edgert.verdicts.latency import judge_latency

    run = session.pool.run
    before = run.conditions()
    with session.pool.private(session.plan) as private:
        samples = private.worker.measure_latency(
            private.open().session_id,
            private.feeds(),
            plan,
            progress=lambda fields: run.progress(_progress_line(session, label, fields)),
            idle_timeout_s=session.pool.deadlines.infer_s,
        )
    run.progress("")
    judged = judge_latency(
        samples.durations_ns,
        samples.starts_ns,
        plan,
        first_ns=samples.first_ns,
        warm_up_n=samples.warm_up_n,
        warm_up_ns=samples.warm_up_ns,
        stop_reason=samples.stop_reason,
    )
    path, digest = _keep_samples(session, samples)
    verdict, reason, remedy = confirmed(samples.stop_reason, judged.verdict, judged.reason, judged.remedy)
    return Finding(
        verdict,
        reason,
        remedy,
        latency=replace(judged.latency, samples_path=path, samples_sha256=digest),
        conditions={**{f"before.{k}": v for k, v in before.items()}, **run.conditions()},
    )


def confirmed(stop_reason: str, verdict: Verdict, reason: str, remedy: str) -> tuple[Verdict, str, str]:
    """Return what stands when the worker's stopping rule and the verdict from its samples are held together.

    Both look at the same samples by the same function. A worker that stopped on evidence which the samples do not
    hold measured something else than it sent: INVALID.
    """
    from pytest_edgert.measure.samples import SUFFICED

    if stop_reason == SUFFICED and verdict in (Verdict.INCONCLUSIVE, Verdict.MEASURED):
        told = f"The worker stopped because {SUFFICED}, and its samples say otherwise: {reason}"
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


def _keep_samples(session: EdgeSession, samples: LatencySamples) -> tuple[str, str]:
    from pytest_edgert.measure.samples import write_samples

    path = session.pool.run.folder / f"latency-{next(_sample_files):04d}.safetensors"
    return str(path), write_samples(path, samples)
