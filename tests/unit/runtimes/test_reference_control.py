"""Loop and Scan: their own graphs, what they carry, what they collect, and what is refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from reference_models import evaluate, graph_of, run_onnxruntime

from pytest_edgert.errors import UnsupportedModelError

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def value(name: str, kind: int = FLOAT, shape: Any = None) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def doubling(limit: str) -> Any:
    """A body that doubles its state, collects it, and goes on while it is below `limit`, a tensor around it."""
    nodes = [
        helper.make_node("Add", ["s", "s"], ["t"]),
        helper.make_node("Less", ["t", limit], ["more"]),
        helper.make_node("Identity", ["t"], ["seen"]),
    ]
    inputs = [value("i", INT64, []), value("go", BOOL, []), value("s", FLOAT, [1])]
    return helper.make_graph(nodes, "body", inputs, [value("more", BOOL), value("t"), value("seen")])


def loop(feeds: dict[str, np.ndarray], count: str = "n", condition: str = "") -> Any:
    node = helper.make_node("Loop", [count, condition, "x"], ["y", "all"], body=doubling("limit"))
    return graph_of([node], feeds, {}, {"y": "float32", "all": "float32"}, opset=16)


def fed(count: int, limit: float) -> dict[str, np.ndarray]:
    return {"x": np.array([1], np.float32), "limit": np.array([limit], np.float32), "n": np.array(count, np.int64)}


@pytest.mark.parametrize(("count", "limit", "states"), [(3, 100, [2, 4, 8]), (9, 5, [2, 4, 8]), (2, 5, [2, 4])])
def test_a_loop_ends_by_count_or_condition_and_collects(count, limit, states, tmp_path):
    feeds = fed(count, limit)
    found = evaluate(loop(feeds), feeds, tmp_path)
    assert found["y"].tolist() == states[-1:]
    assert found["all"].tolist() == [[state] for state in states]
    np.testing.assert_array_equal(found["all"], run_onnxruntime(loop(feeds), feeds)["all"])


def test_a_loop_that_never_runs_gives_its_state_but_no_collection(tmp_path):
    feeds = fed(0, 5)
    with pytest.raises(UnsupportedModelError, match=r"y \(Loop\) ran its body not once"):
        evaluate(loop(feeds), feeds, tmp_path)


def scan(feeds: dict[str, np.ndarray], opset: int = 16, **attributes: Any) -> Any:
    nodes = [helper.make_node("Add", ["s", "x"], ["t"]), helper.make_node("Mul", ["t", "x"], ["seen"])]
    inputs = [value("s", FLOAT, [2]), value("x", FLOAT, [2])]
    body = helper.make_graph(nodes, "body", inputs, [value("t", FLOAT, [2]), value("seen", FLOAT, [2])])
    node = helper.make_node("Scan", ["first", "rows"], ["y", "all"], body=body, num_scan_inputs=1, **attributes)
    return graph_of([node], feeds, {}, {"y": "float32", "all": "float32"}, opset=opset)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"scan_input_directions": [1]},
        {"scan_output_directions": [1]},
        {"scan_input_axes": [1], "scan_output_axes": [1]},
    ],
)
def test_scan_agrees_with_onnxruntime_along_any_axis_in_any_direction(attributes, tmp_path):
    rows = (
        np.random.default_rng(3).normal(size=(2, 2) if "scan_input_axes" in attributes else (4, 2)).astype(np.float32)
    )
    feeds = {"first": np.zeros(2, np.float32), "rows": rows}
    found, wanted = (
        evaluate(scan(feeds, **attributes), feeds, tmp_path),
        run_onnxruntime(scan(feeds, **attributes), feeds),
    )
    for name in ("y", "all"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5, atol=1e-6)


def test_scan_of_operator_set_8_is_refused_by_its_node(tmp_path):
    feeds = {"first": np.zeros(2, np.float32), "rows": np.zeros((4, 2), np.float32)}
    with pytest.raises(UnsupportedModelError, match=r"y \(Scan\) is of operator set 8"):
        evaluate(scan(feeds, opset=8), feeds, tmp_path)


def test_an_operator_that_is_missing_inside_a_body_is_named(tmp_path):
    body = helper.make_graph(
        [helper.make_node("Nonesuch", ["s"], ["t"]), helper.make_node("Identity", ["go"], ["more"])],
        "body",
        [value("i", INT64, []), value("go", BOOL, []), value("s", FLOAT, [1])],
        [value("more", BOOL), value("t")],
    )
    feeds = fed(2, 5)
    node = helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)
    with pytest.raises(UnsupportedModelError, match="Nonesuch"):
        evaluate(graph_of([node], feeds, {}, {"y": "float32"}), feeds, tmp_path)
