"""Small models for the tests of the reference, and the reference run on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from pytest_edgert.runtimes.reference import RUNTIME

ELEMENT = {
    name: helper.np_dtype_to_tensor_dtype(np.dtype(name))
    for name in ("float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "int64", "bool")
}


def graph_of(
    nodes: Sequence[onnx.NodeProto],
    feeds: Mapping[str, np.ndarray],
    constants: Mapping[str, np.ndarray],
    outputs: Mapping[str, str],
    *,
    opset: int = 17,
) -> onnx.ModelProto:
    """Return a model with inputs shaped as `feeds`, and outputs of the given types and any shape."""
    inputs = [helper.make_tensor_value_info(k, ELEMENT[v.dtype.name], v.shape) for k, v in feeds.items()]
    made = [helper.make_tensor_value_info(k, ELEMENT[v], None) for k, v in outputs.items()]
    held = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, made, held)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10 if opset > 20 else 8)


def evaluate(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray], folder: Path) -> dict[str, np.ndarray]:
    """Return what the reference says."""
    path = folder / "model.onnx"
    onnx.save(model, path)
    with RUNTIME.open(path, "cpu", {}) as session:
        return session.infer(feeds)


def run_onnxruntime(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what ONNX Runtime says with graph optimisation off."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def qdq_conv(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None,
    scales: tuple[float, Any, float],
    zero_points: tuple[int, int],
    *,
    out: str,
    **attributes: Any,
) -> onnx.ModelProto:
    """Return Q(Conv(DQ(x), DQ(w), DQ(bias))); `scales` of x, of w (per filter when an array) and of y."""
    sx, sw, sy = np.float32(scales[0]), np.asarray(scales[1], np.float32), np.float32(scales[2])
    constants: dict[str, Any] = {
        "w": w,
        "sx": sx,
        "sw": sw,
        "sy": sy,
        "zx": np.asarray(zero_points[0], x.dtype),
        "zw": np.zeros(sw.shape, w.dtype),
        "zy": np.asarray(zero_points[1], out),
    }
    per_filter = {"axis": 0} if sw.ndim else {}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], **per_filter),
        helper.make_node("Conv", ["xd", "wd", "bd"][: 2 if bias is None else 3], ["c"], **attributes),
        helper.make_node("QuantizeLinear", ["c", "sy", "zy"], ["y"]),
    ]
    if bias is not None:
        constants |= {"b": bias, "sb": np.asarray(sx * sw, np.float32), "zb": np.zeros(sw.shape, np.int32)}
        nodes.insert(2, helper.make_node("DequantizeLinear", ["b", "sb", "zb"], ["bd"], **per_filter))
    return graph_of(nodes, {"x": x}, constants, {"y": out})


def one_operator(
    operator: str,
    feeds: Mapping[str, np.ndarray],
    *,
    opset: int = 17,
    out: str = "float32",
    domain: str = "",
    **attributes: Any,
) -> onnx.ModelProto:
    """Return a model of one node that reads every feed in order."""
    node = helper.make_node(operator, list(feeds), ["y"], domain=domain, **attributes)
    return graph_of([node], feeds, {}, {"y": out}, opset=opset)


def round_half_even(number: Fraction) -> int:
    return round(number)  # Python's own rounding of fractions is exact and half to even


def saturate(number: int, dtype: str) -> int:
    info = np.iinfo(dtype)
    return max(int(info.min), min(int(info.max), number))


def exact(number: float) -> Fraction:
    return Fraction(float(np.float32(number)))
