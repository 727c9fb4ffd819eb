"""The node tests that the package `onnx` brings, through the reference: whatever its own rules compute must be right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference import RUNTIME

pytestmark = [pytest.mark.lab, pytest.mark.filterwarnings("ignore")]  # the cases divide by zero on purpose


def as_array(value: object) -> np.ndarray:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def troubles(case, path: Path) -> Iterator[str]:
    """Yield what is wrong with the reference's answers to one case; a refusal in words is not wrong."""
    onnx.save(case.model, path)
    with RUNTIME.open(path, "cpu", {}) as session:
        if session.placement.detail["onnx_reference"]:
            raise UnsupportedModelError("The package onnx would check itself.")
        for inputs, outputs in case.data_sets:
            feeds = {spec.name: as_array(value) for spec, value in zip(session.signature.inputs, inputs, strict=False)}
            for (name, found), wanted in zip(session.infer(feeds).items(), map(as_array, outputs), strict=False):
                alike = (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
                numbers = found.astype(float), wanted.astype(float)
                if not alike or not np.allclose(*numbers, rtol=1e-3, atol=1e-6, equal_nan=True):
                    yield f"{case.name}: {name}: {found} for {wanted}"


def test_no_rule_of_the_reference_is_against_a_node_test_of_onnx(tmp_path: Path) -> None:
    from onnx.backend.test.case.node import collect_testcases

    wrong, checked = [], 0
    for case in collect_testcases(None):
        with suppress(UnsupportedModelError):
            wrong += list(troubles(case, tmp_path / "model.onnx"))
            checked += 1
    assert wrong == []
    assert checked > 700
