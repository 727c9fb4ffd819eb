"""An artefact that is one operator is judged by the rows for operators, against the oracle alone."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_edgert.agreement.compare import compare_outputs
from pytest_edgert.agreement.match import Matching, Pair
from pytest_edgert.agreement.operators import operator_tolerance
from pytest_edgert.agreement.policy import POLICY
from pytest_edgert.records import Evidence, Placement, Plain, Verdict
from pytest_edgert.tensors import Quantization, TensorSpec

STEPS = TensorSpec("y", "int8", (4,), Quantization((0.1,), (0,)))
FLOATS = TensorSpec("y", "float32", (4,))


def placed(**detail: Plain) -> Placement:
    return Placement("cpu", Evidence.TRACED, {"cpu": 3}, detail=detail)


ONE = placed(operator="Add", moves=False, exact=3, rounding="half-even")
MOVES = placed(operator="Reshape", moves=True, exact=3, rounding="half-even")


@pytest.mark.parametrize(
    ("oracle", "own", "row"),
    [
        (ONE, placed(), "operator quantized, ties open"),
        (ONE, placed(precision="i8"), "operator quantized, ties open"),
        (ONE, placed(rounding="half-even"), "operator quantized, same rounding"),
        (ONE, placed(rounding="half-away"), "operator quantized, ties open"),
        (MOVES, placed(), "operator quantized, data movement"),
        (ONE, placed(precision="bf16"), "quantized"),
        (placed(exact=3, rounding="half-even"), placed(), "quantized"),
        (placed(operator="Softmax", moves=False, exact=2), placed(), "quantized"),
    ],
)
def test_steps_of_one_operator_that_the_oracle_knows_exactly(oracle: Placement, own: Placement, row: str) -> None:
    assert operator_tolerance(POLICY["quantized"], STEPS, STEPS, own, oracle) is POLICY[row]


def test_floats_have_the_units_in_the_last_place_of_their_operator() -> None:
    whole = POLICY["float32"]
    assert operator_tolerance(whole, FLOATS, FLOATS, placed(), MOVES) is POLICY["operator float32, data movement"]
    for operator, row in (("Relu", "choice"), ("MINIMUM", "choice"), ("Add", "one rounding"), ("MUL", "one rounding")):
        told = operator_tolerance(whole, FLOATS, FLOATS, placed(), placed(operator=operator, moves=False))
        assert told is POLICY[f"operator float32, {row}"]
    assert operator_tolerance(whole, FLOATS, FLOATS, placed(), placed(operator="Conv", moves=False)) is whole
    assert operator_tolerance(POLICY["bfloat16"], FLOATS, FLOATS, placed(), MOVES) is POLICY["bfloat16"]


def test_one_unit_in_the_last_place_passes_where_one_is_allowed_and_two_fail() -> None:
    right = np.float32([1.0, -3.0, 1e-30, 2.0**100])
    one = np.nextafter(right, np.float32(np.inf))
    row = POLICY["operator float32, one rounding"]
    matching = Matching("outputs", (Pair("y", "y", "name"),))
    assert compare_outputs({"y": one}, {"y": right}, matching, row).verdict is Verdict.PASS
    two = np.nextafter(one, np.float32(np.inf))
    assert compare_outputs({"y": two}, {"y": right}, matching, row).verdict is Verdict.FAIL
    choice = POLICY["operator float32, choice"]
    assert compare_outputs({"y": one}, {"y": right}, matching, choice).verdict is Verdict.FAIL


def test_wider_rows_stay_and_so_do_steps_of_another_size() -> None:
    other = TensorSpec("y", "int8", (4,), Quantization((0.2,), (0,)))
    assert operator_tolerance(POLICY["quantized"], STEPS, other, placed(), ONE) is POLICY["quantized"]
    for row in ("quantized, neural unit", "quantized, float output", "integer"):
        assert operator_tolerance(POLICY[row], STEPS, STEPS, placed(), ONE) is POLICY[row]
