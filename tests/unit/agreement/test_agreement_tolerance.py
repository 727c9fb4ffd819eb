"""Tolerances: the table of defaults, the row for two outputs, and changes that need a reason."""

import pytest

from pytest_edgert.agreement.policy import POLICY, Question, choose, choose_operator
from pytest_edgert.agreement.tolerance import NanPolicy, Tolerance, looser_fields, override
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Quantization, TensorSpec

DEFAULT = POLICY["float32"]


def spec(dtype="float32", *, quantized=False):
    return TensorSpec("y", dtype, (1, 10), Quantization((0.1,), (0,)) if quantized else None)


@pytest.mark.parametrize("row", POLICY)
def test_every_row_has_a_source_and_a_reason(row):
    assert POLICY[row].source
    assert POLICY[row].reason


@pytest.mark.parametrize(
    "change",
    [
        {"rtol": 1e-3},
        {"atol": 1e-4},
        {"atol_rms": 1.0},
        {"sqnr_db": 40},
        {"sqnr_db": None},
        {"nan": "any"},
    ],
)
def test_a_looser_field_needs_a_reason(change):
    with pytest.raises(UsageError, match="looser than the default") as caught:
        override(DEFAULT, change)
    assert next(iter(change)) in str(caught.value)
    assert override(DEFAULT, change, reason="issue 12: fast math").reason == "issue 12: fast math"


@pytest.mark.parametrize(
    "change",
    [{"rtol": 1e-5}, {"rtol": None}, {"atol": 0}, {"sqnr_db": 90}, {"nan": "forbid"}, {"ulp": 4}, {"top1": 0.5}, {}],
)
def test_a_stricter_or_new_gate_needs_none(change):
    assert looser_fields(DEFAULT, override(DEFAULT, change)) == ()


def test_a_reason_of_blanks_is_no_reason():
    with pytest.raises(UsageError, match="no reason"):
        override(DEFAULT, {"rtol": 1.0}, reason="  ")


def test_an_absolute_number_replaces_the_relative_one():
    changed = override(DEFAULT, {"atol": 1e-3}, reason="r", source="marker")
    assert (changed.atol, changed.atol_rms, changed.source) == (1e-3, None, "marker")


def test_a_gate_in_steps_is_not_looser_for_lacking_an_elementwise_one():
    assert looser_fields(Tolerance(lsb=3), Tolerance(lsb=3, rtol=1.0)) == ()


def test_a_cosine_needs_a_norm_ratio():
    with pytest.raises(UsageError, match="scale"):
        override(DEFAULT, {"cosine": 0.99})
    assert override(DEFAULT, {"cosine": 0.99, "norm_ratio": 0.01}).gates[-2:] == ("sqnr_db", "cosine")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rtoll": 1}, "Did you mean 'rtol'"),
        ({"rtol": -1}, "0 or more"),
        ({"rtol": float("nan")}, "must be a number"),
        ({"rtol": "1e-3"}, "must be a number"),
        ({"rtol": True}, "must be a number"),
        ({"top1": 1.5}, "at most 1"),
        ({"nan": "maybe"}, "propagate"),
    ],
)
def test_a_wrong_change_is_refused(change, words):
    with pytest.raises(UsageError, match=words):
        override(DEFAULT, change, reason="r")


@pytest.mark.parametrize(
    ("left", "right", "accelerators", "more", "row"),
    [
        (spec(), spec(), ("cpu", "cpu"), {}, "float32"),
        (spec("float64"), spec("float64"), ("cpu", "cpu"), {}, "float64"),
        (spec("float64"), spec("float32"), ("cpu", "cpu"), {}, "float32"),
        (spec(), spec(), ("cuda", "cpu"), {}, "tf32"),
        (spec(), spec(), ("cuda", "cpu"), {"precision_left": "f32"}, "float32"),
        (spec(), spec(), ("gpu", "cpu"), {"precision_left": "f16"}, "float16"),
        (spec(), spec("bfloat16"), ("cpu", "cpu"), {}, "bfloat16"),
        (spec("float16"), spec(), ("cpu", "cpu"), {}, "float16"),
        (spec("int64"), spec("int64"), ("cpu", "cpu"), {"quantized_left": True, "quantized_right": True}, "integer"),
        (spec("bool"), spec("bool"), ("cpu", "cpu"), {}, "integer"),
        (spec("string"), spec("string"), ("cpu", "cpu"), {}, "string"),
        (spec("int8", quantized=True), spec("int8", quantized=True), ("cpu", "cpu"), {}, "quantized"),
        (spec("int8", quantized=True), spec("int8", quantized=True), ("edgetpu", "cpu"), {}, "quantized, neural unit"),
        (spec(), spec(), ("cpu", "cpu"), {"quantized_left": True, "quantized_right": True}, "quantized, float output"),
        (spec("int8", quantized=True), spec(), ("cpu", "cpu"), {}, "quantized against float"),
        (spec(), spec(), ("cpu", "cpu"), {"quantized_left": True}, "quantized against float"),
    ],
)
def test_two_outputs_lead_to_their_row(left, right, accelerators, more, row):
    assert choose(left, right, *accelerators, Question.PORT, **more) is POLICY[row]


def test_one_artefact_is_quantised_on_both_sides_or_on_none():
    chosen = choose(spec("int8", quantized=True), spec(), "cpu", "cpu", "implementation")
    assert chosen is POLICY["quantized"]


def test_an_unknown_question_is_refused():
    with pytest.raises(UsageError, match="implementation"):
        choose(spec(), spec(), "cpu", "cpu", "why")


def test_the_policies_of_nan_are_ordered_from_strict_to_loose():
    assert [policy.value for policy in NanPolicy] == ["forbid", "propagate", "any"]


def test_one_operator_has_rows_of_its_own():
    steps, floats = spec("int8", quantized=True), spec()
    assert choose_operator(steps, rounding_declared=True) is POLICY["operator quantized, same rounding"]
    assert choose_operator(steps, rounding_declared=False) is POLICY["operator quantized"]
    assert (
        choose_operator(floats, rounding_declared=True, arithmetic=False) is POLICY["operator float32, data movement"]
    )
    assert choose_operator(floats, rounding_declared=False) is POLICY["float32"]
    assert choose_operator(spec("int64"), rounding_declared=True, arithmetic=False) is POLICY["integer"]
