"""A model of one operator against the oracle: the rows for operators hold, against anyone else those for models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from pytest_edgert.agreements import compare_sessions
from pytest_edgert.sessions import EdgeSession

pytestmark = pytest.mark.slow
OpenSession = Callable[..., EdgeSession]


def quantized(folder: Path, *operators: str) -> Path:
    """Write int8 operators, one after the other, between two grids."""
    names = ["a", *(f"t{n}" for n in range(1, len(operators))), "b"]
    nodes = [helper.make_node(kind, [names[n]], [names[n + 1]]) for n, kind in enumerate(operators)]
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["x", "s", "z"], ["a"]),
            *nodes,
            helper.make_node("QuantizeLinear", ["b", "s", "z"], ["y"]),
        ],
        "g",
        *([helper.make_tensor_value_info(name, TensorProto.INT8, (64,))] for name in "xy"),
        [numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(np.int8(0), "z")],
    )
    path = folder / "net.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def allowed(open_session: OpenSession, path: Path, witness: str) -> object:
    found = compare_sessions(open_session(path, "onnxruntime:cpu"), open_session(path, witness))
    assert found.verdict.green
    return found.outputs[0].tolerance["lsb"]


def test_one_operator_may_be_one_step_off_and_two_are_a_model(open_session: OpenSession, tmp_path: Path) -> None:
    path = quantized(tmp_path, "Relu")
    assert allowed(open_session, path, "reference:cpu") == 1.0
    assert allowed(open_session, path, "onnxruntime:cpu+unoptimized") == 3.0
    (tmp_path / "two").mkdir()
    assert allowed(open_session, quantized(tmp_path / "two", "Relu", "Relu"), "reference:cpu") == 3.0
