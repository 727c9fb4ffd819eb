from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from contract_models import write_onnx

from pytest_edgert.contracts import Options
from pytest_edgert.runtimes.openvino import RUNTIME
from pytest_edgert.runtimes.openvino_devices import import_openvino, make_core
from pytest_edgert.testing import RuntimeContract


class TestOpenVino(RuntimeContract):
    reference = "pytest_edgert.runtimes.openvino:RUNTIME"
    options: ClassVar[Options] = {"threads": 1}

    def artefact(self, folder: Path) -> Path:
        return write_onnx(folder / "model.onnx")


@pytest.mark.slow
class TestOpenVinoWithoutLowPrecision(TestOpenVino):
    options: ClassVar[Options] = {"threads": 1, **RUNTIME.info.variants["nolpt"]}


@pytest.mark.slow
class TestOpenVinoOnTheBestAccelerator(TestOpenVino):
    accelerator = "auto"

    def artefact(self, folder: Path) -> Path:
        return write_onnx(folder / "model.onnx", plain=True)


@pytest.mark.slow
class TestOpenVinoWithBoundShape(TestOpenVino):
    options: ClassVar[Options] = {"shape.x": "2x4", "threads": 1}

    def feeds(self, signature, seed):
        assert signature.inputs[0].shape == (2, 4)
        assert signature.outputs[0].shape == (2, 5)
        return super().feeds(signature, seed)


class TestOpenVinoIr(TestOpenVino):
    def artefact(self, folder: Path) -> Path:
        model = make_core().read_model(write_onnx(folder / "model.onnx"))
        import_openvino().save_model(model, folder / "model.xml")
        return folder / "model.xml"


@pytest.mark.slow
class TestOpenVinoIrWithState(TestOpenVino):
    """An accumulator: every answer but the first is wrong when the state is kept."""

    def artefact(self, folder: Path) -> Path:
        return write_accumulator(folder / "model.xml")


@pytest.mark.slow
class TestOpenVinoTflite(TestOpenVino):
    def artefact(self, folder: Path) -> Path:
        return write_tflite(folder / "model.tflite")


def write_accumulator(path: Path) -> Path:
    """Write a model that adds its input, (?, 4) float32, to a variable that begins with zeros."""
    openvino = import_openvino()
    from openvino import opset13 as ops
    from openvino.op.util import Variable, VariableInfo

    info = VariableInfo()
    info.data_shape, info.data_type, info.variable_id = openvino.PartialShape([1, 4]), openvino.Type.f32, "sum"
    variable = Variable(info)
    x = ops.parameter([-1, 4], np.float32, name="x")
    x.output(0).set_names({"x"})
    before = ops.read_value(ops.constant(np.zeros((1, 4), np.float32)), variable)
    first = ops.reduce_sum(x, np.array([0]), keep_dims=True)
    after = ops.add(before, first)
    after.output(0).set_names({"y"})
    model = openvino.Model([ops.result(after)], [ops.assign(after, variable)], [x], "accumulator")
    openvino.save_model(model, path, compress_to_fp16=False)
    return path


def write_tflite(path: Path) -> Path:
    """Write FULLY_CONNECTED with weights, (?, 4) float32 to (?, 5), as TensorFlow Lite's own schema has it."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name, shape, buffer, free=None):
        made = schema.TensorT()
        made.name, made.shape, made.shapeSignature, made.buffer = name, shape, free, buffer
        made.type = schema.TensorType.FLOAT32
        return made

    weights = schema.BufferT()
    weights.data = np.linspace(-1, 1, 20, dtype=np.float32).view(np.uint8)
    graph, node, code, model = schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT(), schema.ModelT()
    graph.tensors = [tensor("x", [1, 4], 0, [-1, 4]), tensor("w", [5, 4], 1), tensor("y", [1, 5], 0, [-1, 5])]
    node.opcodeIndex, node.inputs, node.outputs = 0, [0, 1, -1], [2]
    node.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    node.builtinOptions = schema.FullyConnectedOptionsT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    graph.inputs, graph.outputs, graph.operators = [0], [2], [node]
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), weights]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path
