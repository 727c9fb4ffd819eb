"""Wrong feeds in a user's test: named, on that test alone, and the session lives on."""

from __future__ import annotations

import pytest
from e2e_runs import ON_ORT, EdgeProject

from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

TESTS = """
import numpy as np
import pytest

pytestmark = pytest.mark.edge_model("net.onnx")

def test_right(edge_session):
    x = np.ones((1, 4), np.float32)
    assert (edge_session.infer({"x": x})["y"] == x).all()

@pytest.mark.parametrize("feeds", [
    pytest.param({"z": np.ones((1, 4), np.float32)}, id="name"),
    pytest.param({"x": np.ones((1, 5), np.float32)}, id="shape"),
    pytest.param({"x": np.ones((1, 4), np.float64)}, id="dtype"),
    pytest.param({}, id="none"),
])
def test_wrong(edge_session, feeds):
    edge_session.infer(feeds)

def test_right_again(edge_session):
    test_right(edge_session)
"""


def test_wrong_feeds_fail_the_test_that_fed_them(edge: EdgeProject) -> None:
    edge.write_onnx()
    edge.pytester.makepyfile(test_net=TESTS)
    result = edge.run(ON_ORT, "-v")
    result.assert_outcomes(passed=2, failed=4)
    words = {"name": "'z'", "shape": "(1, 5)", "dtype": "float64", "none": "'x'"}
    by_id = {
        key: record
        for record in edge.document.records
        for key in words
        if f"[{key}-" in record.nodeid or f"-{key}]" in record.nodeid
    }
    assert by_id.keys() == words.keys()
    for key, record in by_id.items():
        assert record.verdict is Verdict.FAIL
        assert words[key] in record.reason
    result.stdout.fnmatch_lines(["FAIL: *'z'*", "  at test_net.py:*: edge_session.infer(feeds)"])
