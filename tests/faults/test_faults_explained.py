"""What is said of the planted faults: the cause where its traces are in the output, and nothing of right outputs."""

from __future__ import annotations

import numpy as np
import pytest
from fault_cases import Case
from fault_corpus import CORPUS

from pytest_edgert.agreement.explain.evidence import Context
from pytest_edgert.agreement.explain.ranking import explain
from pytest_edgert.agreement.outcome import Sides

DRAWS = 3
#: The explanation that must be among those told, by row and the beginning of the case's name.
EXPECTED = {
    ("Q03", "pairs saturate after the shift"): "pairs",
    ("Q04", "the fused convolution saturates"): "pairs",
    ("Q06", "ties away from zero"): "rounding",
    ("Q06", "ties upwards"): "rounding",
    ("Q07", "rounded twice"): "double_rounding",
    ("Q11", "ties away from zero"): "rounding",
    ("Q13", "a tiny scale flushed to 0"): "constant",
    ("Q14", "a scale of 0"): "nan_made",
    ("Q21", "the accumulator wraps"): "wrap_sum",
    ("Q21", "the bias wraps"): "wrap_sum",
    ("Q24", "… times the scale"): "scale",
    ("N01", "Relu gives 0"): "nan_dropped",
    ("N04", "the number wins"): "nan_dropped",
    ("N06", "NaN in one place"): "nan_dropped",
    ("N09", "0 times NaN"): "nan_made",
    ("N10", "Sign gives -1"): "nan_dropped",
    ("N13", "one over it"): "infinity_sign",
    ("I01", ""): "wrap_reference",
    ("I03", "wraps where the other saturates"): "wrap_output",
    ("I04", "wraps at 32 bits"): "wrap_modulus",
    ("I04", "saturates at 32 bits"): "rail",
    ("F01", "TF32, float32 told"): "computed",
    ("F02", "bf16, float32 told"): "stored",
    ("F02", "f16, float32 told"): "stored",
    ("F03", "a product in float32"): "stored",
    ("F04", "infinities"): "overflow_float16",
    ("F07", "TF32, float32 told"): "computed",
    ("F08", "a partial sum is lost"): "few_entries",
    ("S01", "half pixels instead of corners"): "stretch",
    ("S04", "asymmetric"): "stretch",
    ("S04", "moved by a pixel"): "shift",
    ("S06", "height and width"): "layout",
    ("S06", "channels last"): "reread",
    ("S06", "red and blue"): "order",
    ("S06", "dequantisation left out"): "not_dequantised",
    ("S06", "one row of the batch"): "one_row",
    ("E02", "an output of subnormals"): "flush",
}


def told(case: Case) -> list[str]:
    output, exact = np.asarray(case.output), np.asarray(case.exact)
    names = (output.dtype.name, exact.dtype.name)
    context = Context(quantized=case.inside or case.quantization is not None)
    return [one.name for one in explain(Sides(output, exact, *names, case.quantization, case.quantization), context)]


@pytest.mark.parametrize(("row_id", "name"), EXPECTED, ids=lambda value: value.replace(" ", "-"))
def test_the_cause_of_a_planted_fault_is_told(row_id: str, name: str):
    row = next(row for row in CORPUS if row.id == row_id)
    own = name.replace("…", "").strip()
    cases = [case for case in row.cases(DRAWS) if case.faulty and own in case.name]
    assert cases
    for case in cases:
        assert EXPECTED[row_id, name] in told(case), case.name


@pytest.mark.parametrize("row", [row for row in CORPUS if row.draw], ids=lambda row: row.id)
def test_nothing_is_said_of_a_right_output_whose_arithmetic_is_that_of_its_reference(row):
    # Another rounding, another precision and flushed subnormals are seen even where they are allowed.
    other = ("away from zero", "rounded twice", ", told", "float16", "subnormals", "index", "equal scores")
    for case in row.cases(DRAWS):
        if not case.faulty and not any(word in case.name for word in other):
            assert told(case) == [], case.name
