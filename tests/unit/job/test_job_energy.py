"""The energy job and what is made of its readings, on a scripted device whose clock is fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.energies import _judged
from pytest_edgert.errors import ProtocolError
from pytest_edgert.job.energy import measure_energy, sources_of
from pytest_edgert.measure.energy import EnergySamples
from pytest_edgert.records import BlockPlan, Presence, PresenceState, Verdict
from pytest_edgert.verdicts.energy import choose_sources

IDLE_W, BUSY_W = 2.0, 8.0


class Board:
    """A device: inferences take 10 ms of a fake clock and `BUSY_W` beside `IDLE_W`; a meter that tells it, or lies."""

    name = "board"

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.busy_ns = 0
        self.tell: Callable[[Board], Mapping[str, float | None]] = lambda board: {"energy_j.board": board.joules}

    @property
    def joules(self) -> float:
        return 100.0 + IDLE_W * self.clock.time_ns / 1e9 + BUSY_W * self.busy_ns / 1e9

    def infer(self, feeds):
        self.clock.sleep_s(0.01)
        self.busy_ns += 10_000_000
        return feeds

    def sensors(self, sysroot: Path) -> list[Presence]:
        return [Presence("energy_j.board", PresenceState.USABLE)]

    def open(self, sysroot: Path) -> Board:
        return self

    def read(self) -> Mapping[str, float | None]:
        return self.tell(self)

    def close(self) -> None:
        """Close nothing."""


METER = Board()


@pytest.fixture
def board() -> Board:
    METER.__init__()
    return METER


def plan_of(limit: float | None = None, **changes: object) -> BlockPlan:
    return BlockPlan(limit=limit, meters=(f"{__name__}:METER",), **changes)


def measured(board: Board, plan: BlockPlan) -> EnergySamples:
    found = measure_energy(board, {}, plan, lambda fields: None, now_ns=board.clock.now_ns, sleep_s=board.clock.sleep_s)
    return EnergySamples.from_wire(found.header(), found.tensors())


def test_gross_and_net_are_what_the_device_took(board: Board) -> None:
    plan = plan_of()
    judged = _judged(measured(board, plan), plan, "")
    gross, net = judged.blocks
    assert judged.verdict is Verdict.MEASURED
    assert gross.median == pytest.approx((IDLE_W + BUSY_W) * 0.01, rel=1e-6)
    assert net.median == pytest.approx(BUSY_W * 0.01, rel=1e-6)
    assert gross.detail["idle_power_w"] == pytest.approx(IDLE_W)
    assert gross.detail["power_w"] == pytest.approx(IDLE_W + BUSY_W)
    assert (len(gross.values), gross.block_s) == (10, 1.0)


@pytest.mark.parametrize(("limit_j", "verdict"), [(0.2, Verdict.PASS), (0.09, Verdict.FAIL)])
def test_gross_is_held_to_the_limit_and_net_is_not(board: Board, limit_j: float, verdict: Verdict) -> None:
    plan = plan_of(limit_j)
    judged = _judged(measured(board, plan), plan, "net.edge.toml:3")
    assert judged.verdict is verdict
    assert [block.limit for block in judged.blocks] == [limit_j, None]
    assert judged.blocks[1].median < 0.09


def test_a_power_is_integrated_over_each_block(board: Board) -> None:
    last = [0.0, 100.0]

    def power(board: Board) -> Mapping[str, float | None]:
        now_s, joules = board.clock.time_ns / 1e9, board.joules
        watts = (joules - last[1]) / (now_s - last[0]) if now_s > last[0] else IDLE_W
        last[:] = [now_s, joules]
        return {"power_w.board": watts}

    board.tell = power
    plan = plan_of()
    gross, net = _judged(measured(board, plan), plan, "").blocks
    assert gross.median == pytest.approx(0.1, rel=0.05)
    assert net.median == pytest.approx(0.08, rel=0.05)


def test_blocks_and_the_idle_window_hold_ten_new_numbers_of_a_slow_sensor(board: Board) -> None:
    def slow(board: Board) -> Mapping[str, float | None]:
        board.seen = board.joules if board.clock.time_ns // 800_000_000 != getattr(board, "tick", -1) else board.seen
        board.tick = board.clock.time_ns // 800_000_000
        return {"energy_j.board": board.seen}

    board.tell = slow
    plan = plan_of(max_s=200.0)
    found = measured(board, plan)
    assert found.period_s == pytest.approx(0.8, rel=0.15)
    assert found.block_s >= 7.0
    first, last = (found.series.times_ns[row] for row in found.idle)
    assert (last - first) / 1e9 >= 7.0
    assert _judged(found, plan, "").blocks[0].median == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize(
    ("tell", "words"),
    [
        (lambda board: {}, "No sensor of power or energy can be read"),
        (lambda board: {"power_w.board": 5.0}, "It said 5 W in all"),
        (lambda board: {"energy_j.board": 7.0}, "it counts nothing"),
        (lambda board: {"energy_j.board": None}, "It gave no reading"),
        (lambda board: {"energy_j.board": board.joules if board.clock.time_ns < 9e9 else None}, "no reading"),
        (lambda board: {"energy_j.board": board.joules + (1e9 if board.clock.time_ns > 9e9 else 0)}, "it jumped"),
        (lambda board: {"power_w.a": board.clock.time_ns / 1e9, "power_w.b": 1.0}, "one may hold the others"),
    ],
)
def test_a_sensor_that_proves_nothing_is_refused_in_words(board: Board, tell, words: str) -> None:
    board.tell = tell
    plan = plan_of(1000.0)
    judged = _judged(measured(board, plan), plan, "")
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert words in judged.reason
    assert judged.remedy
    assert judged.blocks == ()


def test_without_meters_there_is_nothing_to_judge(board: Board) -> None:
    plan = BlockPlan(limit=1000.0)
    assert _judged(measured(board, plan), plan, "").verdict is Verdict.INCONCLUSIVE


def test_a_worker_that_stopped_on_other_readings_is_not_believed(board: Board) -> None:
    plan = plan_of(0.2)
    found = measured(board, plan)
    cut = EnergySamples(found.series, found.idle, found.edges[:5], found.counts[:5], found.stop_reason)
    assert _judged(cut, plan, "").verdict is Verdict.INVALID


def test_blocks_that_do_not_fit_their_readings_are_refused(board: Board) -> None:
    found = measured(board, plan_of())
    with pytest.raises(ProtocolError):
        EnergySamples.from_wire(found.header(), {**found.tensors(), "edges": found.edges + 10**6})
    with pytest.raises(ProtocolError):
        EnergySamples.from_wire(found.header(), {**found.tensors(), "counts": np.zeros_like(found.counts)})


@pytest.mark.parametrize(
    ("names", "named", "chosen"),
    [
        (["energy_j.package-0", "energy_j.package-0/core", "energy_j.package-1"], None, ["package-0", "package-1"]),
        (["energy_j.psys", "energy_j.package-0"], None, ["psys"]),
        (["energy_j.package-0", "energy_j.gpu0", "power_w.gpu0"], None, ["package-0", "gpu0"]),
        (["energy_j.package-0", "power_w.gpu0", "power_w.fan"], None, ["package-0", "gpu0"]),
        (["power_w.in", "power_w.cpu"], ["power_w.in"], ["in"]),
        (["power_w.in"], None, ["in"]),
        (["power_w.in", "power_w.cpu"], None, []),
        (["power_w.in"], [], []),
    ],
)
def test_the_device_is_what_its_profile_names_or_what_no_other_sensor_holds(names, named, chosen) -> None:
    sources = choose_sources(names, named)
    assert [name.partition(".")[2] for name in sources.names] == chosen
    assert bool(sources.problem) == (not chosen)


def test_a_profile_that_names_a_sensor_which_is_not_here_gets_no_part_of_the_device() -> None:
    plan = BlockPlan(sensors=("rapl:package-0", "nvml:gpu0"))
    sources = sources_of(plan, ("energy_j.package-0",))
    assert "nvml:gpu0" in sources.problem
