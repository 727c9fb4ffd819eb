"""The corpus plants what it says: every row of the catalogue is there, faults differ, twins are right, models agree."""

from __future__ import annotations

from fractions import Fraction

import fault_arithmetic as arithmetic
import numpy as np
import onnx
import pytest
from fault_cases import Case, Row, Scope
from fault_corpus import CORPUS

from pytest_edgert.runtimes.reference import RUNTIME

NUMBERS = {
    "Q": (1, 2, 3, 4, 5, 6, 7, 11, 13, 14, 15, 19, 20, 21, 22, 23, 24, 25),
    "N": (1, 4, 6, 8, 9, 10, 13),
    "I": (1, 3, 4, 6),
    "F": (1, 2, 3, 4, 6, 7, 8),
    "S": (1, 3, 4, 6),
    "E": (1, 2, 3),
}
CATALOGUE = [f"{letter}{number:02}" for letter, numbers in NUMBERS.items() for number in numbers]
ROWS = pytest.mark.parametrize("row", [row for row in CORPUS if row.draw], ids=lambda row: row.id)
DRAWS = 3


def test_every_row_of_the_catalogue_is_planted_or_says_who_sees_it():
    assert [row.id for row in CORPUS] == CATALOGUE
    assert all((row.draw is None) == bool(row.elsewhere) for row in CORPUS)


def test_the_hash_of_an_id_parts_the_corpus():
    unseen = [row for row in CORPUS if row.unseen]
    assert 15 <= len(unseen) <= 28
    assert Row("Q01", "another text").unseen == CORPUS[0].unseen


def differs(case: Case) -> bool:
    if case.exact.shape != case.output.shape:
        return True
    return not np.array_equal(case.exact, case.output, equal_nan=case.exact.dtype.kind == "f")


@ROWS
def test_a_fault_is_no_copy_and_each_row_has_faults_and_twins(row: Row):
    cases = row.cases(DRAWS)
    assert {case.faulty for case in cases} == {True, False}
    for case in cases:
        bad_scale = case.quantization is not None and min(case.quantization.scale) == 0
        assert not case.faulty or differs(case) or bad_scale, case.name
        assert case.exact.dtype == case.output.dtype, case.name
        assert not np.may_share_memory(case.exact, case.output), case.name


@ROWS
def test_twins_are_within_what_their_arithmetic_explains(row: Row):
    # Integers: one step, none where rounding is declared; floats: what float32 sums of that length leave.
    for case in row.cases(DRAWS):
        if case.faulty or case.precision in ("bf16", "f16", "tf32"):
            continue
        if case.exact.dtype.kind in "iu":
            far = np.abs(case.exact.astype(np.int64) - case.output.astype(np.int64)).max()
            assert case.scores is not None or far <= (0 if case.scope is Scope.DECLARED else 1), case.name
        else:
            same = np.isfinite(case.exact)
            assert np.array_equal(same, np.isfinite(case.output)), case.name
            gap = np.abs(case.exact[same].astype(float) - case.output[same].astype(float))
            assert gap.max(initial=0) <= 1e-4 * max(np.abs(case.exact[same]).max(initial=0), 1e-30), case.name


@ROWS
def test_a_draw_can_be_repeated(row: Row):
    for one, other in zip(row.cases(2), row.cases(2), strict=True):
        assert one.name == other.name
        assert one.output.tobytes() == other.output.tobytes()


MODELS = [(row.id, n, case) for row in CORPUS for n, case in enumerate(row.cases(1)) if case.model]


@pytest.mark.parametrize(("row_id", "n", "case"), MODELS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_oracle_gives_the_exact_result_of_a_planted_model(row_id: str, n: int, case: Case, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(case.model.proto, path)
    with RUNTIME.open(path, "cpu", {}) as session:
        found = session.infer(case.model.feeds)["y"]
    assert found.dtype == case.exact.dtype
    assert found.shape == case.exact.shape
    if found.dtype.kind == "f":
        tiny = 4 * np.finfo(found.dtype).eps
        np.testing.assert_allclose(found, case.exact, rtol=tiny, atol=tiny * np.nanmax(np.abs(case.exact)))
    else:
        np.testing.assert_array_equal(found, case.exact)


def test_many_rows_have_a_model():
    assert len({row_id for row_id, _, _ in MODELS}) >= 10


# The arithmetic against slow exact definitions.


def test_pairs_of_products_saturate_at_int16_and_nothing_else_does():
    full = np.full((1, 2), 255), np.full((2, 1), 127)
    assert arithmetic.pair_saturated_product(*full)[0, 0] == 32767
    many = np.full((1, 64), 255), np.full((64, 1), 127)
    assert arithmetic.pair_saturated_product(*many)[0, 0] == 1048544
    assert arithmetic.exact_product(*many)[0, 0] == 2072640
    assert arithmetic.pair_saturated_product(np.full((1, 3), 255), np.full((3, 1), 64))[0, 0] == 3 * 255 * 64


def test_shifted_activations_saturate_as_measured():
    # 64 channels of 127 × 127: 64.10 is right and 0.605 was measured, at a scale of 1 / 127 each.
    found = arithmetic.shifted_saturated_product(np.full((1, 64), 127), np.full((64, 1), 127))[0, 0]
    assert found / 127**2 == pytest.approx(0.605, abs=0.1)


def test_rounding_is_that_of_fractions():
    rng = np.random.default_rng(5)
    for value in (*rng.uniform(-9, 9, 200), *(np.arange(-20, 20) + 0.5)):
        exact = Fraction(float(value))
        whole = exact.numerator // exact.denominator
        tie = exact - whole == Fraction(1, 2)
        nearest = whole + (exact - whole > Fraction(1, 2))
        assert arithmetic.half_even(value) == (whole + whole % 2 if tie else nearest)
        assert arithmetic.half_up(value) == (whole + 1 if tie else nearest)
        assert arithmetic.half_away(value) == (whole + (value > 0) if tie else nearest)


def test_double_rounding_is_that_of_python_integers():
    rng = np.random.default_rng(6)
    sums = rng.integers(-(2**20), 2**20, 500)
    for multiplier in (0.0007, 0.013, 0.49, 0.8):
        fixed, shift = arithmetic.fixed_point(multiplier)
        assert 2**30 <= fixed < 2**31
        found = arithmetic.double_rounded(sums, multiplier)
        for value, rounded in zip(sums, found, strict=True):
            high = Fraction(int(value) * fixed, 2**31)
            first = int(high + Fraction(1, 2)) if high >= 0 else -int(-high + Fraction(1, 2))
            second = Fraction(first, 2**-shift)
            wanted = int(second + Fraction(1, 2)) if second >= 0 else -int(-second + Fraction(1, 2))
            assert rounded == wanted


def test_reduced_mantissas_are_those_of_other_implementations():
    import ml_dtypes

    x = np.random.default_rng(7).standard_normal(1000).astype(np.float32)
    assert np.array_equal(arithmetic.bfloat16(x), x.astype(ml_dtypes.bfloat16).astype(np.float32))
    # TF32 keeps as many bits as float16, with a wider exponent.
    assert np.array_equal(arithmetic.tf32(x), x.astype(np.float16).astype(np.float32))


def test_wrapping_is_modulo_and_saturating_is_not():
    values = np.array([127 + 1, -128 - 1, 300, 5])
    assert arithmetic.wrapped(values, np.int8).tolist() == [-128, 127, 44, 5]
    assert arithmetic.saturated(values, np.int8).tolist() == [127, -128, 127, 5]
    assert arithmetic.wrapped(np.array([3_000_000_000]), np.int32).tolist() == [3_000_000_000 - 2**32]


def test_resize_conventions_are_told_apart_and_the_identity_is_none_of_them():
    line = np.arange(4.0).reshape(1, 4)
    assert arithmetic.resize(line, (1, 4), "half_pixel").tolist() == line.tolist()
    doubled = {kind: arithmetic.resize(line, (1, 8), kind)[0] for kind in ("half_pixel", "asymmetric", "align_corners")}
    assert doubled["half_pixel"].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    assert doubled["asymmetric"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3]
    assert doubled["align_corners"] == pytest.approx(np.linspace(0, 3, 8))
