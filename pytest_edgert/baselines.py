"""The check against a baseline: is an artefact slower than another one, or than a stored run, by more than a margin?

With the baseline artefact at hand both are opened in one fresh worker, the device held alone, and measured in
alternating blocks, so that whatever the machine does meanwhile happens to both. A stored run is compared by its raw
samples, and only where device, runtime version, options and power settings are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.errors import EdgertError, NotRunError, WorkerError
from pytest_edgert.harness import Finding, environment, run_check
from pytest_edgert.latencies import confirmed
from pytest_edgert.records import Arrival, CheckRecord, Doubt, LatencyPlan, Plain
from pytest_edgert.samples_kept import keep_samples
from pytest_edgert.sessions import EdgeSession, SessionPlan
from pytest_edgert.stored_runs import StoredRun, record_of, refuse_other_conditions, samples_of
from pytest_edgert.verdicts.margin import Margin

if TYPE_CHECKING:
    from pytest_edgert.job.pairs import Pairs
    from pytest_edgert.measure.samples import LatencySamples
    from pytest_edgert.runtimes.artefact import Artefact
    from pytest_edgert.tensors import Array, Feeds
    from pytest_edgert.verdicts.baseline import Ratios

#: A stored run is compared with a watch of at least this long, in seconds.
_WATCH_S = 2.0
#: Pairs of blocks that a short stored run is cut into, if it has so many samples: more than a verdict needs, for pairs that resemble each other.
_STORED_BLOCKS = 120


@dataclass(frozen=True, slots=True)
class Comparison:
    """What to compare with, one of the two, and how much slower is allowed."""

    margin: Margin
    artefact: Artefact | None = None
    stored: StoredRun | None = None

    @property
    def path(self) -> Path | None:
        """Where the baseline lies."""
        if self.artefact is not None:
            return self.artefact.path
        return None if self.stored is None else self.stored.path


def check_baseline(session: EdgeSession, comparison: Comparison) -> CheckRecord:
    """Judge whether a session is slower than the baseline by more than the margin."""
    return run_check("baseline", session, lambda: _find(session, comparison))


def _find(session: EdgeSession, comparison: Comparison) -> Finding:
    run = session.pool.run
    plan = replace(run.plan, budgets=(), arrival=Arrival(), stride_s=0.0, fixed_n=None)
    before = run.conditions()
    try:
        if comparison.artefact is not None:
            ratios, doubts = _interleaved(session, comparison.artefact, comparison.margin, plan)
        elif comparison.stored is not None:
            ratios, doubts = _against_stored(session, comparison.stored, plan, before)
        else:
            raise NotRunError("No baseline was given.", "Give one with --edge-baseline=PATH.")
    finally:
        run.progress("")
    return _judged(ratios, doubts, comparison.margin, plan, {**_before(before), **run.conditions()})


def _before(conditions: Mapping[str, Plain]) -> dict[str, Plain]:
    return {f"before.{name}": value for name, value in conditions.items()}


def _judged(
    ratios: Ratios, doubts: tuple[Doubt, ...], margin: Margin, plan: LatencyPlan, conditions: Mapping[str, Plain]
) -> Finding:
    from pytest_edgert.verdicts.baseline import judge_ratios

    judged = judge_ratios(ratios, margin, plan)
    verdict, reason, remedy = confirmed(ratios.stop_reason, judged.test.verdict, judged.reason, judged.remedy)
    test = replace(judged.test, verdict=verdict)
    return Finding(verdict, reason, remedy, blocks=(test,), doubts=doubts, conditions=conditions)


def _interleaved(
    session: EdgeSession, artefact: Artefact, margin: Margin, plan: LatencyPlan
) -> tuple[Ratios, tuple[Doubt, ...]]:
    pool = session.pool
    baseline = SessionPlan(session.plan.model, artefact, session.target, session.plan.options)
    title = f"{session.title} against {artefact.path.name}"
    with pool.alone(f"comparison of {title}"), pool.private(session.plan) as private:
        mine = (private.open().session_id, private.feeds())
        other = _opened(EdgeSession(baseline, pool, private.worker))
        pairs = private.worker.measure_pairs(
            (mine, other),
            margin,
            plan,
            progress=_telling(pool.run.progress, title),
            idle_timeout_s=pool.deadlines.infer_s,
        )
    same = artefact.sha256 == session.plan.artefact.sha256
    doubt = Doubt(
        "same-artefact",
        f"the baseline {artefact.path.name} is the very same file: the ratio is the noise of this machine",
        "Name another artefact to compare two.",
    )
    return _ratios(pairs, artefact, plan), (doubt,) if same else ()


def _opened(baseline: EdgeSession) -> tuple[int, Feeds]:
    """Return session and feeds of the baseline; what is wrong with it is not the fault of the artefact under test."""
    try:
        return baseline.open().session_id, baseline.feeds()
    except WorkerError:
        raise
    except EdgertError as error:
        raise NotRunError(f"The baseline {baseline.title} cannot be run: {error.message}", error.remedy) from error


def _telling(progress: Callable[[str], None], title: str) -> Callable[[Mapping[str, Plain]], None]:
    def tell(fields: Mapping[str, Plain]) -> None:
        ratio, elapsed = fields.get("ratio"), fields.get("elapsed_s")
        told = [f"{title}: {fields.get('phase')} {fields.get('n')}"]
        told += [f"ratio {ratio:.3f}"] if isinstance(ratio, float) else []
        told += [f"{elapsed:.1f} s"] if isinstance(elapsed, float) else []
        progress(", ".join(told))

    return tell


def _ratios(pairs: Pairs, artefact: Artefact, plan: LatencyPlan) -> Ratios:
    import numpy as np

    from pytest_edgert.verdicts.baseline import Ratios

    medians_s = np.median(pairs.medians_ns, axis=0) / 1e9
    detail: dict[str, Plain] = {
        "how": "interleaved",
        "baseline": artefact.path.name,
        "baseline_sha256": artefact.sha256,
        "median_s": float(medians_s[0]),
        "baseline_median_s": float(medians_s[1]),
        "block_inferences": pairs.block_n[0],
        "baseline_block_inferences": pairs.block_n[1],
        "warm_up_inferences": pairs.warm_up_n,
        "seed": plan.seed,
    }
    span_s = pairs.span_ns / 1e9
    return Ratios(pairs.ratios, span_s, pairs.stop_reason, span_s / (2 * len(pairs.medians_ns)), detail)


def _against_stored(
    session: EdgeSession, run: StoredRun, plan: LatencyPlan, conditions: Mapping[str, Plain]
) -> tuple[Ratios, tuple[Doubt, ...]]:
    stored = record_of(run, session.plan.cell)
    if stored.latency is None:
        raise NotRunError(f"{run.path} holds no latency of {session.title}.", "")
    session.open()  # The runtime tells its version.
    refuse_other_conditions(run, stored, environment(session), conditions)
    before = samples_of(run, stored.latency)
    watch_s = min(plan.max_s, max(_WATCH_S, plan.min_s, stored.latency.span_s))
    samples = _watched(session, replace(plan, measure_s=watch_s))
    path, digest = keep_samples(session, "baseline", samples)
    detail: dict[str, Plain] = {
        "how": "stored run",
        "run": str(run.path),
        "recorded": stored.started_utc,
        "baseline_sha256": stored.cell.artefact_sha256,
        "stored_span_s": stored.latency.span_s,
        "samples_path": path,
        "samples_sha256": digest,
    }
    ratios = _compared(_warm(samples, plan), before.durations_ns[stored.latency.cut_n :], detail)
    return ratios, _stored_doubts(session, stored)


def _watched(session: EdgeSession, plan: LatencyPlan) -> LatencySamples:
    pool = session.pool
    with pool.alone(f"baseline of {session.title}"), pool.private(session.plan) as private:
        return private.worker.measure_latency(
            private.open().session_id,
            private.feeds(),
            plan,
            progress=_telling(pool.run.progress, f"{session.title} against a stored run"),
            idle_timeout_s=pool.deadlines.infer_s,
        )


def _warm(samples: LatencySamples, plan: LatencyPlan) -> Array:
    """Return the durations after the head that the check of latency would cut off as a longer warm-up."""
    from pytest_edgert.verdicts.latency import judge_latency

    judged = judge_latency(
        samples.durations_ns,
        samples.starts_ns,
        plan,
        first_ns=samples.first_ns,
        warm_up_n=samples.warm_up_n,
        warm_up_ns=samples.warm_up_ns,
        stop_reason=samples.stop_reason,
    )
    return samples.durations_ns[judged.latency.cut_n :]


def _compared(now_ns: Array, before_ns: Array, detail: Mapping[str, Plain]) -> Ratios:
    """Return the ratios of the blocks of two runs, paired in order."""
    import numpy as np

    from pytest_edgert.job.pairs import BLOCK_S, ratios_of
    from pytest_edgert.verdicts.baseline import Ratios, block_medians

    medians = [block_medians(one, BLOCK_S, _STORED_BLOCKS) for one in (now_ns, before_ns)]
    n = min(map(len, medians))
    both = np.stack([one[:n] for one in medians], axis=1)
    told = {"median_s": float(np.median(medians[0])) / 1e9, "baseline_median_s": float(np.median(medians[1])) / 1e9}
    span_s = float(now_ns.sum()) / 1e9
    reason = f"both runs are cut into {n} blocks"
    block_s = span_s / max(1, len(medians[0]))
    remedy = "Record a longer stored run, name the baseline artefact itself, or allow a larger --edge-margin."
    return Ratios(ratios_of(both), span_s, reason, block_s, {**detail, **told}, remedy)


def _stored_doubts(session: EdgeSession, stored: CheckRecord) -> tuple[Doubt, ...]:
    apart = Doubt(
        "stored-run",
        f"the baseline was measured at {stored.started_utc}: what changed on this machine since counts as a change of the artefact",
        "Name the baseline artefact itself: both are then measured in turn.",
    )
    if stored.cell.artefact_sha256 != session.plan.artefact.sha256:
        return (apart,)
    same = Doubt(
        "same-artefact",
        "the stored run is of the very same file: the ratio is how this machine differs from then",
        "Nothing, if that is the question.",
    )
    return apart, same
