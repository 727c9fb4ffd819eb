"""Verdicts and sentences of outputs compared, and what other comparators get wrong."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.agreement.compare import compare_outputs
from pytest_edgert.agreement.explain.evidence import Context
from pytest_edgert.agreement.explain.explanation import Explanation
from pytest_edgert.agreement.match import Matching, Pair
from pytest_edgert.agreement.policy import POLICY
from pytest_edgert.agreement.telling import TOLD, told
from pytest_edgert.agreement.tolerance import NanPolicy, Tolerance
from pytest_edgert.errors import EdgertError, UsageError
from pytest_edgert.records import Verdict
from pytest_edgert.tensors import Quantization, TensorSpec

FLOAT = POLICY["float32"]
EXACT = POLICY["integer"]
STEPS = Quantization((0.5,), (3,))


def compare(left, right, tolerance=FLOAT, pair=None, **more):
    """Compare one output named y."""
    matching = Matching("outputs", (pair or Pair("y", "y", "name"),))
    return compare_outputs({"y": left}, {"y": right}, matching, tolerance, **more)


def quantized(left, right, tolerance=POLICY["quantized"]):
    spec = {"y": TensorSpec("y", str(left.dtype), left.shape, STEPS)}
    return compare(left, right, tolerance, left_specs=spec, right_specs=spec)


def floats(*values):
    return np.array(values, np.float32)


# What other comparators get wrong.


@pytest.mark.parametrize("swap", [False, True])
def test_a_missing_output_is_never_equal(swap):
    both, one = {"x": floats(1), "y": floats(2)}, {"x": floats(1)}
    matching = Matching("outputs", (Pair("x", "x", "name"), Pair("y", "y", "name")))
    found = compare_outputs(*((one, both) if swap else (both, one)), matching, FLOAT)
    assert found.verdict is Verdict.FAIL
    assert "Missing output: 'y'" in found.reason


@pytest.mark.parametrize("swap", [False, True])
def test_an_output_that_nobody_matched_is_never_ignored(swap):
    both, one = {"x": floats(1), "y": floats(2)}, {"x": floats(1)}
    matching = Matching("outputs", (Pair("x", "x", "name"),))
    found = compare_outputs(*((one, both) if swap else (both, one)), matching, FLOAT)
    assert found.verdict is Verdict.FAIL
    assert "['y']" in found.reason


def test_comparing_nothing_is_no_pass():
    assert compare_outputs({}, {}, Matching("outputs", ()), FLOAT).verdict is Verdict.FAIL


def test_int32_extremes_do_not_wrap_into_agreement():
    left, right = np.array([-(2**31), -(2**31)], np.int32), np.array([2**31 - 1, 0], np.int32)
    tolerance = Tolerance(atol=1.0, rtol=0.0)
    found = compare(left, right, tolerance)
    assert found.verdict is Verdict.FAIL
    assert "[0] is -2147483648, reference 2147483647" in found.reason
    assert "2 of 2 elements" in found.reason


def test_the_same_nan_and_infinities_agree():
    values = floats(1, np.nan, np.inf, -np.inf)
    assert compare(values, values.copy()).verdict is Verdict.PASS


@pytest.mark.parametrize("other", [floats(1, 0, np.inf), floats(1, np.nan, -np.inf), floats(1, np.nan, 3e38)])
def test_other_nan_or_infinities_fail(other):
    found = compare(floats(1, np.nan, np.inf), other)
    assert found.verdict is Verdict.FAIL
    assert found.outputs[0].broken[0] == "nonfinite"


def test_an_int8_tensor_and_a_float_one_of_the_same_values_are_not_equal():
    found = compare(np.array([1, 2], np.int8), floats(1, 2), Tolerance(atol=100.0))
    assert found.verdict is Verdict.FAIL
    assert "int8 without quantisation parameters" in found.reason


def test_int8_outputs_one_step_apart_agree():
    found = quantized(np.array([[10, 20, 30]], np.int8), np.array([[11, 20, 30]], np.int8), Tolerance(lsb=1))
    assert found.verdict is Verdict.PASS
    assert "1 LSB" in found.reason


@pytest.mark.slow
def test_one_large_error_among_a_million_zeros_fails():
    left = np.zeros(1_000_000, np.float32)
    right = left.copy()
    left[123_456] = 5.0
    found = compare(left, right)
    assert found.verdict is Verdict.FAIL
    assert "[123456] is 5, reference 0" in found.reason
    assert "1 of 1000000 elements" in found.reason


def test_twice_the_output_fails_although_its_cosine_is_one():
    right = np.random.default_rng(0).standard_normal(100, dtype=np.float32)
    found = compare(right * 2, right, Tolerance(cosine=0.999, norm_ratio=0.01))
    assert found.outputs[0].broken == ("norm_ratio",)
    assert "2 times as large" in found.reason


# Structure.


def test_a_tensor_is_not_compared_with_itself():
    values = np.ones(3)
    with pytest.raises(UsageError, match="with itself"):
        compare(values, values)
    with pytest.raises(UsageError, match="same memory"):
        compare(values, values[:])


def test_another_shape_fails_and_names_both():
    found = compare(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))
    assert "shape (2, 3), its reference (3, 2)" in found.reason


@pytest.mark.parametrize("dtype", ["bool", "int64", "<U3"])
def test_another_kind_of_values_fails(dtype):
    assert "another kind of values" in compare(np.zeros(2, np.float32), np.zeros(2, dtype)).reason


def test_integers_of_two_widths_are_compared_exactly_and_noted():
    found = compare(np.array([1, 2], np.int32), np.array([1, 2], np.int64), EXACT)
    assert found.verdict is Verdict.PASS
    assert found.outputs[0].notes == ("int32 compared with int64",)


def test_a_permuted_reference_is_brought_into_the_left_layout():
    right = np.random.default_rng(0).standard_normal((1, 3, 5, 7), dtype=np.float32)
    left = np.ascontiguousarray(right.transpose(0, 2, 3, 1))
    pair = Pair("y", "y", "name", (0, 2, 3, 1))
    assert compare(left, right, pair=pair).verdict is Verdict.PASS
    left[0, 4, 6, 2] += 1
    found = compare(left, right, pair=pair)
    assert "[0, 4, 6, 2]" in found.reason
    assert "axes (0, 2, 3, 1)" in found.outputs[0].notes[0]


def test_a_permuted_reference_keeps_the_axis_of_its_scales():
    scales = (1.0, 0.5, 0.25)
    right = np.random.default_rng(0).integers(-128, 127, (1, 3, 5, 7), dtype=np.int8)
    left = np.ascontiguousarray(right.transpose(0, 2, 3, 1))
    found = compare(
        left,
        right,
        POLICY["quantized"],
        pair=Pair("y", "y", "name", (0, 2, 3, 1)),
        left_specs={"y": TensorSpec("y", "int8", left.shape, Quantization(scales, (0, 0, 0), 3))},
        right_specs={"y": TensorSpec("y", "int8", right.shape, Quantization(scales, (0, 0, 0), 1))},
    )
    assert found.verdict is Verdict.PASS
    assert found.outputs[0].lsb.maximum == 0


def test_squeezed_shapes_are_compared():
    right = np.arange(10, dtype=np.float32).reshape(1, 10, 1, 1)
    found = compare(right.reshape(1, 10).copy(), right, pair=Pair("y", "y", "shape", squeezed=True))
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize("shape", [(0,), (1, 0, 4), ()])
def test_empty_and_scalar_outputs_agree_with_their_like(shape):
    assert compare(np.zeros(shape, np.float32), np.zeros(shape, np.float32)).verdict is Verdict.PASS


# NaN.


def test_forbidden_nan_fail_even_where_both_have_them():
    values = floats(1, np.nan)
    found = compare(values, values.copy(), Tolerance(atol=1.0, nan=NanPolicy.FORBID))
    assert "[1] is nan, reference nan: NaN and infinities are forbidden; 1 of 2 elements (50 %)" in found.reason


def test_any_nan_leaves_their_places_out():
    tolerance = Tolerance(atol=0.1, nan=NanPolicy.ANY)
    assert compare(floats(1, np.nan), floats(1, 7), tolerance).verdict is Verdict.PASS
    assert compare(floats(2, np.nan), floats(1, 7), tolerance).verdict is Verdict.FAIL


@pytest.mark.parametrize("policy", [NanPolicy.ANY, NanPolicy.PROPAGATE])
def test_outputs_without_a_finite_element_are_inconclusive(policy):
    values = floats(np.nan, np.nan)
    assert compare(values, values.copy(), Tolerance(atol=0.1, nan=policy)).verdict is Verdict.INCONCLUSIVE


def test_negative_zero_is_zero():
    assert compare(floats(-0.0), floats(0.0), Tolerance(atol=0.0)).verdict is Verdict.PASS


# Gates.


def test_the_sentence_of_steps_names_the_furthest_element():
    left, right = np.array([[10, 20], [30, 40]], np.int8), np.array([[10, 24], [16, 40]], np.int8)
    found = quantized(left, right)
    assert (
        "output 'y' [1, 0] is 30, reference 16: 14 LSB apart where 3 are allowed; 2 of 4 elements (50 %)"
        in found.reason
    )


def test_too_many_elements_two_steps_apart_fail():
    right = np.zeros(100, np.int8)
    left = right.copy()
    left[:2] = 2
    found = quantized(left, right, Tolerance(lsb=3, over_one_share=0.01))
    assert found.outputs[0].broken == ("over_one_share",)
    assert "2 of 100 elements (2 %) are more than 1 LSB apart where 1 % may be" in found.reason


def test_errors_that_lean_to_one_side_fail_within_one_step():
    right = np.zeros(100, np.int8)
    left = right.copy()
    left[:10] = 1
    found = quantized(left, right, POLICY["operator quantized"])
    assert found.outputs[0].broken == ("bias_lsb",)
    assert "+0.1 LSB off on average" in found.reason


def test_a_failure_is_explained_and_a_pass_is_not():
    right = np.random.default_rng(0).standard_normal((4, 50)).astype(np.float32)
    failed = compare(right * np.float32(2), right).outputs[0]
    assert [one.name for one in failed.explanations] == ["scale"]
    assert told(compare(right * np.float32(2), right), "port", "r", 1).outputs[0].explanations == (
        "the output is 2 times the reference: that explains 100.0% of the error; look at its scale",
    )
    assert compare(right.copy(), right).outputs[0].explanations == ()


def test_what_is_known_beside_the_outputs_helps_to_explain_and_judges_nothing():
    right = np.random.default_rng(0).standard_normal((3, 50)).astype(np.float32)
    left = right.copy()
    left[1:] += right[:-1]
    plain, known = compare(left, right), compare(left, right, context=Context(n_feeds=3))
    assert (plain.verdict, plain.reason) == (known.verdict, known.reason)
    assert [one.name for one in known.outputs[0].explanations] == ["state"]


def test_a_record_holds_the_two_best_explanations():
    right = np.random.default_rng(0).standard_normal((4, 50)).astype(np.float32)
    compared = compare(right * np.float32(2), right)
    many = [Explanation("nan_made", confidence, {"n": n}) for n, confidence in ((1, 0.9), (2, 0.8), (3, 0.7))]
    output = replace(compared.outputs[0], explanations=tuple(many))
    record = told(replace(compared, outputs=(output,)), "port", "r", 1).outputs[0]
    assert len(record.explanations) == TOLD == 2
    assert record.explanations[0].startswith("1 elements are NaN")


def test_a_lean_that_chance_explains_is_none():
    assert (
        quantized(np.array([4], np.int8), np.array([3], np.int8), POLICY["operator quantized"]).verdict is Verdict.PASS
    )
    few = np.zeros(9, np.int8)
    assert "bias_lsb" not in quantized(few + np.int8(1), few).outputs[0].broken


def test_a_constant_offset_of_one_step_fails_a_whole_model():
    right = np.random.default_rng(0).integers(-100, 100, 400).astype(np.int8)
    assert quantized(right + np.int8(1), right).outputs[0].broken == ("bias_lsb",)


def test_float32_arithmetic_is_seen_in_a_float64_model():
    right = np.random.default_rng(0).standard_normal(100)
    assert compare(right.astype(np.float32).astype(np.float64), right, POLICY["float64"]).verdict is Verdict.FAIL
    assert compare(right * (1 + 2.0**-52), right, POLICY["float64"]).verdict is Verdict.PASS


def test_a_low_signal_to_noise_ratio_fails_where_no_element_does():
    right = np.random.default_rng(0).standard_normal(1000, dtype=np.float32)
    found = compare(right * np.float32(1.01), right, Tolerance(rtol=0.02, sqnr_db=60.0))
    assert found.outputs[0].broken == ("sqnr_db",)
    assert "SQNR 40.0 dB where 60 dB is required" in found.reason


def test_ulp_are_a_gate_where_asked_for():
    left, right = np.nextafter(floats(1, 2), floats(3, 3)), floats(1, 2)
    assert compare(left, right, Tolerance(ulp=1)).verdict is Verdict.PASS
    assert "ULP apart where 0 are allowed" in compare(left, right, Tolerance(ulp=0)).reason


def test_a_flip_fails_and_a_near_tie_is_noted():
    right = floats(5.0, 4.99, 0).reshape(1, 3)
    near = compare(floats(4.99, 5.0, 0).reshape(1, 3), right, Tolerance(atol=0.02, top1=1.0))
    assert near.verdict is Verdict.PASS
    assert "near ties" in near.outputs[0].notes[0]
    flip = compare(floats(5.0, 4.99, 9).reshape(1, 3), right, Tolerance(top1=1.0))
    assert flip.outputs[0].broken == ("top1",)
    assert "margin of 5" in flip.reason


def test_a_near_tie_under_a_signal_to_noise_gate_is_excused():
    right = np.random.default_rng(1).standard_normal((1, 1000), dtype=np.float32)
    order = np.argsort(right[0])
    right[0, order[-2]] = right[0, order[-1]] - np.float32(0.01)
    left = right.copy()
    left[0, order[-2]] += np.float32(0.02)
    assert compare(left, right, POLICY["quantized, float output"]).verdict is Verdict.PASS


def test_indices_are_judged_by_the_scores_they_point_into():
    scores = floats(0.5, 0.5001, 0.1).reshape(1, 3)
    left = {"i": np.array([0]), "s": scores + np.float32(1e-4)}
    matching = Matching("outputs", (Pair("i", "i", "name"), Pair("s", "s", "name")))
    tolerances = {"i": EXACT, "s": Tolerance(atol=1e-3)}
    plain = compare_outputs(left, {"i": np.array([1]), "s": scores}, matching, tolerances)
    assert plain.verdict is Verdict.FAIL
    tied = compare_outputs(left, {"i": np.array([1]), "s": scores}, matching, tolerances, indices={"i": "s"})
    assert tied.verdict is Verdict.PASS
    apart = compare_outputs(left, {"i": np.array([2]), "s": scores}, matching, tolerances, indices={"i": "s"})
    assert "1 of 1 indices differ" in apart.reason


def test_without_a_gate_there_is_a_figure_and_no_pass():
    found = compare(floats(1, 2), floats(1, 3), POLICY["quantized against float"])
    assert found.verdict is Verdict.MEASURED
    assert "below 20 dB" in found.outputs[0].notes[0]


def test_a_gate_that_cannot_judge_is_said_and_is_no_pass():
    found = compare(floats(1, 2), floats(1, 3), Tolerance(lsb=3.0))
    assert found.verdict is Verdict.MEASURED
    assert "lsb: not applicable" in found.outputs[0].notes[0]


def test_the_worst_output_gives_the_verdict_and_the_sentence():
    matching = Matching("outputs", (Pair("a", "a", "name"), Pair("b", "b", "name")))
    left, right = {"a": floats(1), "b": floats(1)}, {"a": floats(1), "b": floats(2)}
    found = compare_outputs(left, right, matching, FLOAT)
    assert found.verdict is Verdict.FAIL
    assert found.reason.startswith("output 'b' [0] is 1, reference 2: 1 apart")


def test_a_missing_tolerance_is_refused():
    with pytest.raises(UsageError, match="No tolerance for output 'y'"):
        compare(floats(1), floats(1), {"x": FLOAT})


def test_strings_name_the_first_that_differs():
    found = compare(np.array(["cat", "dog"]), np.array(["cat", "fox"]), POLICY["string"])
    assert "[1] is 'dog', reference 'fox'; 1 of 2 elements" in found.reason


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    index=st.integers(0, 9999),
    kind=st.sampled_from(["float32", "float16", "int8", "int64"]),
)
def test_one_element_beyond_its_tolerance_always_fails_and_a_copy_never_does(seed, index, kind):
    rng = np.random.default_rng(seed)
    right = (rng.standard_normal(10_000) * 20).astype(kind)
    left = right.copy()
    judge = quantized if kind == "int8" else compare
    row = {"float32": "float32", "float16": "float16", "int8": "quantized", "int64": "integer"}[kind]
    assert judge(left, right, POLICY[row]).verdict is Verdict.PASS
    left[index] += np.array({"int8": 4}.get(kind, 1 + abs(int(right[index]))), kind)
    found = judge(left, right, POLICY[row])
    assert found.verdict is Verdict.FAIL
    assert f"[{index}]" in found.reason


def test_the_sentence_of_a_per_channel_output_uses_the_scale_of_its_channel():
    specs = {"y": TensorSpec("y", "int8", (2, 2), Quantization((1.0, 0.01), (0, 0), 1))}
    left, right = np.array([[1, 0], [0, 50]], np.int8), np.array([[1, 0], [0, 0]], np.int8)
    found = compare(left, right, Tolerance(atol=0.1), left_specs=specs, right_specs=specs)
    assert "[1, 1] is 50, reference 0: 0.5 apart where 0.1" in found.reason


def test_a_float_array_declared_quantised_is_broken_structure():
    specs = {"y": TensorSpec("y", "float32", (1,), STEPS)}
    found = compare(floats(1), floats(1), left_specs=specs, right_specs=specs)
    assert "float32 with quantisation parameters" in found.reason


def test_strings_are_never_quantised():
    specs = {"y": TensorSpec("y", "string", (1,), STEPS)}
    found = compare(np.array(["a"]), np.array(["a"]), left_specs=specs, right_specs=specs)
    assert found.verdict is Verdict.FAIL


def test_a_low_cosine_says_so():
    found = compare(floats(1, 0), floats(0, 1), Tolerance(cosine=0.99, norm_ratio=0.01))
    assert "cosine 0.000000 with its reference where 0.99 is required" in found.reason


def test_indices_that_point_into_no_output_are_refused():
    with pytest.raises(UsageError, match="cannot point into 's'"):
        compare(np.array([1]), np.array([1]), EXACT, indices={"y": "s"})


def test_indices_of_another_shape_stay_broken():
    scores = floats(0.5, 0.4).reshape(1, 2)
    matching = Matching("outputs", (Pair("i", "i", "name"), Pair("s", "s", "name")))
    left, right = {"i": np.array([0, 0]), "s": scores}, {"i": np.array([0]), "s": scores.copy()}
    found = compare_outputs(left, right, matching, {"i": EXACT, "s": FLOAT}, indices={"i": "s"})
    assert found.outputs[0].broken == ("structure",)


def test_figures_of_a_broken_structure_are_refused():
    with pytest.raises(EdgertError, match="has no figures"):
        _ = compare(np.zeros(2), np.zeros(3)).outputs[0].figures
