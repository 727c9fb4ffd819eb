"""Votes among real runtimes that differ: who is named, what the cause is, and what stays open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pytest_edgert.agreement.voting import Ruling
from pytest_edgert.panel import Panel, check_agreement
from pytest_edgert.records import Verdict
from pytest_edgert.sessions import EdgeSession

OpenSession = Callable[..., EdgeSession]
TARGETS = ("reference:cpu", "onnxruntime:cpu", "openvino:cpu")


@pytest.fixture
def sums(tmp_path: Path) -> tuple[Path, tuple[Path, ...]]:
    """An int8 sum that leaves the range: it wraps around by the specification, and OpenVINO saturates it."""
    specs = [helper.make_tensor_value_info(name, TensorProto.INT8, (1, 4)) for name in "aby"]
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["y"])], "net", specs[:2], specs[2:])
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    both = np.array([[127, 100, -128, 3]], np.int8)
    np.savez(tmp_path / "both.npz", a=both, b=both)
    return path, (tmp_path / "both.npz",)


@pytest.fixture
def voters(open_session: OpenSession, sums: tuple[Path, tuple[Path, ...]]) -> dict[str, EdgeSession]:
    path, samples = sums
    return {target: open_session(path, target, samples=samples) for target in TARGETS}


@pytest.mark.slow
def test_the_outlier_is_named_and_who_agrees_with_the_oracle(voters: dict[str, EdgeSession]) -> None:
    record = check_agreement(voters["openvino:cpu"], Panel(tuple(voters.values())))
    assert record.verdict is Verdict.FAIL
    assert record.vote is not None
    assert record.vote.outliers == ("openvino:cpu",)
    assert "onnxruntime:cpu agrees with the oracle." in record.reason


@pytest.mark.slow
def test_one_that_the_oracle_confirms_passes_beside_an_outlier_that_is_told(voters: dict[str, EdgeSession]) -> None:
    record = check_agreement(voters["onnxruntime:cpu"], Panel(tuple(voters.values())))
    assert record.verdict is Verdict.PASS
    assert record.vote is not None
    assert record.vote.outliers == ("openvino:cpu",)
    assert record.notes[0] == "openvino:cpu is the outlier, against the oracle too."


@pytest.mark.slow
def test_two_alone_that_differ_fail_without_a_name(voters: dict[str, EdgeSession]) -> None:
    record = check_agreement(voters["onnxruntime:cpu"], Panel((voters["openvino:cpu"],)))
    assert record.verdict is Verdict.FAIL
    assert record.vote is not None
    assert record.vote.outliers == ()
    assert "nobody else says which of them is wrong" in record.reason


@pytest.mark.slow
def test_one_that_nobody_but_a_variant_supports_passes_by_the_vote(
    voters: dict[str, EdgeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "openvino:cpu is the outlier: with precision=f32 (openvino:cpu+f32) it agrees with onnxruntime:cpu."
    ruling = Ruling(Verdict.PASS, (told,), ("openvino:cpu",))
    monkeypatch.setattr("pytest_edgert.voters.hold_vote", lambda bench, found: ruling)
    record = check_agreement(voters["onnxruntime:cpu"], Panel((voters["openvino:cpu"],)))
    assert record.verdict is Verdict.PASS
    assert told in record.reason
    assert [one.decides for one in record.agreement] == [False]


def test_where_all_agree_there_is_no_vote(open_session: OpenSession, sums: tuple[Path, tuple[Path, ...]]) -> None:
    one, oracle = (open_session(sums[0], target) for target in ("onnxruntime:cpu", "reference:cpu"))
    small = check_agreement(one, Panel((oracle,)))
    assert (small.verdict, small.vote) == (Verdict.PASS, None)
