from __future__ import annotations

import pytest

TEST = """
import pytest
from pytest_edgert.tolerances import TOLERANCE_CHANGES

@pytest.mark.edge_model("net.onnx")
@pytest.mark.edge_tolerance({arguments})
def test_it(edge_target):
    change = TOLERANCE_CHANGES.get()[-1]
    print("asked", dict(change.changes), change.reason, change.source)
    assert not TOLERANCE_CHANGES.get()[:-1]
"""


def test_its_values_are_what_comparisons_of_the_test_are_judged_by(project: pytest.Pytester, write_models) -> None:
    write_models("net.onnx")
    project.makepyfile(TEST.format(arguments='lsb=2, sqnr="30dB", reason="halves round up here"'))
    result = project.runpytest_inprocess("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*asked {'lsb': 2.0, 'sqnr_db': 30.0} halves round up here @edge_tolerance*"])


def test_it_names_outputs_of_indices(project: pytest.Pytester, write_models) -> None:
    write_models("net.onnx")
    project.makepyfile(TEST.format(arguments='indices={"labels": "scores"}').replace("change.reason", "change.indices"))
    result = project.runpytest_inprocess("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*asked {} {'labels': 'scores'} @edge_tolerance*"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("indices=3", "*edge_tolerance: indices is 3, wanted names of outputs*"),
        ("lbs=2", "*edge_tolerance: 'lbs' is no tolerance.*"),
        ("2", "*edge_tolerance takes names and values*"),
        ("", "*edge_tolerance takes names and values*"),
        ('sqnr="loud"', "*sqnr is 'loud', wanted decibels*"),
    ],
)
def test_a_wrong_value_fails_its_test(project: pytest.Pytester, write_models, arguments: str, message: str) -> None:
    write_models("net.onnx")
    project.makepyfile(TEST.format(arguments=arguments))
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])
