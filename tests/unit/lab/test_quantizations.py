"""From figures of tensors to a verdict, its sentences and its doubts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_edgert.quantization_doubts import doubts_of
from pytest_edgert.quantizations import Seen, joined, judge_grids
from pytest_edgert.records import CheckRecord, TensorHealth, Verdict
from pytest_edgert.records.check import Cell
from pytest_edgert.reports import text

WEIGHT = TensorHealth("w", "weight", "int8", 4, 0.01, 0.04, n=32, unused=0.004, channels=4, dead=0, reach=5e5)
BIAS = TensorHealth("b", "bias", "int32", 4, 5e-4, 2e-3, n=4, clipped=0.0)
STEP = TensorHealth(
    "y", "activation", "int8", 1, 0.5, 0.5, n=900, rmse=0.29, clipped=0.0, cut=0.0, unused=0.1, channels=4, constant=0
)
SOUND = (WEIGHT, BIAS, STEP)


def test_without_a_limit_a_sound_artefact_is_only_measured():
    found = judge_grids(Seen(SOUND, "4 recorded samples", real=True), {})
    assert found.verdict is Verdict.MEASURED
    assert (found.doubts, found.notes) == ((), ())
    assert {one.name: one.value for one in found.amounts} == {
        "rmse": 0.29,
        "clipped": 0.0,
        "unused": 0.1,
        "dead": 0.0,
        "constant": 0.0,
    }
    assert "3 quantised tensors on 4 recorded samples" in found.reason
    assert "rmse 0.29 at 'y'" in found.reason


@pytest.mark.parametrize(
    ("limit", "verdict"), [({"rmse": (0.5, "net.edge.toml:3")}, Verdict.PASS), ({"rmse": (0.2, "x:1")}, Verdict.FAIL)]
)
def test_a_limit_is_what_makes_a_pass(limit, verdict):
    found = judge_grids(Seen(SOUND, "4 sets of seeded noise"), limit)
    assert found.verdict is verdict
    assert ("beyond the limit are rmse 0.29 at 'y'" in found.reason) == (verdict is Verdict.FAIL)
    assert bool(found.remedy) == (verdict is Verdict.FAIL)


def test_dead_and_constant_channels_are_counted_together():
    twice = (replace(WEIGHT, dead=1), replace(WEIGHT, name="v", dead=2))
    found = judge_grids(Seen(twice), {"dead": (2.0, "x:1")})
    assert found.verdict is Verdict.FAIL
    assert next(one for one in found.amounts if one.name == "dead").value == 3


def test_a_defect_fails_whatever_the_limits_and_names_tensor_and_value():
    bad = replace(WEIGHT, faults=("the scale is 0 (0 in 1 of 4 channels, the first is 2)",))
    found = judge_grids(Seen((bad, BIAS, STEP), "4 sets of seeded noise"), {"rmse": (0.5, "x:1")})
    assert found.verdict is Verdict.FAIL
    assert found.reason == "weight 'w': the scale is 0 (0 in 1 of 4 channels, the first is 2)."
    assert "defects 1, limit 0" in text.figure(record_of(found))


def test_a_limit_that_nothing_tells_of_is_inconclusive():
    found = judge_grids(Seen((WEIGHT, BIAS), silent="net.tflite needs operators that the reference lacks: FOO."), {"rmse": (0.5, "x:1")})  # fmt: skip
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "Nothing tells rmse: net.tflite needs operators that the reference lacks: FOO."
    assert found.notes[0].startswith("judged by the file alone")


def test_without_the_oracle_the_file_alone_is_measured_and_that_is_said():
    found = judge_grids(Seen((WEIGHT, BIAS), silent="no."), {})
    assert found.verdict is Verdict.MEASURED
    assert "by the file alone" in found.reason


@pytest.mark.parametrize(
    ("one", "kind", "words"),
    [
        (replace(STEP, rmse=0.6), "rmse", "'y' 0.6"),
        (replace(STEP, clipped=0.02), "clipped", "'y' 2 %"),
        (replace(STEP, cut=0.4), "cut", "'y' 40 %"),
        (replace(WEIGHT, dead=3), "dead", "'w' 3 of 4"),
        (replace(STEP, constant=2), "constant", "'y' 2 of 4"),
        (replace(BIAS, clipped=0.25), "bias-rails", "'b' 25 %"),
        (replace(WEIGHT, reach=3e9), "accumulator", "'w' 3e+09"),
        (replace(WEIGHT, scale_min=1e-7), "scale-ratio", "'w' 4e+05"),
        (replace(STEP, scale_min=1e36, scale_max=1e36), "odd-scale", "'y' 1e+36 to 1e+36"),
    ],
)
def test_each_sign_of_poor_health_is_one_doubt_that_voids_nothing(one, kind, words):
    rest = tuple(other for other in SOUND if other.name != one.name)
    (found,) = doubts_of((one, *rest), real=True)
    assert (found.kind, found.voids) == (kind, False)
    assert words in found.sentence
    assert found.remedy


def test_sound_grids_raise_no_doubt():
    assert doubts_of(SOUND, real=True) == ()


def test_noise_is_named_before_the_model_is_blamed_and_says_nothing_of_constant_channels():
    found = doubts_of((replace(STEP, rmse=3.0, constant=4),), real=False)
    assert [one.kind for one in found] == ["rmse"]
    assert found[0].sentence.startswith("on seeded noise, RMSE/scale")
    assert found[0].remedy.startswith("Give real inputs first")


def test_the_worst_three_are_named_and_the_rest_counted():
    many = [replace(STEP, name=f"t{n}", rmse=float(n)) for n in range(1, 6)]
    (found,) = doubts_of(many, real=True)
    assert found.sentence.endswith("'t5' 5, 't4' 4, 't3' 3 and 2 more")


def test_a_long_name_keeps_both_its_ends():
    long = "a" * 100 + ";" + "b" * 100
    assert replace(STEP, name=long).label == f"'{'a' * 29}…{'b' * 29}'"
    assert STEP.label == "'y'"


def test_what_a_run_saw_joins_what_the_file_says():
    seen = TensorHealth("y", "activation", "int8", n=5, rmse=0.1)
    more = TensorHealth("z", "activation", "int8", n=5, rmse=0.2)
    told = TensorHealth("y", "activation", "int8", 1, 0.5, 0.5, faults=("wrong",))
    assert joined((WEIGHT, told), (seen, more)) == (
        WEIGHT,
        TensorHealth("y", "activation", "int8", 1, 0.5, 0.5, n=5, rmse=0.1, faults=("wrong",)),
        more,
    )


def test_a_failure_names_faults_and_the_roughest_tensors():
    bad = replace(WEIGHT, faults=("the scale is 0 (0)",))
    lines = list(text.sentences(record_of(judge_grids(Seen((bad, STEP), "noise"), {}))))
    assert "  weight 'w': the scale is 0 (0)" in lines
    assert "  activation 'y': rmse 0.29, clipped 0 %, unused 10 %" in lines


def record_of(found):
    cell = Cell("m", "m.onnx", "", "onnxruntime:cpu")
    return CheckRecord(
        "quantization", cell, found.verdict, found.reason, found.remedy, amounts=found.amounts,
        quantization=found.quantization, doubts=found.doubts, notes=found.notes,
    )  # fmt: skip
