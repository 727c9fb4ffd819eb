"""LiteRT's texts, as its versions write them, into our errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_edgert.errors import (
    ArtefactError,
    EdgertError,
    InferenceError,
    UnsupportedModelError,
    WorkerOutOfMemoryError,
)
from pytest_edgert.runtimes.litert_errors import inference_error, opening_error

CUSTOM = "Encountered unresolved custom op: {}.\nSee instructions: https://www.tensorflow.org/lite/guide/ops_custom Node number 0 ({}) failed to prepare."


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (CUSTOM.format("DISPATCH_OP", "DISPATCH_OP"), UnsupportedModelError, "compiled ahead of time for an NPU"),
        (CUSTOM.format("a.b", "a.b"), UnsupportedModelError, "custom operator a.b of m.tflite"),
        (
            "Didn't find op for builtin opcode 'CONV_2D' version '6'. An older version of this builtin might be supported.",
            UnsupportedModelError,
            "CONV_2D (version 6)",
        ),
        (
            "Select TensorFlow op(s), included in the given model, is(are) not supported by this interpreter.",
            UnsupportedModelError,
            "TensorFlow itself",
        ),
        (
            "Regular TensorFlow ops are not supported by this interpreter. Node number 0 (Flex) failed to prepare.",
            UnsupportedModelError,
            "TensorFlow itself",
        ),
        (
            "tflite/kernels/reshape.cc:99 num_input_elements != num_output_elements (8 != 4)Node number 3 (RESHAPE) failed to prepare.",
            UnsupportedModelError,
            "node 3 (RESHAPE) of m.tflite: tflite/kernels/reshape.cc:99",
        ),
        ("std::bad_alloc", WorkerOutOfMemoryError, "ran out of memory"),
        ("something\nelse", ArtefactError, "RuntimeError: something else"),
    ],
)
def test_a_text_becomes_the_error_that_it_means(text: str, kind: type[EdgertError], said: str) -> None:
    error = opening_error(RuntimeError(text), Path("m.tflite"), "cpu")
    assert type(error) is kind
    assert said in error.message


def test_a_failed_inference_says_where() -> None:
    error = inference_error(RuntimeError("gather index out of bounds"), Path("m.tflite"), "cpu")
    assert type(error) is InferenceError
    assert error.message == "litert:cpu failed an inference of m.tflite: RuntimeError: gather index out of bounds"


def test_memory_that_ran_out_is_the_workers_loss() -> None:
    assert type(inference_error(MemoryError(), Path("m.tflite"), "cpu")) is WorkerOutOfMemoryError
