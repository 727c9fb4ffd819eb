"""Outputs of indices compared between sessions: near ties of their scores are excused, other differences are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from pytest_edgert.agreements import compare_sessions
from pytest_edgert.assertions import assert_agreement
from pytest_edgert.errors import UsageError
from pytest_edgert.recording import VerdictError
from pytest_edgert.records import Verdict
from pytest_edgert.sessions import EdgeSession
from pytest_edgert.tolerances import ToleranceChange

OpenSession = Callable[..., EdgeSession]
NEAR = {"x": np.float32([[0.5, 0.50001, 0.1]]), "i": np.array([0])}
APART = {"x": np.float32([[0.5, 0.9, 0.1]]), "i": np.array([0])}
MAP = {"labels": "scores"}


@pytest.fixture
def pair(open_session: OpenSession, tmp_path: Path) -> tuple[EdgeSession, EdgeSession]:
    """Two sessions of equal scores, whose labels are one apart."""
    sessions = []
    for bias in (0, 1):
        path = tmp_path / f"net{bias}.fake"
        model = {
            "inputs": [{"name": "x", "shape": [1, 3]}, {"name": "i", "dtype": "int64", "shape": [1]}],
            "outputs": [{"name": "scores", "of": "x"}, {"name": "labels", "of": "i", "bias": bias}],
        }
        path.write_text(json.dumps(model))
        sessions.append(open_session(path, "fake:cpu"))
    return sessions[0], sessions[1]


def test_a_near_tie_is_excused_where_the_map_says_so_and_a_real_difference_never(
    pair: tuple[EdgeSession, EdgeSession],
) -> None:
    with pytest.raises(VerdictError, match="labels"):
        assert_agreement(*pair, NEAR)
    record = assert_agreement(*pair, NEAR, indices=MAP)
    assert "1 of them as near ties in 'scores'" in record.agreement[0].outputs[1].reason
    with pytest.raises(VerdictError, match="differ by more than a near tie in 'scores'"):
        assert_agreement(*pair, APART, indices=MAP)


def test_a_map_of_what_is_no_output_is_refused(pair: tuple[EdgeSession, EdgeSession]) -> None:
    with pytest.raises(UsageError, match=r"argument of assert_agreement: 'label' is no output"):
        assert_agreement(*pair, NEAR, indices={"label": "scores"})
    with pytest.raises(UsageError, match="'scores' is float32 and holds no indices"):
        assert_agreement(*pair, NEAR, indices={"scores": "labels"})


@pytest.mark.slow
def test_names_that_the_gate_file_gives_to_outputs_are_understood(open_session: OpenSession, tmp_path: Path) -> None:
    path = tmp_path / "net.fake"
    model = {
        "inputs": [{"name": "x", "shape": [1, 3]}, {"name": "i", "dtype": "int64", "shape": [1]}],
        "outputs": [{"name": "Identity", "of": "x"}, {"name": "Identity_1", "of": "i"}],
    }
    path.write_text(json.dumps(model))
    names = {"Identity": "scores", "Identity_1": "labels"}
    one, two = (open_session(path, f"fake:cpu{variant}", outputs=names) for variant in ("", "+doubled"))
    change = ToleranceChange({"rtol": 3.0, "sqnr_db": None}, "doubled", "gate", MAP, output="scores")
    found = compare_sessions(one, two, [NEAR], [change])
    assert [output.verdict for output in found.outputs] == [Verdict.PASS] * 2
    assert "indices agree" in found.outputs[1].reason


@pytest.mark.slow
def test_the_graph_that_the_oracle_reads_names_its_indices(open_session: OpenSession, tmp_path: Path) -> None:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"]), helper.make_node("ArgMax", ["y"], ["i"], axis=1)],
        "g",
        [info("x", TensorProto.FLOAT, (2, 9))],
        [info("y", TensorProto.FLOAT, (2, 9)), info("i", TensorProto.INT64, (2, 1))],
    )
    path = tmp_path / "net.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    found = compare_sessions(open_session(path, "onnxruntime:cpu"), open_session(path, "reference:cpu"))
    assert found.verdict is Verdict.PASS
    assert found.outputs[1].reason == "output 'i': 8 indices agree, 0 of them as near ties in 'y'."
