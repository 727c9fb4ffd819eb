"""The default tolerances see the planted faults and alarm on no right output; the count itself can fail."""

import importlib.util
import sys
from functools import partial
from pathlib import Path

import pytest
from fault_corpus import CORPUS

from pytest_edgert.agreement.tolerance import Tolerance

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill_rate.py"
DRAWS = 4
HALVES = pytest.mark.parametrize("half", ["seen", "unseen"])


@pytest.fixture(scope="module")
def kill_rate():
    """The script that prints the tables, as a module."""
    spec = importlib.util.spec_from_file_location("kill_rate", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_rate"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["kill_rate"]


def score_of(kill_rate, half, judge, draws=1):
    rows = kill_rate.halves(CORPUS)[half]
    return kill_rate.total(kill_rate.scored(rows, judge, draws), [row.id for row in rows])


@pytest.mark.slow
@HALVES
def test_the_default_tolerances_see_95_of_100_planted_faults_and_alarm_on_no_right_output(kill_rate, half):
    score = score_of(kill_rate, half, kill_rate.alarms, DRAWS)
    assert score.faults >= 100
    assert score.twins >= 80
    assert score.rate >= kill_rate.LEAST_KILLED
    assert score.alarms == kill_rate.MOST_ALARMS


@pytest.mark.slow
@HALVES
def test_without_knowing_that_it_is_one_operator_rounding_alone_is_missed(kill_rate, half):
    judge = partial(kill_rate.alarms, choice=kill_rate.whole_model_tolerance_of)
    rows = kill_rate.halves(CORPUS)[half]
    missed = {row for (row, _, faulty), score in kill_rate.scored(rows, judge, 2).items() if faulty and score.seen == 0}
    assert missed == {"seen": {"Q11", "Q25"}, "unseen": {"Q06", "Q07"}}[half]


@HALVES
def test_a_loose_tolerance_sees_fewer_faults_and_a_tight_one_alarms_on_right_outputs(kill_rate, half):
    loose = score_of(
        kill_rate, half, partial(kill_rate.alarms, choice=lambda _: Tolerance(rtol=1.0, atol=1.0, lsb=300))
    )
    tight = score_of(kill_rate, half, partial(kill_rate.alarms, choice=lambda _: Tolerance(rtol=0.0, atol=0.0, lsb=0)))
    assert loose.rate < kill_rate.LEAST_KILLED
    assert tight.alarms > 0


def test_both_halves_are_the_whole(kill_rate):
    parts = kill_rate.halves(CORPUS)
    assert sorted(row.id for rows in parts.values() for row in rows) == sorted(row.id for row in CORPUS if row.draw)
    assert {row.id for row in kill_rate.corpus()} == {row.id for row in CORPUS}


def test_the_defaults_of_torch_let_float32_through_and_alarm_on_the_same_nan(kill_rate):
    rows = {row.id: row for row in CORPUS}
    scores = kill_rate.scored([rows["F03"], rows["N01"]], kill_rate.numpy_with_torch_defaults, DRAWS)
    assert kill_rate.total(scores, ["F03"]).rate < 1
    assert kill_rate.total(scores, ["N01"]).alarms > 0
