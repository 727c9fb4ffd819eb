"""The margins that one comparison shows: twice p99.9, never a verdict, refused where nothing sound was compared."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_edgert.agreement.compare import compare_outputs
from pytest_edgert.agreement.match import Matching, Pair
from pytest_edgert.agreement.outcome import OutputComparison
from pytest_edgert.agreement.policy import POLICY
from pytest_edgert.agreement.telling import told
from pytest_edgert.agreement.tolerance import Tolerance, override
from pytest_edgert.records import Plain, Verdict
from pytest_edgert.tensors import Array, Quantization, TensorSpec

ONE = Matching("outputs", (Pair("y", "y", "name"),))
STEPS = Quantization((0.5,), (0,))


def calibrated(left: Array, right: Array, tolerance: Tolerance, *, calibrates: bool = True) -> OutputComparison:
    specs = {"y": TensorSpec("y", "int8", left.shape, STEPS)} if left.dtype == np.int8 else {}
    found = compare_outputs(
        {"y": left},
        {"y": right.copy()},
        ONE,
        tolerance,
        left_specs=specs,
        right_specs=specs,
        calibrates=calibrates,
    )
    return found.outputs[0]


def steps(n: int, off: dict[int, int]) -> tuple[Array, Array]:
    right = np.arange(n, dtype=np.int64) % 100
    left = right.copy()
    for place, by in off.items():
        left[place] += by
    return left.astype(np.int8), right.astype(np.int8)


def test_steps_are_twice_their_quantile_and_a_lone_offender_is_told_and_not_let_through() -> None:
    found = calibrated(*steps(10_000, {**dict.fromkeys(range(50), 2), 777: 9}), POLICY["quantized"])
    assert found.verdict is Verdict.FAIL
    assert (found.margins["lsb"], found.n_margins) == (4.0, 10_000)
    assert found.margins["over_one"] == pytest.approx(0.0102)
    assert found.margins["bias"] == pytest.approx(0.0219, abs=1e-4)
    assert "calibration: margins are 2 times p99.9 of 10000 elements" in found.notes
    assert "calibration: the largest error lies beyond the margin of lsb" in found.notes


def test_too_few_elements_take_the_largest_and_say_so() -> None:
    found = calibrated(*steps(999, {3: 2}), POLICY["quantized"])
    assert found.margins["lsb"] == 4.0
    assert "calibration: margins are 2 times the largest of 999 elements, too few for p99.9" in found.notes


def test_a_margin_is_never_below_one_rounding() -> None:
    assert calibrated(*steps(2000, {}), POLICY["quantized"]).margins == {"lsb": 1.0}
    same = np.linspace(1, 2, 2000, dtype=np.float32)
    assert calibrated(same, same, POLICY["float32"]).margins["rtol"] == pytest.approx(2.0**-23, rel=0.01)


def test_floats_scale_both_parts_of_their_tolerance_and_lose_six_decibels() -> None:
    right = np.full(4000, 2.0, np.float32)
    found = calibrated(right + np.float32(2**-10), right, POLICY["float32"])
    error, rtol, atol = 2**-10, found.margins["rtol"], found.margins["atol"]
    assert atol + 2 * rtol == pytest.approx(2 * error, rel=0.01)
    assert rtol / atol == pytest.approx(1e-4 / 2e-5, rel=0.01)
    assert found.margins["sqnr"] == pytest.approx(20 * math.log10(2 / error) - 6.02, abs=0.1)


@pytest.mark.parametrize("row", ["float32", "bfloat16", "float16"])
def test_what_was_frozen_lets_the_same_errors_through(row: str) -> None:
    rng = np.random.default_rng(3)
    right = rng.standard_normal(5000).astype(np.float32)
    left = right + rng.uniform(-1e-2, 1e-2, 5000).astype(np.float32)
    found = calibrated(left, right, POLICY[row])
    frozen = override(POLICY[row], found.margins, "calibrated")
    assert calibrated(left, right, frozen, calibrates=False).verdict is Verdict.PASS


def test_an_output_without_a_gate_shows_its_signal_to_noise_ratio_and_noise_nothing() -> None:
    right = np.linspace(1, 2, 2000, dtype=np.float32)
    row = POLICY["quantized against float"]
    assert list(calibrated(right * np.float32(1.01), right, row).margins) == ["sqnr"]
    assert calibrated(-right, right, row).margins == {}


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (np.zeros(3, np.float32), np.zeros(4, np.float32), "structure broke"),
        (np.zeros(3, np.float32), np.zeros(3, np.int64), "structure broke"),
        (np.float32([1, np.nan]), np.float32([1, 2]), "NaN or infinities"),
        (np.float32([1, np.inf]), np.float32([1, -np.inf]), "NaN or infinities"),
        (np.float32([np.nan]), np.float32([np.nan]), "no element is finite"),
    ],
)
def test_nothing_is_taken_from_what_was_not_compared(left: Array, right: Array, words: str) -> None:
    found = calibrated(left, right, POLICY["float32"])
    assert not found.margins
    assert words in next(note for note in found.notes if note.startswith("calibration: refused"))


def test_a_missing_output_is_refused() -> None:
    found = compare_outputs({"y": np.zeros(1)}, {}, ONE, POLICY["float32"], calibrates=True).outputs[0]
    assert (found.verdict, found.notes) == (
        Verdict.FAIL,
        (f"calibration: refused, for the structure broke: {found.reason}",),
    )


def test_integers_stay_exact_and_another_run_tells_nothing() -> None:
    whole = np.arange(2000)
    assert not calibrated(whole + 1, whole, POLICY["integer"]).margins
    floats = np.ones(2000, np.float32)
    assert not calibrated(floats * 2, floats, POLICY["operator float32, data movement"]).margins
    assert not calibrated(*steps(2000, {3: 1}), POLICY["operator quantized, data movement"]).margins
    found = calibrated(floats, floats, POLICY["float32"], calibrates=False)
    assert (found.margins, found.n_margins, found.notes) == ({}, 0, ())


def test_the_record_has_the_margins_among_its_figures() -> None:
    left, right = steps(2000, {})
    specs = {"y": TensorSpec("y", "int8", left.shape, STEPS)}
    row = POLICY["quantized"]
    found = compare_outputs(
        {"y": left}, {"y": right.copy()}, ONE, row, left_specs=specs, right_specs=specs, calibrates=True
    )
    figures: dict[str, Plain] = dict(told(found, "implementation", "r", 1).outputs[0].figures)
    assert (figures["margin_lsb"], figures["margin_n"]) == (1.0, 2000)
