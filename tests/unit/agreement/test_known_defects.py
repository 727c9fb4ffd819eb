"""What other comparators get wrong, by comparator and defect, put to ours: each would pass or crash there.

Those of Polygraphy were seen in 0.53.6; the others are of ONNX Runtime's qdq_loss_debug and of pytest-arraydiff.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from pytest_edgert.agreement.compare import compare_outputs
from pytest_edgert.agreement.match import Matching, Pair, match
from pytest_edgert.agreement.policy import POLICY
from pytest_edgert.agreement.tolerance import Tolerance
from pytest_edgert.errors import EdgertError
from pytest_edgert.records import Verdict
from pytest_edgert.tensors import Quantization, Signature, TensorSpec

ONE = Matching("outputs", (Pair("y", "y", "name"),))


def verdict(left, right, tolerance=POLICY["float32"], **more):
    return compare_outputs({"y": left}, {"y": right}, ONE, tolerance, **more).verdict


def signature(**shapes):
    return Signature((), tuple(TensorSpec(name, "float32", shape) for name, shape in shapes.items()))


@pytest.mark.parametrize("swap", [False, True])
def test_polygraphy_passes_when_one_side_lacks_an_output(swap):
    sides = [signature(x=(1, 2), y=(1, 3)), signature(x=(1, 2))]
    with pytest.raises(EdgertError, match="y"):
        match(*(sides[::-1] if swap else sides), mapping=None, kind="outputs")


def test_polygraphy_matches_a_renamed_lone_output_of_another_shape():
    with pytest.raises(EdgertError):
        match(signature(y=(1, 3)), signature(z=(1, 4)), mapping=None, kind="outputs")


@pytest.mark.parametrize(
    ("left", "right"), [([-(2**31), -(2**31)], [2**31 - 1, 0]), ([-(2**31)], [0]), ([2**31 - 1], [-(2**31)])]
)
@pytest.mark.parametrize("tolerance", [POLICY["integer"], Tolerance(rtol=0.0, atol=1.0)])
def test_polygraphy_passes_int32_extremes_whose_difference_wraps(left, right, tolerance):
    assert verdict(np.array(left, np.int32), np.array(right, np.int32), tolerance) is Verdict.FAIL


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_polygraphy_fails_the_same_nan_and_infinity(special):
    values = np.array([1, special], np.float32)
    assert verdict(values, values.copy()) is Verdict.PASS


def test_polygraphy_crashes_on_bfloat16():
    values = np.array([1, 2.5, -3]).astype(ml_dtypes.bfloat16)
    assert verdict(values, values.copy(), POLICY["bfloat16"]) is Verdict.PASS
    assert verdict(values, (values * 2).astype(ml_dtypes.bfloat16), POLICY["bfloat16"]) is Verdict.FAIL


def test_polygraphy_passes_int8_steps_against_floats_of_the_same_numbers():
    steps = np.array([1, 2, 3], np.int8)
    assert verdict(steps, steps.astype(np.float32)) is Verdict.FAIL


def test_polygraphy_fails_int8_outputs_one_step_apart():
    spec = {"y": TensorSpec("y", "int8", (200,), Quantization((0.1,), (0,)))}
    right = np.random.default_rng(0).integers(-100, 100, 200).astype(np.int8)
    left = right.copy()
    left[0] += 1
    assert verdict(left, right, POLICY["quantized"], left_specs=spec, right_specs=spec) is Verdict.PASS


@pytest.mark.slow
def test_a_mean_hides_one_large_error_among_a_million_zeros():
    right = np.zeros(1_000_000, np.float32)
    left = right.copy()
    left[777] = 5
    assert verdict(left, right) is Verdict.FAIL


def test_qdq_loss_debug_raises_a_key_error_for_a_tensor_without_a_counterpart():
    found = compare_outputs({"y": np.ones(2, np.float32)}, {}, ONE, POLICY["float32"])
    assert found.verdict is Verdict.FAIL
    assert "Missing output: 'y' of the reference" in found.reason


def test_qdq_loss_debug_measures_the_noise_of_uint8_from_zero_and_not_from_its_zero_point():
    quantization = Quantization((1.0,), (128,))
    spec = {"y": TensorSpec("y", "uint8", (400,), quantization)}
    right = np.random.default_rng(0).integers(108, 149, 400).astype(np.uint8)
    left = (right + 2).astype(np.uint8)
    found = compare_outputs({"y": left}, {"y": right}, ONE, Tolerance(lsb=3), left_specs=spec, right_specs=spec)
    real = right.astype(float) - 128
    assert found.outputs[0].figures.sqnr_db == pytest.approx(10 * np.log10((real**2).sum() / (4.0 * 400)))


def test_pytest_arraydiff_passes_what_it_does_not_compare_and_we_never_do():
    # Nothing compared, nothing judged, nothing finite: none of them is a PASS.
    assert compare_outputs({}, {}, Matching("outputs", ()), POLICY["float32"]).verdict is Verdict.FAIL
    assert verdict(np.float32([99]), np.float32([1]), Tolerance()) is Verdict.MEASURED
    assert verdict(np.float32([np.nan]), np.float32([np.nan])) is Verdict.INCONCLUSIVE


def test_pytest_arraydiff_keeps_six_digits_and_the_seventh_counts_here():
    left = np.array([1.0000001], np.float32)
    assert f"{left[0]:g}" == "1"
    assert verdict(left, np.array([1], np.float32), Tolerance(rtol=0.0, atol=0.0)) is Verdict.FAIL


@pytest.mark.parametrize("factor", [2.0, 0.5, 1.05])
def test_a_cosine_of_one_says_nothing_about_scale(factor):
    right = np.random.default_rng(0).standard_normal(100).astype(np.float32)
    found = compare_outputs(
        {"y": right * np.float32(factor)}, {"y": right}, ONE, Tolerance(cosine=0.999, norm_ratio=0.01)
    )
    assert found.outputs[0].figures.cosine == pytest.approx(1)
    assert found.outputs[0].broken == ("norm_ratio",)
