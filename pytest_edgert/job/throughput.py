"""The throughput job: inferences in flight on all streams, counted in blocks of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

from pytest_edgert import clock
from pytest_edgert.contracts import Session
from pytest_edgert.errors import MeasurementInvalidError
from pytest_edgert.job.beside import Report
from pytest_edgert.job.watch import Watch
from pytest_edgert.measure.blocks import BlockValues
from pytest_edgert.measure.samples import SUFFICED
from pytest_edgert.measure.streams import States, Streams, open_streams
from pytest_edgert.records import BlockPlan, Verdict
from pytest_edgert.tensors import Array, Feeds
from pytest_edgert.verdicts.blocks import FEWEST_BLOCKS, BlockLimit, decide_blocks

#: Share of the whole time allowed that a warm-up may take; the rest is for evidence.
_LARGEST_SHARE = 0.25
#: Time between two looks at streams of which one has finished nothing yet.
_PAUSE_S = 0.05
#: How far the outputs of a stream may lie from those of one inference, as a share of the largest of these. What a
#: runtime computes in another order differs in the last bits; a stream that computed nothing differs by all of it.
_NEAR = 1e-2


def throughput_limit(plan: BlockPlan) -> BlockLimit:
    """Return what the inputs per second of a plan are held to: a floor."""
    return BlockLimit(plan.limit, at_least=True, alpha=plan.alpha, beta=plan.beta)


def measure_throughput(
    session: Session,
    feeds: Feeds,
    plan: BlockPlan,
    report: Report,
    *,
    now_ns: Callable[[], int] = clock.monotonic_ns,
) -> BlockValues:
    """Keep the streams of a plan busy and count until the evidence suffices or the plan says stop.

    A block lasts `plan.block_s`, and longer where a stream finishes nothing in it. Its value is the sum over the
    streams of inferences from one end to another over the time between these ends, times the batch: no part of an
    inference is counted or lost.

    Args:
        session: A session that nothing else uses meanwhile.
        feeds: Feeds that fit its signature, of the plan's batch.
        plan: What to decide, and for how long at most; warm-up counts towards `plan.max_s`.
        report: Called after each block with ``phase``, ``n``, ``elapsed_s`` and ``estimate_per_s``.
        now_ns: The clock.

    Returns:
        Inputs per second by block, as "throughput".

    Raises:
        MeasurementInvalidError: A stream's outputs are not those of a single inference.
        UsageError: The session cannot run so many inferences at once.
        EdgertError: Whatever the session raises.
    """
    began = now_ns()
    single = session.infer(feeds)
    streams = open_streams(session, feeds, plan.streams, now_ns)
    values: list[float] = []
    with streams, closing(Watch(plan.meters, sysroot=Path(plan.sysroot), now_ns=now_ns)) as watch:
        before = _warm_up(streams, plan, report, began)
        warm_s = (now_ns() - began) / 1e9
        watch.read_now()
        reason = ""
        while not reason:
            after = _next_block(streams, before, plan, began)
            if after is not None:
                values.append(_per_second(before, after) * plan.batch)
                before = after
            watch.look()
            elapsed_s = (now_ns() - began) / 1e9
            report({"phase": "blocks", "n": len(values), "elapsed_s": elapsed_s, "estimate_per_s": _median(values)})
            reason = _reason_to_stop(values, plan, elapsed_s)
        watch.read_now()
        series, troubles = watch.series(), {**watch.dropped, **watch.troubles()}
    for number, outputs in enumerate(streams.outputs(), start=1):
        _check_outputs(outputs, single, f"stream {number} of {plan.streams}")
    detail = {"streams": plan.streams, "batch": plan.batch, "warm_up_s": warm_s, "inferences": _finished(before)}
    return BlockValues({"throughput": np.array(values)}, reason, detail, troubles, series)


def _warm_up(streams: Streams, plan: BlockPlan, report: Report, began: int) -> States:
    """Run every stream for the plan's warm-up, no longer than a quarter of all time, and for one inference at least."""
    while True:
        streams.sleep(_PAUSE_S)
        states, elapsed_s = streams.states(), (streams.now_ns() - began) / 1e9
        fewest = min(count for count, _ in states)
        report({"phase": "warm-up", "n": _finished(states), "elapsed_s": elapsed_s})
        warm = fewest >= plan.warm_up_n and elapsed_s >= plan.warm_up_s
        if fewest >= 1 and (warm or elapsed_s >= _LARGEST_SHARE * plan.max_s):
            return states


def _next_block(streams: Streams, before: States, plan: BlockPlan, began: int) -> States | None:
    """Return the states at the end of the next block; None when a stream finished nothing and the time is over."""
    streams.sleep(plan.block_s)
    while True:
        after = streams.states()
        if all(new[0] > old[0] for old, new in zip(before, after, strict=True)):
            return after
        if (streams.now_ns() - began) / 1e9 >= plan.max_s:
            return None
        streams.sleep(_PAUSE_S)


def _per_second(before: States, after: States) -> float:
    return sum((new[0] - old[0]) / ((new[1] - old[1]) / 1e9) for old, new in zip(before, after, strict=True))


def _finished(states: States) -> int:
    return sum(count for count, _ in states)


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _reason_to_stop(values: list[float], plan: BlockPlan, elapsed_s: float) -> str:
    """Return why to stop now; empty to go on."""
    verdict = decide_blocks(values, throughput_limit(plan))
    if verdict in {Verdict.PASS, Verdict.FAIL}:
        return SUFFICED
    if verdict is Verdict.MEASURED and len(values) >= FEWEST_BLOCKS:
        return f"{FEWEST_BLOCKS} blocks were watched"
    return f"the cap of {plan.max_s:g} s was reached" if elapsed_s >= plan.max_s else ""


def _check_outputs(outputs: Mapping[str, Array], single: Mapping[str, Array], what: str) -> None:
    """Raise MeasurementInvalidError unless a stream left what a single inference gives."""
    wrong = [name for name, expected in single.items() if not _near(outputs.get(name), expected)]
    if wrong:
        raise MeasurementInvalidError(
            f"Output {wrong[0]!r} of {what} is not what a single inference gives: inferences that do not compute "
            "the model are no throughput.",
            "Check the model for state or random nodes; with none, report it as a fault of the runtime.",
        )


def _near(found: Array | None, expected: Array) -> bool:
    if found is None or found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    if expected.dtype.kind not in "fc":
        return bool(np.array_equal(found, expected)) or _integers_near(found, expected)
    scale = float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0))
    return bool(np.allclose(found, expected, rtol=0.0, atol=_NEAR * scale, equal_nan=True))


def _integers_near(found: Array, expected: Array) -> bool:
    """One step of a quantised output may differ where the order of sums does."""
    if expected.dtype.kind not in "iu":
        return False
    return bool(np.all(np.abs(found.astype(np.float64) - expected.astype(np.float64)) <= 1))
