"""The latency job: what a worker does beside the runtime, from the first inference to the last sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from pytest_edgert import clock
from pytest_edgert.contracts import Session
from pytest_edgert.job.beside import Keep, Keeping, Progress, Readings, Report
from pytest_edgert.job.taken import FIRST_CAPACITY, Taken
from pytest_edgert.job.watch import Watch
from pytest_edgert.measure.arrival import Schedule
from pytest_edgert.measure.loop import runner
from pytest_edgert.measure.paced import Pacer
from pytest_edgert.measure.samples import OVERRUN, SUFFICED, LatencySamples
from pytest_edgert.measure.warm_up import WarmUp, warm_up
from pytest_edgert.records import LatencyPlan, Pattern, Verdict
from pytest_edgert.tensors import Feeds
from pytest_edgert.verdicts.evidence import Held
from pytest_edgert.verdicts.latency import PERCENTILES, decide
from pytest_edgert.verdicts.queue import Load, load_of

#: Time of one block of inferences between two looks at the evidence.
_BLOCK_S = 0.03
#: Samples by which the evidence must have grown for another look, as a share: a look costs time in proportion to n.
_LOOK_STEP = 0.01
#: Share of the time that looks may cost: after each one, inferences have so much longer than it took. One look that
#: something else delayed does not hold up the next for longer than a second, or a quarter of the time so far.
_LOOK_SHARE, _LONGEST_PAUSE_S, _PAUSE_SHARE = 0.005, 1.0, 0.25
#: Samples kept at most, 64 MB of memory in a closed loop.
MAX_SAMPLES = 4_000_000


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clock of a measurement and its sleep; a test gives both of a fake one."""

    now_ns: Callable[[], int] = clock.monotonic_ns
    sleep_s: Callable[[float], None] = clock.sleep_s


def measure_latency(
    session: Session,
    feeds: Feeds,
    plan: LatencyPlan,
    report: Report,
    *,
    prior: LatencySamples | None = None,
    keep: Keep | None = None,
    now_ns: Callable[[], int] = clock.monotonic_ns,
    sleep_s: Callable[[float], None] = clock.sleep_s,
) -> LatencySamples:
    """Warm up, then sample in blocks until the evidence suffices or the plan says stop.

    The verdict is not part of the result: whoever gets the samples computes it by `verdicts.latency.judge_latency`,
    which on these samples says what stopped the sampling.

    Args:
        session: A session that nothing else uses meanwhile.
        feeds: Feeds that fit its signature.
        plan: What to decide, and for how long at most; warm-up counts towards `plan.max_s`.
        report: Called at most four times a second with ``phase`` ("warm-up" or "sampling"), ``n``, ``elapsed_s``, and
            when sampling ``percentile`` with its running ``estimate_s``. What it raises ends the measurement.
        prior: Samples of an attempt before that did not decide: this one goes on with them.
        keep: Called every few seconds with the samples since the last call, so that they outlive this process.
        now_ns: The clock.
        sleep_s: Sleeps until shortly before the next request of an open loop.

    Raises:
        EdgertError: Whatever the session raises.
    """
    with closing(Watch(plan.meters, interval_s=plan.telemetry_s, now_ns=now_ns)) as watch:
        began = now_ns()
        percentile = plan.budgets[0].percentile if plan.budgets else PERCENTILES[0]
        progress = Progress(report, now_ns, began, percentile, began)
        loop = _start(session, feeds, plan, progress, keep=keep, watch=watch, clocks=Clocks(now_ns, sleep_s))
        if prior is not None:
            loop.go_on_from(prior)
        watch.read_now()
        loop.sample()
        watch.read_now()
        return loop.samples(watch)


@dataclass(slots=True)
class _Loop:
    """One measurement, warmed up: blocks of inferences, and what is done between them."""

    plan: LatencyPlan
    progress: Progress
    readings: Readings
    keeping: Keeping
    warmed: WarmUp
    taken: Taken
    held: Held
    began_ns: int
    next_look: int = 1
    next_look_ns: int = 0
    full_n: int = 0
    reason: str = ""

    def go_on_from(self, prior: LatencySamples) -> None:
        """Take the samples of an attempt before for the first ones; they are handed on no more."""
        self.taken.go_on_from(prior)
        self.keeping.sent = self.next_look = self.taken.n

    def sample(self) -> str:
        """Sample until there is a reason to stop, and return it."""
        typical_ns = self.warmed.last_ns
        self.began_ns = self.keeping.last_ns = self.progress.now_ns()
        if self.taken.pacer is not None:
            self.taken.pacer.follow()
        while not self.reason:
            block = _block(typical_ns, self.taken.n, self.full_n, self.plan)
            self.taken.take(block)
            typical_ns = int(np.median(self.taken.service_ns[-block:]))
            if self.taken.pacer is None:
                self._between()
            else:
                self.taken.pacer.aside(self._between)
        return self.reason

    def _between(self) -> None:
        """Look whether to stop, and at all that goes on beside."""
        over = self._over()
        due = self.taken.n >= self.next_look and self.progress.now_ns() >= self.next_look_ns
        if due or self.taken.n == self.full_n:
            self._look()
        self.reason = self.reason or over
        if not self.reason:
            self.keeping.look(self.taken)
            self.meanwhile()

    def _look(self) -> None:
        """Look at the evidence, and leave the next look until this one has been paid for."""
        began_ns = self.progress.now_ns()
        self.next_look = self.taken.n + math.ceil(_LOOK_STEP * self.taken.n)
        self.reason = _evidence(self.taken, self.plan, self.held)
        self.full_n = (self.plan.fixed_n or 0) + self.held.cut_n
        ended_ns = self.progress.now_ns()
        longest_ns = max(_LONGEST_PAUSE_S * 1e9, _PAUSE_SHARE * (ended_ns - self.began_ns))
        self.next_look_ns = ended_ns + round(min((ended_ns - began_ns) / _LOOK_SHARE, longest_ns))

    def _over(self) -> str:
        now = self.progress.now_ns()
        if self.taken.pacer is not None:  # No request is waited for that would come after the end.
            now = max(now, self.taken.pacer.schedule.next_ns)
        return _time_or_count(
            self.plan, self.taken.n, (now - self.progress.began_ns) / 1e9, (now - self.began_ns) / 1e9
        )

    def meanwhile(self) -> None:
        """Have a look at sensors and progress, between two blocks or while an open loop waits."""
        self.readings.look()
        self.progress.sampling(self.taken.n, self.taken.durations_ns)

    def samples(self, watch: Watch) -> LatencySamples:
        """Return everything that was seen."""
        taken, warmed = self.taken, self.warmed
        return LatencySamples(
            taken.durations_ns,
            taken.starts_ns,
            warmed.first_ns,
            warmed.n,
            warmed.elapsed_ns,
            self.reason,
            None if taken.pacer is None else taken.service_ns,
            taken.intended_ns,
            taken.queue,
            watch.series(),
            {**watch.dropped, **watch.troubles()},
        )


def _start(
    session: Session,
    feeds: Feeds,
    plan: LatencyPlan,
    progress: Progress,
    *,
    keep: Keep | None,
    watch: Watch,
    clocks: Clocks,
) -> _Loop:
    """Warm up at the plan's arrivals, then begin them anew: a slow first inference leaves no queue behind."""
    _rehearse(plan)
    now_ns = clocks.now_ns
    run = runner(session, feeds)
    warming = make_pacer(plan, clocks, lambda: progress.warming(0, (now_ns() - progress.began_ns) / 1e9))
    warmed = warm_up(run, plan, now_ns, progress.warming, warming)
    head = {"first_ns": warmed.first_ns, "warm_up_n": warmed.n, "warm_up_ns": warmed.elapsed_ns}
    began = now_ns()
    readings = Readings(watch, plan.telemetry_s, now_ns, None)
    loop = _Loop(
        plan,
        progress,
        readings,
        Keeping(keep, head, now_ns, began),
        warmed,
        Taken(run, now_ns),
        Held.fresh(plan),
        began,
        full_n=plan.fixed_n or 0,
    )
    loop.taken.pacer = readings.pacer = make_pacer(plan, clocks, loop.meanwhile)
    return loop


def _rehearse(plan: LatencyPlan) -> None:
    """Look once at evidence that is none, so that what a first look loads and fills is not paid between inferences."""
    durations_ns = 1_000 + np.arange(1_000, dtype=np.int64) % 7
    decide(durations_ns, np.cumsum(durations_ns), plan, Held.fresh(plan))


def make_pacer(plan: LatencyPlan, clocks: Clocks, meanwhile: Callable[[], None]) -> Pacer | None:
    """Return the pacer of a plan's arrivals, the first request now; None for a closed loop."""
    if plan.arrival.pattern is Pattern.CLOSED:
        return None
    schedule = Schedule(plan.arrival, plan.seed, clocks.now_ns())
    return Pacer(schedule, clocks.now_ns, clocks.sleep_s, meanwhile)


def _block(typical_ns: int, n: int, full_n: int, plan: LatencyPlan) -> int:
    """Return how many inferences to run before the next look, with `n` so far and none past a number asked for."""
    most = MAX_SAMPLES - n if n >= full_n else full_n - n
    return max(1, min(block_length(typical_ns, plan), most, max(FIRST_CAPACITY, n)))


def block_length(typical_ns: int, plan: LatencyPlan) -> int:
    """Return how many inferences make a block of about `_BLOCK_S`, at least 1."""
    return max(1, round(_BLOCK_S * 1e9 / max(1.0, typical_ns, plan.arrival.interval_s * 1e9)))


def _evidence(taken: Taken, plan: LatencyPlan, held: Held) -> str:
    """Return why the evidence ends the sampling; empty when it does not.

    A PASS or an INVALID of an open loop waits until it is known whether the queue grows: early response times of a
    queue that grows are short.
    """
    load = None
    if taken.pacer is not None:
        load = load_of(taken.service_ns, taken.durations_ns, plan.arrival).load
        if load is Load.GROWS:
            return OVERRUN
    if not plan.budgets and plan.fixed_n is None:
        return ""
    service_ns = None if taken.pacer is None else taken.service_ns
    decision = decide(taken.durations_ns, taken.starts_ns, plan, held, service_ns=service_ns)
    if not decision.settled:
        return ""
    if plan.fixed_n is not None:
        return f"all {decision.evidence.n} samples were taken"
    return "" if load is Load.UNCLEAR and decision.verdict is not Verdict.FAIL else SUFFICED


def _time_or_count(plan: LatencyPlan, n: int, elapsed_s: float, sampled_s: float) -> str:
    """Return why sampling must end whatever the evidence; empty when it need not."""
    if elapsed_s >= plan.max_s:
        return f"the cap of {plan.max_s:g} s was reached"
    if n >= MAX_SAMPLES:
        return f"the cap of {MAX_SAMPLES} samples was reached"
    if not plan.budgets and plan.fixed_n is None and sampled_s >= plan.measure_s:
        return f"{plan.measure_s:g} s were watched"
    return ""
