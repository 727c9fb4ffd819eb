"""The soak job: minutes under load in segments, with sensors and memory beside it and bounded memory of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pytest_edgert import clock
from pytest_edgert.codec import encode
from pytest_edgert.contracts import Session
from pytest_edgert.job.beside import Keep, Progress, Readings, Report
from pytest_edgert.job.latency import Clocks, block_length, make_pacer
from pytest_edgert.job.taken import Taken
from pytest_edgert.job.watch import Watch
from pytest_edgert.measure.loop import runner
from pytest_edgert.measure.samples import OVERRUN, LatencySamples
from pytest_edgert.measure.soaks import MOST_KEPT, SoakSamples, pick, segment_s
from pytest_edgert.measure.warm_up import WarmUp, warm_up
from pytest_edgert.records import LatencyPlan, Segment
from pytest_edgert.tensors import Array, Feeds
from pytest_edgert.verdicts.quantile import sample_quantile
from pytest_edgert.verdicts.queue import Load, load_of

#: A segment ends before its time when it has so many inferences, 32 MB in a closed loop.
_MOST_IN_SEGMENT = 2_000_000
#: Readings of the sensors at most: once a second for two hours, less often in longer soaks.
_MOST_READINGS = 7_200
_SLOWEST_READINGS_S = 0.5
#: Consecutive segments in which the queue grows until the soak ends.
_OVERRUN_SEGMENTS = 2


def measure_soak(
    session: Session,
    feeds: Feeds,
    plan: LatencyPlan,
    report: Report,
    *,
    keep: Keep | None = None,
    now_ns: Callable[[], int] = clock.monotonic_ns,
    sleep_s: Callable[[float], None] = clock.sleep_s,
) -> SoakSamples:
    """Warm up, then run for `plan.measure_s`, whatever the latencies are.

    Args:
        session: A session that nothing else uses meanwhile.
        feeds: Feeds that fit its signature.
        plan: Its length (`measure_s`), arrivals, warm-up, meters and seed; budgets only name what is estimated.
        report: Called at most four times a second with ``phase`` ("warm-up" or "sampling"), ``n``, ``elapsed_s``.
        keep: Called after each segment with the segment and its samples, so that they outlive this process. What it
            has taken is not part of the result: samples that pile up here would be growth of the memory that is judged.
        now_ns: The clock.
        sleep_s: Sleeps until shortly before the next request of an open loop.

    Raises:
        EdgertError: Whatever the session raises.
    """
    interval_s = max(_SLOWEST_READINGS_S, plan.telemetry_s, plan.measure_s / _MOST_READINGS)
    plan = replace(plan, telemetry_s=interval_s)
    with closing(Watch(plan.meters, interval_s=interval_s, now_ns=now_ns)) as watch:
        began = now_ns()
        percentile = plan.budgets[0].percentile if plan.budgets else 50.0
        progress = Progress(report, now_ns, began, percentile, began)
        soak = _start(session, feeds, plan, progress, keep=keep, watch=watch, clocks=Clocks(now_ns, sleep_s))
        watch.read_now()
        soak.run()
        return soak.samples()


@dataclass(slots=True)
class _Soak:
    """One soak, warmed up."""

    plan: LatencyPlan
    progress: Progress
    readings: Readings
    watch: Watch
    keep: Keep | None
    warmed: WarmUp
    taken: Taken
    stream: np.random.Generator
    began_ns: int = 0
    segment_ns: int = 0
    inferences: int = 0
    kept_n: int = 0
    growing: int = 0
    reason: str = ""
    segments: list[Segment] = field(default_factory=list)
    kept: list[Mapping[str, Array]] = field(default_factory=list)

    def run(self) -> None:
        """Sample until the time is over, or the queue grows."""
        typical_ns = self.warmed.last_ns
        self.began_ns = self.segment_ns = self.progress.now_ns()
        if self.taken.pacer is not None:
            self.taken.pacer.follow()
        while not self.reason:
            block = block_length(typical_ns, self.plan)
            self.taken.take(block)
            typical_ns = int(np.median(self.taken.service_ns[-block:]))
            if self.taken.pacer is None:
                self._between()
            else:
                self.taken.pacer.aside(self._between)

    def _between(self) -> None:
        now = self.progress.now_ns()
        upcoming = now if self.taken.pacer is None else max(now, self.taken.pacer.schedule.next_ns)
        over = (upcoming - self.began_ns) / 1e9 >= self.plan.measure_s
        self.reason = f"{self.plan.measure_s:g} s were over" if over else ""
        length_ns = segment_s(self.plan.measure_s) * 1e9
        if over or now - self.segment_ns >= length_ns or self.taken.n >= _MOST_IN_SEGMENT:
            if over:
                self.watch.read_now()
            self._close_segment(now)
        if not self.reason:
            self.meanwhile()

    def meanwhile(self) -> None:
        """Have a look at sensors and progress, between two blocks or while an open loop waits."""
        self.readings.look()
        self.progress.sampling(self.inferences + self.taken.n, self.taken.durations_ns)

    def _close_segment(self, now: int) -> None:
        durations = self.taken.durations_ns
        ordered = np.sort(durations)
        segment = Segment(
            start_s=(self.segment_ns - self.began_ns) / 1e9,
            duration_s=(now - self.segment_ns) / 1e9,
            n=len(ordered),
            p50_s=sample_quantile(ordered, 0.5) / 1e9,
            p95_s=sample_quantile(ordered, 0.95) / 1e9,
            max_s=float(ordered[-1]) / 1e9,
            readings=self.watch.latest,
        )
        self.segments.append(segment)
        self.inferences += segment.n
        self._look_at_queue()
        self._keep_samples(now, segment)
        self.segment_ns = now
        self.taken.forget()

    def _look_at_queue(self) -> None:
        if self.taken.pacer is None:
            return
        taken = self.taken
        grows = load_of(taken.service_ns, taken.durations_ns, self.plan.arrival).load is Load.GROWS
        self.growing = self.growing + 1 if grows else 0
        if self.growing >= _OVERRUN_SEGMENTS:
            self.reason = OVERRUN

    def _keep_samples(self, now: int, segment: Segment) -> None:
        """Keep as many of the segment's samples as its share of the time is of the samples that are kept in all."""
        share = min(1.0, (now - self.began_ns) / 1e9 / self.plan.measure_s)
        most = max(1, int(MOST_KEPT * share) - self.kept_n)
        picked = pick(self.taken.n, most, self.stream)
        part = {name: array[picked] for name, array in _columns(self.taken).items()}
        self.kept_n += len(picked)
        if self.keep is not None:
            self.keep({**self._head(), "segment": encode(segment)}, part)
        else:
            self.kept.append(part)

    def _head(self) -> dict[str, Any]:
        warmed = self.warmed
        head = {"first_ns": warmed.first_ns, "warm_up_n": warmed.n, "warm_up_ns": warmed.elapsed_ns}
        return {**head, "queue": self.taken.queue}

    def samples(self) -> SoakSamples:
        """Return everything that was seen and not handed on."""
        nothing = {name: array[:0] for name, array in _columns(self.taken).items()}
        arrays = {name: np.concatenate([part[name] for part in (nothing, *self.kept)]) for name in nothing}
        samples = LatencySamples(
            arrays["durations_ns"],
            arrays["starts_ns"],
            self.warmed.first_ns,
            self.warmed.n,
            self.warmed.elapsed_ns,
            self.reason,
            arrays.get("service_ns"),
            arrays.get("intended_ns"),
            self.taken.queue,
            self.watch.series(),
            {**self.watch.dropped, **self.watch.troubles()},
        )
        return SoakSamples(samples, tuple(self.segments), self.inferences, self.began_ns)


def _columns(taken: Taken) -> dict[str, Array]:
    columns = {"durations_ns": taken.durations_ns, "starts_ns": taken.starts_ns}
    if taken.intended_ns is not None:
        columns.update(service_ns=taken.service_ns, intended_ns=taken.intended_ns)
    return columns


def _start(
    session: Session,
    feeds: Feeds,
    plan: LatencyPlan,
    progress: Progress,
    *,
    keep: Keep | None,
    watch: Watch,
    clocks: Clocks,
) -> _Soak:
    now_ns = clocks.now_ns
    run = runner(session, feeds)
    warming = make_pacer(plan, clocks, lambda: progress.warming(0, (now_ns() - progress.began_ns) / 1e9))
    warmed = warm_up(run, plan, now_ns, progress.warming, warming)
    readings = Readings(watch, plan.telemetry_s, now_ns, None)
    stream = np.random.default_rng(plan.seed)
    soak = _Soak(plan, progress, readings, watch, keep, warmed, Taken(run, now_ns), stream)
    soak.taken.pacer = readings.pacer = make_pacer(plan, clocks, soak.meanwhile)
    return soak
