"""The check of throughput: inputs per second with several inferences in flight, judged on blocks of a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_edgert.contracts import OptionValue
from pytest_edgert.errors import UsageError
from pytest_edgert.harness import Finding, doubted, run_check
from pytest_edgert.latencies import confirmed
from pytest_edgert.records import BlockPlan, BlockTest, CheckRecord, Plain, Verdict
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.tensors import Signature

#: The option of a runtime that compiles for so many inferences at once.
STREAMS = "streams"
_BATCH = "dimension.batch"
#: Others on a machine take a share of its time; a limit so many times as far is missed by the model itself.
FAR = 10.0


@dataclass(frozen=True, slots=True)
class ThroughputWanted:
    """What a gate asks of throughput.

    Args:
        at_least: Inputs per second, and who set it; None measures only.
        streams: Inferences in flight, >= 1.
        batch: Inputs per inference; None leaves the model as it is opened, and counts inferences.
        batch_source: Who set the batch.
    """

    at_least: tuple[float, str] | None = None
    streams: int = 1
    batch: int | None = None
    batch_source: str = ""


def check_throughput(session: EdgeSession, wanted: ThroughputWanted) -> CheckRecord:
    """Judge the median of inputs per second over blocks, in a fresh worker with the device held alone."""
    return run_check("throughput", session, lambda: _find_throughput(session, wanted))


def _find_throughput(session: EdgeSession, wanted: ThroughputWanted) -> Finding:
    from pytest_edgert.job.throughput import throughput_limit
    from pytest_edgert.verdicts.blocks import judge_blocks

    run = session.pool.run
    limit = wanted.at_least
    plan = replace(block_plan(session), limit=limit and limit[0], streams=wanted.streams, batch=wanted.batch or 1)
    opened = replace(session.plan, options=tuple(sorted(_options(session, wanted).items())))
    with session.pool.alone(f"throughput of {session.title}"):
        before = run.conditions()
        with session.pool.private(opened) as private:
            _open(private, wanted)
            found = private.worker.measure_throughput(
                private.open().session_id,
                private.feeds(),
                plan,
                progress=lambda fields: run.progress(progress_line(session, "throughput", fields)),
                idle_timeout_s=session.pool.deadlines.infer_s,
            )
        run.progress("")
    judged = judge_blocks(
        "throughput",
        "1/s",
        found.values["throughput"],
        replace(throughput_limit(plan), source=limit[1] if limit else ""),
        block_s=plan.block_s,
        detail={**found.detail, "threads": dict(opened.options).get("threads")},
    )
    verdict, reason, remedy = confirmed(found.stop_reason, judged.verdict, *_explained(judged, found.stop_reason))
    conditions = {**{f"before.{k}": v for k, v in before.items()}, **run.conditions()}
    notes = tuple(f"sensor {name}: {told}" for name, told in found.refused.items())
    finding = Finding(verdict, reason, remedy, blocks=(judged,), notes=notes, conditions=conditions)
    return doubted(finding, found.series, found.window_ns, run.rules, by_load=not far_beyond(judged))


def far_beyond(judged: BlockTest) -> bool:
    """Return whether even the best block is so far beyond the limit that no load of others explains it."""
    if judged.limit is None or not judged.values:
        return False
    best = max(judged.values) if judged.at_least else min(judged.values)
    return best * FAR < judged.limit if judged.at_least else best > FAR * judged.limit


def block_plan(session: EdgeSession) -> BlockPlan:
    """Return how blocks are measured in a run: rates of errors, warm-up, cap and meters as for latency."""
    plan = session.pool.run.plan
    return BlockPlan(
        alpha=plan.alpha,
        beta=plan.beta,
        warm_up_n=plan.warm_up_n,
        warm_up_s=plan.warm_up_s,
        max_s=plan.max_s,
        meters=plan.meters,
    )


def _options(session: EdgeSession, wanted: ThroughputWanted) -> dict[str, OptionValue]:
    """Return the options to open with: streams where the runtime takes them, and the batch."""
    from pytest_edgert.runtimes.registry import load_adapter

    options = dict(session.plan.options)
    takes = load_adapter(session.pool.adapter(session.target.runtime)).info.options
    if STREAMS in takes:
        options[STREAMS] = wanted.streams
    if wanted.batch is not None:
        options[_BATCH] = wanted.batch
    return options


def _open(private: EdgeSession, wanted: ThroughputWanted) -> None:
    """Open the session; raises UsageError, with the place that asked, where the batch cannot be had."""
    if wanted.batch is None:
        private.open()
        return
    where = f"{wanted.batch_source}: throughput.batch = {wanted.batch} of {private.title}"
    try:
        signature = private.signature
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", f"{error.remedy} {_FREE_BATCH}".strip()) from error
    if not _has_batch(signature, wanted.batch):
        found = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in signature.inputs)
        raise UsageError(f"{where}: the inputs were opened as {found}.", f"Do not bind their shapes. {_FREE_BATCH}")


_FREE_BATCH = "A batch needs a model with a free first dimension; leave the key out to count inferences."


def _has_batch(signature: Signature, batch: int) -> bool:
    return any(spec.shape and spec.shape[0] == batch for spec in signature.inputs)


def _explained(judged: BlockTest, stop_reason: str) -> tuple[str, str]:
    """Return the reason and the remedy of a verdict on throughput."""
    n, streams = len(judged.values), judged.detail.get("streams")
    flight = "one inference" if streams == 1 else f"{streams} inferences"
    told = f"The median of {n} blocks with {flight} in flight"
    if judged.verdict is Verdict.PASS:
        return f"{told} is not below the limit.", ""
    if judged.verdict is Verdict.FAIL:
        return (
            f"{told} is below the limit.",
            "Try more streams or a larger batch, fewer threads each, or lower the limit.",
        )
    if judged.verdict is Verdict.MEASURED:
        return f"{told}; no limit was given.", ""
    return (
        f"{told} is too close to the limit, or too unsteady, to call; stopped because {stop_reason}.",
        "Allow more time (--edge-max-time), quieten the machine, or move the limit.",
    )


def progress_line(session: EdgeSession, what: str, fields: Mapping[str, Plain]) -> str:
    """Return one line of progress of a measurement in blocks."""
    elapsed, estimate = fields.get("elapsed_s"), fields.get("estimate_per_s")
    counted = "blocks" if fields.get("phase") == "blocks" else "inferences"
    told = (
        f"{what} of {session.title}",
        str(fields.get("phase", "")),
        f"{fields.get('n', 0)} {counted}",
        f"{elapsed:.1f} s" if isinstance(elapsed, float) else "",
        f"{estimate:.4g} /s" if isinstance(estimate, float) else "",
    )
    return ", ".join(part for part in told if part)
