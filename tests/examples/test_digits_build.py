"""The digits example's build script still makes files equivalent to the committed ones.

Trained weights may differ in their last bits between BLAS builds and processors, so equivalence is: the same graphs,
the same held-out digits, and outputs within TOLERANCE. Rebuilding with OpenBLAS kernels of three generations, one
and two threads, and NumPy without AVX gave the very same bytes; the tolerance leaves room for other BLAS libraries.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits"
ARTEFACTS = ("digits.onnx", "digits_int8.onnx")
LEAST_ACCURACY = {"digits.onnx": 0.97, "digits_int8.onnx": 0.96}
#: Largest difference of a probability. Weights disturbed by 1e-4 of themselves move the float32 probabilities by
#: less than 2e-4 and, since a flipped rounding reaches the softmax as a few steps, the int8 ones by up to 4/256.
TOLERANCE = {"digits.onnx": 1e-3, "digits_int8.onnx": 8 / 256}


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    command = [sys.executable, "-B", str(EXAMPLE / "build.py"), "--out", str(folder)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr
    return folder


def graph_of(path):
    """Return everything of a model but the values of its weights."""
    model = onnx.load(path)
    for constant in model.graph.initializer:
        constant.ClearField("raw_data")
    return model


def probabilities_of(path, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(["probabilities"], {"image": image[None]})[0] for image in images])


def held_out(folder):
    with np.load(folder / "labels.npz") as digits:
        return digits["image"], digits["labels"]


def accuracy_of(path):
    images, labels = held_out(EXAMPLE)
    return np.mean(probabilities_of(path, images).argmax(axis=1) == labels)


@pytest.mark.slow
def test_rebuilt_held_out_digits_are_the_committed_ones(rebuilt):
    for committed, made in zip(held_out(EXAMPLE), held_out(rebuilt), strict=True):
        assert committed.dtype == made.dtype
        np.testing.assert_array_equal(committed, made)


@pytest.mark.slow
@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_rebuilt_graph_is_the_committed_one(rebuilt, artefact):
    assert graph_of(rebuilt / artefact) == graph_of(EXAMPLE / artefact)


@pytest.mark.slow
@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_rebuilt_model_answers_like_the_committed_one(rebuilt, artefact):
    images, _ = held_out(EXAMPLE)
    committed, made = (probabilities_of(folder / artefact, images) for folder in (EXAMPLE, rebuilt))
    np.testing.assert_allclose(made, committed, rtol=0, atol=TOLERANCE[artefact])


@pytest.mark.slow
@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_rebuilt_model_reads_held_out_digits_as_well(rebuilt, artefact):
    assert abs(accuracy_of(rebuilt / artefact) - accuracy_of(EXAMPLE / artefact)) <= 0.01


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_committed_model_reads_held_out_digits(artefact):
    assert accuracy_of(EXAMPLE / artefact) >= LEAST_ACCURACY[artefact]


def test_int8_model_holds_int8_weights_and_int32_biases():
    kinds = {constant.name: constant.data_type for constant in onnx.load(EXAMPLE / ARTEFACTS[1]).graph.initializer}
    assert {kind for name, kind in kinds.items() if name.endswith("weight/quantized")} == {onnx.TensorProto.INT8}
    assert {kind for name, kind in kinds.items() if name.endswith("bias/quantized")} == {onnx.TensorProto.INT32}


def test_committed_files_are_small():
    assert sum((EXAMPLE / name).stat().st_size for name in (*ARTEFACTS, "labels.npz")) < 100_000
