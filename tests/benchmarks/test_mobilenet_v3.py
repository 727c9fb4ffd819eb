"""The built MobileNet-v3 Large is the published network in all four files, and every runtime computes it.

What is expected is written here anew, from Table 1 of Howard et al. (2019) and from torchvision's record of the same
network (5,483,032 parameters, with two per channel of a batch normalisation where a folded one leaves one).
"""

import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema

from pytest_edgert.contracts import Target
from pytest_edgert.locks import DeviceLock
from pytest_edgert.run import Run
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.sessions import SessionPlan, SessionPool
from pytest_edgert.transports.local import TRANSPORT

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "mobilenet_v3"
MODULES = ("mobilenet_layers", "mobilenet_arithmetic")
TORCHVISION_PARAMETERS = 5_483_032
PUBLISHED_MULTIPLY_ADDS = 219e6
#: (kernel, channels, stride) of every depthwise convolution of Table 1.
DEPTHWISE = [
    *((3, 16, 1), (3, 64, 2), (3, 72, 1), (5, 72, 2), (5, 120, 1), (5, 120, 1), (3, 240, 2), (3, 200, 1)),
    *((3, 184, 1), (3, 184, 1), (3, 480, 1), (3, 672, 1), (5, 672, 2), (5, 960, 1), (5, 960, 1)),
]
OPERATORS = {"Conv": 64, "HardSwish": 21, "Relu": 19, "GlobalAveragePool": 9, "HardSigmoid": 8, "Mul": 8, "Add": 10}
TFLITE_OPERATORS = {
    "CONV_2D": 49,
    "DEPTHWISE_CONV_2D": 15,
    "HARD_SWISH": 21,
    "MEAN": 9,
    "MUL": 16,
    "ADD": 18,
    "RESHAPE": 1,
}
#: Largest difference of float runtimes as a share of the largest logit; 7e-6 was seen.
FLOAT_TOLERANCE = 1e-4
#: Least SQNR in dB of int8 against float, and of two int8 runtimes; 9.6 and 19.8 were seen. Random weights keep no
#: structure that rounding would spare, so the first is lower than that of a trained network.
INT8_SQNR_DB, INT8_ALIKE_DB = 6.0, 12.0


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mobilenet")
    command = [sys.executable, "-B", str(FOLDER / "build_mobilenet.py"), "--out", str(folder)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="module")
def reference(built):
    """Return an image that calibration did not see and its logits in float64, by NumPy."""
    constants = onnx.load(built / "mobilenet_v3.onnx").graph.initializer
    weights = {one.name: onnx.numpy_helper.to_array(one).astype(np.float64) for one in constants}
    sys.path.insert(0, str(FOLDER))
    try:
        arithmetic = importlib.import_module("mobilenet_arithmetic")
        image = arithmetic.seeded_images(1, seed=99)
        return image, arithmetic.activations(weights, image.astype(np.float64))["logits"]
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    found = SessionPool(
        Run("board", folder), TRANSPORT, adapter_references(), DeviceLock("this-machine", 600.0, folder)
    )
    yield found
    found.close()


def convolutions(path):
    return [node for node in onnx.load(path).graph.node if node.op_type == "Conv"]


def attributes(node):
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def weight_shapes(path):
    return {constant.name: tuple(constant.dims) for constant in onnx.load(path).graph.initializer}


def tflite_model(path):
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)


def builtin_names(model):
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    codes = [names[code.builtinCode] for code in model.operatorCodes]
    return Counter(codes[operator.opcodeIndex] for operator in model.subgraphs[0].operators)


def logits(pool, path, runtime, image, **options):
    """Return the logits of one inference in a worker, as real numbers."""
    chosen = tuple(sorted({"threads": 1, **options}.items()))
    session = pool.session(SessionPlan("m", identify(path), Target(runtime, "cpu"), chosen))
    taken, given = session.signature.inputs[0], session.signature.outputs[0]
    feed = image.transpose(0, 2, 3, 1) if path.suffix == ".tflite" else image
    if taken.dtype == "int8":
        grid = taken.quantization
        feed = np.clip(np.rint(feed / grid.scale[0]) + grid.zero_point[0], -128, 127).astype(np.int8)
    answer = session.infer({taken.name: np.ascontiguousarray(feed)})[given.name]
    if answer.dtype == np.int8:
        return (answer.astype(np.float64) - given.quantization.zero_point[0]) * given.quantization.scale[0]
    return answer.astype(np.float64)


def sqnr_db(found, wanted):
    return 10 * np.log10(np.sum(wanted**2) / np.sum((found - wanted) ** 2))


def test_the_number_of_parameters_is_the_published_one(built):
    path = built / "mobilenet_v3.onnx"
    parameters = sum(int(np.prod(shape)) for shape in weight_shapes(path).values())
    plain = ("_reduce", "_restore", "head", "scores")
    shapes = weight_shapes(path)
    folded = sum(shapes[node.input[2]][0] for node in convolutions(path) if not node.name.endswith(plain))
    assert parameters == 5_470_832
    assert parameters + folded == TORCHVISION_PARAMETERS


def test_the_number_of_multiply_adds_is_the_published_one(built):
    path = built / "mobilenet_v3.onnx"
    inferred = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in inferred.graph.value_info}
    weights = weight_shapes(path)
    found = sum(
        int(np.prod(weights[node.input[1]])) * int(np.prod(shapes[node.output[0]][2:])) for node in convolutions(path)
    )
    assert found == 216_589_760
    assert abs(found / PUBLISHED_MULTIPLY_ADDS - 1) < 0.02


def test_depthwise_convolutions_are_those_of_the_table(built):
    path = built / "mobilenet_v3.onnx"
    shapes = weight_shapes(path)
    found = [
        (attributes(node)["kernel_shape"][0], shapes[node.input[1]][0], attributes(node)["strides"][0])
        for node in convolutions(path)
        if attributes(node)["group"] > 1
    ]
    assert found == DEPTHWISE


@pytest.mark.parametrize("name", ["mobilenet_v3.onnx", "mobilenet_v3_int8.onnx"])
def test_onnx_holds_the_operators_of_the_network(built, name):
    found = Counter(node.op_type for node in onnx.load(built / name).graph.node)
    assert {operator: found[operator] for operator in OPERATORS} == OPERATORS
    assert found["Flatten"] == 1
    assert set(found) - {*OPERATORS, "Flatten"} <= {"QuantizeLinear", "DequantizeLinear"}


@pytest.mark.parametrize("name", ["mobilenet_v3.tflite", "mobilenet_v3_int8.tflite"])
def test_tflite_holds_the_operators_of_the_network(built, name):
    assert builtin_names(tflite_model(built / name)) == TFLITE_OPERATORS


def test_int8_onnx_has_int8_weights_with_a_scale_for_each_filter(built):
    constants = {one.name: one for one in onnx.load(built / "mobilenet_v3_int8.onnx").graph.initializer}
    weights = [one for name, one in constants.items() if name.endswith("/weight/quantized")]
    assert len(weights) == 64
    assert {one.data_type for one in weights} == {onnx.TensorProto.INT8}
    for one in weights:
        assert constants[one.name.replace("quantized", "scale")].dims[0] == one.dims[0]


def test_int8_tflite_is_int8_from_input_to_output_with_a_scale_for_each_filter(built):
    graph = tflite_model(built / "mobilenet_v3_int8.tflite").subgraphs[0]
    ends = [graph.tensors[index].type for index in (*graph.inputs, *graph.outputs)]
    assert ends == [schema.TensorType.INT8] * 2
    weights = [tensor for tensor in graph.tensors if tensor.name.endswith(b"/weight")]
    assert len(weights) == 64
    for tensor in weights:
        assert tensor.type == schema.TensorType.INT8
        assert len(tensor.quantization.scale) == tensor.shape[tensor.quantization.quantizedDimension]


@pytest.mark.parametrize(
    ("name", "runtime"),
    [
        ("mobilenet_v3.onnx", "onnxruntime"),
        ("mobilenet_v3.onnx", "openvino"),
        ("mobilenet_v3.tflite", "litert"),
        ("mobilenet_v3.tflite", "openvino"),
    ],
)
def test_float_runtimes_compute_what_numpy_does(built, pool, reference, name, runtime):
    image, wanted = reference
    options = {"precision": "f32"} if runtime == "openvino" else {}
    found = logits(pool, built / name, runtime, image, **options)
    assert np.abs(found - wanted).max() <= FLOAT_TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("name", "runtime"),
    [
        ("mobilenet_v3_int8.onnx", "onnxruntime"),
        ("mobilenet_v3_int8.onnx", "openvino"),
        ("mobilenet_v3_int8.tflite", "litert"),
        ("mobilenet_v3_int8.tflite", "openvino"),
    ],
)
def test_int8_runtimes_stay_near_the_float_network(built, pool, reference, name, runtime):
    image, wanted = reference
    found = logits(pool, built / name, runtime, image)
    assert sqnr_db(found, wanted) >= INT8_SQNR_DB


def test_both_int8_files_hold_the_same_network(built, pool, reference):
    image, _ = reference
    onnx_answer = logits(pool, built / "mobilenet_v3_int8.onnx", "onnxruntime", image)
    assert sqnr_db(logits(pool, built / "mobilenet_v3_int8.tflite", "litert", image), onnx_answer) >= INT8_ALIKE_DB
