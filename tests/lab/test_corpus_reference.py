"""The reference over every ONNX model of a folder of real models, beside ONNX Runtime without graph optimisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_corpus_onnx import CORPUS, MODELS, feeds, shapes

from pytest_edgert.runtimes.onnxruntime import RUNTIME as ONNXRUNTIME
from pytest_edgert.runtimes.reference import RUNTIME

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not MODELS, reason=f"needs a folder of real models: no .onnx in {CORPUS}; set EDGERT_CORPUS"),
]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_real_model_means_what_onnxruntime_computes(path: Path) -> None:
    with RUNTIME.open(path, "cpu", {}) as session:
        free = shapes(path, session.signature)
    options = {f"shape.{name}": "x".join(map(str, shape)) for name, shape in free.items()}
    with (
        RUNTIME.open(path, "cpu", options) as session,
        ONNXRUNTIME.open(path, "cpu", {"optimization": "disabled", **options}) as runtime,
    ):
        assert [spec.name for spec in session.signature.outputs] == [spec.name for spec in runtime.signature.outputs]
        given = feeds(session.signature)
        found, wanted = session.infer(given), runtime.infer(given)
    for name, array in wanted.items():
        peak = float(np.abs(array).max(initial=0))
        assert float(np.abs(found[name].astype(np.float64) - array).max(initial=0)) <= 1e-6 + 2e-5 * peak
