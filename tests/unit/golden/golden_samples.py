"""Goldens for the tests: small, complete, and the same in every process."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pytest_edgert.golden.describe import describe_tensors
from pytest_edgert.golden.manifest import (
    Golden,
    GoldenAgreement,
    GoldenEnvironment,
    GoldenInputs,
    GoldenModel,
    GoldenOracle,
    Headroom,
    Manifest,
)
from pytest_edgert.records import Evidence, Placement
from pytest_edgert.tensors import Array, Feeds, Quantization, Signature, TensorSpec

MODEL_SHA256 = "ab" * 32
QUANTIZATION = Quantization((0.1, 0.2), (0, 3), axis=1)
SIGNATURE = Signature(
    (TensorSpec("x", "float32", ("batch", 3)),),
    (TensorSpec("y", "float32", (None, 2)), TensorSpec("q", "int8", (1, 2), QUANTIZATION)),
)


def small_outputs() -> dict[str, Array]:
    return {"y": np.array([[1.5, -0.0]], np.float32), "q": np.array([[-128, 127]], np.int8)}


def make_golden(
    name: str = "digits",
    outputs: Mapping[str, Array] | None = None,
    inputs: Feeds | None = None,
    *,
    store_inputs: bool = False,
    model_sha256: str = MODEL_SHA256,
) -> Golden:
    specs = SIGNATURE.outputs if outputs is None else ()
    outputs = small_outputs() if outputs is None else outputs
    inputs = {"x": np.arange(3, dtype=np.float32).reshape(1, 3)} if inputs is None else inputs
    manifest = Manifest(
        name=name,
        test_nodeid="tests/test_digits.py::test_golden[digits.onnx-onnxruntime:cpu]",
        created_utc="2025-01-02T03:04:05+00:00",
        tool_version="0.1.0",
        reason="first µ",
        model=GoldenModel("digits.onnx", model_sha256, "onnx", SIGNATURE, {"opset": 13, "producer": None}),
        inputs=GoldenInputs(describe_tensors(inputs), "default_feeds", 0, np.__version__, stored=store_inputs),
        oracle=GoldenOracle(
            "runtime:onnxruntime", "1.20", Placement("cpu", Evidence.TRACED, {"cpu": 3}), ("not independent",)
        ),
        environment=GoldenEnvironment(
            "onnxruntime", "1.20", "onnxruntime:cpu", {"threads": 1}, cpu_features=("avx2", "fma"), python="3.11"
        ),
        outputs=describe_tensors(outputs, specs),
        preprocess={"layout": "NHWC"},
        agreement=GoldenAgreement("exact", (Headroom("q", "lsb", 0.9, 1.0, "one rounding"),)),
    )
    return Golden(manifest, outputs, inputs if store_inputs else None)


def same_bits(left: Array, right: Array) -> bool:
    """Whether two arrays have one dtype, one shape and the same bytes."""
    return (left.dtype, left.shape) == (right.dtype, right.shape) and left.tobytes() == right.tobytes()
