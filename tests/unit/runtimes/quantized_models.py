"""A small int8 convolution as .onnx (QDQ, QLinear) and .tflite, sound unless a part is told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper
from reference_models import graph_of
from tflite_models import Graph, Operator, Tensor, save

#: Four filters of 2×2 over two channels; every filter reaches 127.
FILTERS = np.random.default_rng(1).integers(-127, 128, (4, 2, 2, 2)).astype(np.int8)
FILTERS[:, 0, 0, 0] = 127
BIAS = np.array([100, -200, 300, 50], np.int32)
SCALES = np.array([0.01, 0.02, 0.03, 0.04], np.float32)
X_SCALE, Y_SCALE = np.float32(0.05), np.float32(0.5)
IMAGE = (1, 2, 9, 9)


def parts(**changes: Any) -> dict[str, Any]:
    """Return the constants of the model by name: w, b and scale (s) and zero point (z) of x, w, b and y."""
    found = {
        "w": FILTERS,
        "b": BIAS,
        "sx": X_SCALE,
        "sw": SCALES,
        "sb": X_SCALE * SCALES,
        "sy": Y_SCALE,
        "zx": np.int8(3),
        "zw": np.zeros(4, np.int8),
        "zb": np.zeros(4, np.int32),
        "zy": np.int8(-5),
    }
    return {name: np.asarray(changes.get(name, value)) for name, value in found.items()}


def qdq(folder: Path, **changes: Any) -> Path:
    """Write DQ(Q(x)), DQ(w), DQ(b) → Conv → Q(y) → DQ; x and y are float32."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "sb", "zb"], ["bd"], axis=0),
        helper.make_node("Conv", ["xd", "wd", "bd"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "sy", "zy"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "sy", "zy"], ["y"]),
    ]
    return _saved(folder, nodes, np.float32, parts(**changes), "float32")


def qlinear(folder: Path, **changes: Any) -> Path:
    """Write the same as one QLinearConv; x and y are int8."""
    constants = {name: value for name, value in parts(**changes).items() if name not in {"sb", "zb"}}
    node = helper.make_node("QLinearConv", ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"], ["y"])
    return _saved(folder, [node], np.int8, constants, "int8")


def _saved(folder: Path, nodes: list[onnx.NodeProto], kind: type, constants: dict[str, Any], out: str) -> Path:
    path = folder / "net.onnx"
    onnx.save(graph_of(nodes, {"x": np.zeros(IMAGE, kind)}, constants, {"y": out}), path)
    return path


def tflite(folder: Path, **changes: Any) -> Path:
    """Write the same as CONV_2D; x and y are int8, channels last. `CONV_2D` must be known to the writer."""
    found = parts(**changes)
    filters = np.ascontiguousarray(found["w"].transpose(0, 2, 3, 1))

    def grid(name: str, shape: tuple[int, ...], dtype: str, values: np.ndarray | None = None) -> Tensor:
        scale, zero = (np.atleast_1d(found[f"{kind}{name}"]).tolist() for kind in "sz")
        return Tensor(name, shape, dtype, values, scale, zero)

    tensors = [
        grid("x", (1, 9, 9, 2), "int8"),
        grid("w", filters.shape, "int8", filters),
        grid("b", (4,), "int32", found["b"]),
        grid("y", (1, 8, 8, 4), "int8"),
    ]
    options = {0: ("b", 1), 1: ("i", 1), 2: ("i", 1)}
    path = folder / "net.tflite"
    return save(path, Graph(tensors, [Operator("CONV_2D", [0, 1, 2], [3], options, 3)], [0], [3]))


#: By format, the writer of the model.
WRITERS = {"qdq": qdq, "qlinear": qlinear, "tflite": tflite}
