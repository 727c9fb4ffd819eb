"""ONNX Runtime's words for what it lacks are read as such, and not as a damaged artefact."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import helper
from onnx_models import model, save, value

from pytest_edgert.errors import ArtefactError, UnsupportedModelError
from pytest_edgert.runtimes.onnxruntime import RUNTIME
from pytest_edgert.runtimes.onnxruntime_errors import opening_error

#: As onnxruntime 1.32.0 says it.
NO_KERNEL = (
    "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Failed to find kernel for Cast(25) (node:'n0' ep:'CPUExecutionProvider'). "
    "Op with name () domain () and type (Cast) kernel is not supported in CPUExecutionProvider."
)


def test_a_kernel_that_is_missing_is_an_operator_that_is_lacking():
    error = opening_error(RuntimeError(NO_KERNEL), Path("m.onnx"), "cpu")
    assert isinstance(error, UnsupportedModelError)
    assert "lacks the operator ai.onnx:Cast (version 25) of m.onnx, node 'n0'" in error.message


def test_a_layout_that_it_says_it_does_not_support_is_not_a_damaged_artefact(tmp_path):
    node = helper.make_node("GRU", ["x", "w", "r"], ["y"], hidden_size=2, layout=1)
    inputs = [value("x", [2, 3, 4]), value("w", [1, 6, 4]), value("r", [1, 6, 2])]
    path = save(model([node], inputs, [value("y", [2, 3, 1, 2])], opset=14), tmp_path)
    with pytest.raises(UnsupportedModelError, match=r"cannot run m\.onnx.*layout"):
        RUNTIME.open(path, "cpu", {})


def test_what_is_not_known_stays_an_artefact_error():
    error = opening_error(RuntimeError("something else went wrong"), Path("m.onnx"), "cpu")
    assert isinstance(error, ArtefactError)
