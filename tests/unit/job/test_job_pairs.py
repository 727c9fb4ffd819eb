"""Two artefacts in one process, in alternating blocks."""

import itertools

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.errors import ProtocolError
from pytest_edgert.job.pairs import BLOCK_S, Pairs, measure_pairs
from pytest_edgert.measure.samples import SUFFICED
from pytest_edgert.records import LatencyPlan, Verdict
from pytest_edgert.verdicts.baseline import Ratios, judge_ratios
from pytest_edgert.verdicts.margin import Margin

MARGIN = Margin(0.05)
PLAN = LatencyPlan()


class Machine:
    """Two sessions on one fake clock, whose speed `slowness` changes with time; remembers who ran."""

    def __init__(self, artefact_s, baseline_s, slowness=lambda now_s: 1.0, spread=0.02):
        self.clock = FakeClock()
        self.ran = []
        self.slowness = slowness
        self.noise = np.random.default_rng(5)
        self.spread = spread
        self.sides = ((Side(self, "A", artefact_s), {}), (Side(self, "B", baseline_s), {}))

    def compare(self, plan=PLAN, report=lambda fields: None, margin=MARGIN):
        return measure_pairs(*self.sides, margin, plan, report, now_ns=self.clock.now_ns)


class Side:
    def __init__(self, machine, name, duration_s):
        self.machine, self.name, self.duration_s = machine, name, duration_s

    def infer(self, feeds):
        machine = self.machine
        factor = float(np.exp(machine.spread * machine.noise.standard_normal()))
        machine.clock.sleep_s(self.duration_s * factor * machine.slowness(machine.clock.time_ns / 1e9))
        machine.ran.append(self.name)
        return feeds


def verdict_of(pairs, plan=PLAN):
    return judge_ratios(
        Ratios(pairs.ratios, pairs.span_ns / 1e9, pairs.stop_reason, BLOCK_S, {}), MARGIN, plan
    ).test.verdict


@pytest.mark.parametrize(("artefact_s", "verdict"), [(1e-3, Verdict.PASS), (1.2e-3, Verdict.FAIL)])
def test_a_clear_case_is_decided_in_fifty_pairs(artefact_s, verdict):
    pairs = Machine(artefact_s, 1e-3).compare()
    assert verdict_of(pairs) is verdict
    assert (len(pairs.ratios), pairs.stop_reason) == (50, SUFFICED)


def test_the_ratio_is_the_artefacts_over_the_baselines():
    assert np.median(Machine(2e-3, 1e-3, spread=0.001).compare().ratios) == pytest.approx(2.0, rel=0.01)


def test_every_two_pairs_are_a_b_b_a_or_b_a_a_b_and_both_come():
    machine = Machine(1e-3, 1e-3)
    pairs = machine.compare()
    ran = "".join(machine.ran[pairs.warm_up_n :])
    # Blocks of one side that follow each other are one run of letters, so they are cut by their length.
    lengths = [len(list(group)) for _, group in itertools.groupby(ran)]
    once, begins = min(lengths), np.cumsum([0, *lengths[:-1]])
    order = "".join(ran[begin] * round(length / once) for begin, length in zip(begins, lengths, strict=True))
    quads = {order[i : i + 4] for i in range(0, len(order), 4)}
    assert quads == {"ABBA", "BAAB"}


def test_the_order_comes_from_the_seed():
    runs = []
    for seed in (1, 1, 2):
        machine = Machine(1e-3, 1e-3)
        machine.compare(LatencyPlan(seed=seed))
        runs.append("".join(machine.ran))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_machine_that_slows_down_all_the_time_favours_neither():
    machine = Machine(1e-3, 1e-3, slowness=lambda now_s: 1 + now_s / 4, spread=0.001)
    pairs = machine.compare()
    assert verdict_of(pairs) is Verdict.PASS
    assert np.median(pairs.ratios) == pytest.approx(1.0, abs=0.01)


def test_a_machine_that_becomes_half_as_fast_in_the_middle_favours_neither():
    machine = Machine(1e-3, 1e-3, slowness=lambda now_s: 1.0 if now_s < 3.5 else 2.0)
    assert verdict_of(machine.compare()) is Verdict.PASS


def test_a_block_lasts_about_its_time_and_holds_one_inference_at_least():
    assert Machine(1e-3, 2e-3, spread=0.001).compare().block_n == (30, 15)
    assert Machine(0.2, 0.2, spread=0.001).compare().block_n == (1, 1)


def test_both_sides_are_warmed_up():
    machine = Machine(1e-3, 1e-3)
    pairs = machine.compare(LatencyPlan(warm_up_n=10, warm_up_s=0.5))
    warm = "".join(machine.ran[: pairs.warm_up_n])
    assert warm == "A" * warm.count("A") + "B" * warm.count("B")
    assert min(warm.count("A"), warm.count("B")) * 1e-3 > 0.45


def test_what_lies_at_the_limit_ends_at_the_cap():
    plan = LatencyPlan(max_s=6.0)
    pairs = Machine(1.05e-3, 1e-3, spread=0.3).compare(plan)
    assert pairs.stop_reason == "the cap of 6 s was reached"
    assert verdict_of(pairs, plan) is Verdict.INCONCLUSIVE


def test_evidence_spans_the_time_that_it_must():
    pairs = Machine(1e-3, 1e-3).compare(LatencyPlan(min_s=10.0))
    assert pairs.span_ns >= 10e9


def test_a_clock_that_stands_still_ends_the_comparison_as_invalid():
    machine = Machine(0.0, 0.0)
    pairs = measure_pairs(
        *machine.sides, MARGIN, LatencyPlan(warm_up_n=1, warm_up_s=0.0), lambda _: None, now_ns=lambda: 7
    )
    assert verdict_of(pairs) is Verdict.INVALID


def test_progress_tells_pairs_and_their_ratio_so_far():
    told = []
    Machine(2e-3, 1e-3, spread=0.001).compare(report=told.append)
    assert {fields["phase"] for fields in told} == {"warm-up", "pairs"}
    last = told[-1]
    assert 0 < last["n"] <= 50
    assert last["ratio"] == pytest.approx(2.0, rel=0.01)


def test_pairs_survive_the_pipe():
    pairs = Machine(1e-3, 1e-3).compare()
    back = Pairs.from_wire(pairs.meta(), {"medians_ns": pairs.medians_ns})
    assert np.array_equal(back.medians_ns, pairs.medians_ns)
    assert back.meta() == pairs.meta()


@pytest.mark.parametrize(
    "change",
    [{"span_ns": None}, {"artefact_n": "1"}, {"medians_ns": np.zeros(4)}, {"medians_ns": np.zeros((4, 3))}],
)
def test_pairs_that_lack_a_part_are_no_answer(change):
    pairs = Machine(1e-3, 1e-3).compare()
    parts = {**pairs.meta(), "medians_ns": pairs.medians_ns, **change}
    with pytest.raises(ProtocolError):
        Pairs.from_wire(parts, {"medians_ns": parts["medians_ns"]})
