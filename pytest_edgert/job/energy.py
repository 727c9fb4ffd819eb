"""The energy job: the idle device first, then inferences in a closed loop, meters read at the edges of each block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from pytest_edgert import clock
from pytest_edgert.contracts import Session
from pytest_edgert.devices.telemetry.wanted import Wanted
from pytest_edgert.job.beside import Report
from pytest_edgert.job.watch import Watch
from pytest_edgert.measure.energy import EnergySamples
from pytest_edgert.measure.loop import runner
from pytest_edgert.measure.samples import SUFFICED
from pytest_edgert.records import BlockPlan, Verdict
from pytest_edgert.tensors import Feeds
from pytest_edgert.verdicts.blocks import FEWEST_BLOCKS, BlockLimit, decide_blocks
from pytest_edgert.verdicts.energy import Sources, choose_sources, energy_blocks, sensor_period_s

#: Time between two readings of the idle device and of a sensor of power; more often would be load of its own.
READING_S = 0.05
#: A window holds at least so many new numbers of the slowest sensor.
FEWEST_PERIODS = 10
#: Share of the whole time allowed that a warm-up may take.
_LARGEST_SHARE = 0.25
#: Longest a block may become for a slow sensor, in seconds; slower ones tell nothing in the time of a test.
_LONGEST_BLOCK_S = 30.0


def energy_limit(plan: BlockPlan) -> BlockLimit:
    """Return what joules per inference of a plan are held to: a ceiling."""
    return BlockLimit(plan.limit, alpha=plan.alpha, beta=plan.beta)


def sources_of(plan: BlockPlan, names: tuple[str, ...]) -> Sources:
    """Return the sensors, among those read, that make up the device's energy: as the profile says, else by rule."""
    wanted = [Wanted("power", *text.split(":", 1)) for text in plan.sensors]
    named = dict.fromkeys(name for one in wanted for name in one.among(names))
    missing = [str(one) for one in wanted if not one.among(names)]
    if missing and named:
        return Sources(
            problem=f"The profile names {', '.join(missing)}, which is not here: the rest is not the whole device.",
            remedy="`edgert doctor` shows the sensors of this device; correct [telemetry] power of its profile.",
        )
    return choose_sources(names, tuple(named) if wanted else None)


def measure_energy(
    session: Session,
    feeds: Feeds,
    plan: BlockPlan,
    report: Report,
    *,
    now_ns: Callable[[], int] = clock.monotonic_ns,
    sleep_s: Callable[[float], None] = clock.sleep_s,
) -> EnergySamples:
    """Watch the idle device, warm up, then run blocks until the evidence suffices or the plan says stop.

    Blocks last `plan.block_s` and ten periods of the slowest sensor at least. Readings are all there is to the result:
    whoever gets them computes joules by `verdicts.energy`.

    Args:
        session: A session that nothing else uses meanwhile.
        feeds: Feeds that fit its signature.
        plan: What to decide, the meters and for how long at most; the idle window counts towards `plan.max_s`.
        report: Called after each reading of the idle device and each block.
        now_ns: The clock.
        sleep_s: Waits on it.

    Raises:
        EdgertError: Whatever the session raises.
    """
    began = now_ns()
    run = runner(session, feeds)
    watch = Watch(plan.meters, sysroot=Path(plan.sysroot), interval_s=READING_S, now_ns=now_ns)
    with closing(watch):
        loop = _Loop(run, plan, watch, report, now_ns, sleep_s, began)
        return loop.samples()


class _Loop:
    """One measurement of energy."""

    def __init__(  # noqa: PLR0917 - made once, by the function above
        self,
        run: Callable[[], object],
        plan: BlockPlan,
        watch: Watch,
        report: Report,
        now_ns: Callable[[], int],
        sleep_s: Callable[[float], None],
        began: int,
    ) -> None:
        self.run, self.plan, self.watch, self.report = run, plan, watch, report
        self.now_ns, self.sleep_s, self.began = now_ns, sleep_s, began
        self.rows = 0
        self.edges: list[tuple[int, int]] = []
        self.counts: list[int] = []

    def samples(self) -> EnergySamples:
        self.read()
        sources = sources_of(self.plan, self.watch.series().names if self.rows else ())
        if sources.problem:
            return self.ended((0, 0), sources.problem, 0.0)
        idle = self.idle(sources)
        period_s = sensor_period_s(self.watch.series(), sources.names, *idle)
        block_s = min(max(self.plan.block_s, FEWEST_PERIODS * period_s), _LONGEST_BLOCK_S)
        self.warm_up()
        reason = ""
        while not reason:
            self.block(block_s, powers=any(name.startswith("power_w") for name in sources.names))
            reason = self.reason(sources, idle)
        return self.ended(idle, reason, period_s, block_s)

    def ended(self, idle: tuple[int, int], reason: str, period_s: float, block_s: float = 1.0) -> EnergySamples:
        troubles = {**self.watch.troubles(), **self.watch.dropped}
        edges = np.array(self.edges, np.int64).reshape(-1, 2)
        counts = np.array(self.counts, np.int64)
        return EnergySamples(self.watch.series(), idle, edges, counts, reason, block_s, period_s, troubles)

    def idle(self, sources: Sources) -> tuple[int, int]:
        """Watch the idle device for the plan's time, and for ten new numbers of the slowest sensor; give its rows."""
        first, started = self.rows - 1, self.now_ns()
        while True:
            self.sleep_s(READING_S)
            self.read()
            elapsed_s = (self.now_ns() - started) / 1e9
            self.report({"phase": "idle", "n": 0, "elapsed_s": self.elapsed_s})
            if elapsed_s < self.plan.idle_s:
                continue
            period_s = sensor_period_s(self.watch.series(), sources.names, first, self.rows - 1)
            if elapsed_s >= FEWEST_PERIODS * period_s or elapsed_s >= max(_LONGEST_BLOCK_S, self.plan.idle_s):
                return first, self.rows - 1

    def warm_up(self) -> None:
        n, started = 0, self.now_ns()
        while True:
            self.run()
            n += 1
            elapsed_s = (self.now_ns() - started) / 1e9
            if n >= self.plan.warm_up_n and elapsed_s >= self.plan.warm_up_s:
                return
            if elapsed_s >= _LARGEST_SHARE * self.plan.max_s:
                return

    def block(self, block_s: float, *, powers: bool) -> None:
        """Run one block between two readings; a power is read on the way too, for it is to be integrated."""
        self.read()
        first, ends = self.rows - 1, self.now_ns() + round(block_s * 1e9)
        count = 0
        while not count or self.now_ns() < ends:
            self.run()
            count += 1
            if powers and self.watch.look():
                self.rows += 1
        self.read()
        self.edges.append((first, self.rows - 1))
        self.counts.append(count)

    def reason(self, sources: Sources, idle: tuple[int, int]) -> str:
        """Return why to stop now; empty to go on."""
        found = energy_blocks(self.watch.series(), sources.names, idle, np.array(self.edges), np.array(self.counts))
        n = len(self.counts)
        self.report({"phase": "blocks", "n": n, "elapsed_s": self.elapsed_s})
        if found.problem:
            return found.problem
        verdict = decide_blocks(found.gross_j, energy_limit(self.plan))
        if verdict in {Verdict.PASS, Verdict.FAIL}:
            return SUFFICED
        if verdict is Verdict.MEASURED and n >= FEWEST_BLOCKS:
            return f"{FEWEST_BLOCKS} blocks were watched"
        return f"the cap of {self.plan.max_s:g} s was reached" if self.elapsed_s >= self.plan.max_s else ""

    def read(self) -> None:
        """Read every meter; a watch of which every meter was dropped has no further row."""
        self.watch.read_now()
        self.rows = self.watch.cost_s.n

    @property
    def elapsed_s(self) -> float:
        return (self.now_ns() - self.began) / 1e9
