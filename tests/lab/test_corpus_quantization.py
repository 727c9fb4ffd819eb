"""The grids of real files: none has a fault, and real inputs fit the grids that were calibrated for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_corpus_onnx import CORPUS

from pytest_edgert.runtimes.reference import RUNTIME

LITE = sorted(CORPUS.rglob("*.tflite"))
KEYWORDS = CORPUS / "mlperf_kws"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not LITE, reason=f"needs a folder of real models: no .tflite in {CORPUS}; set EDGERT_CORPUS"),
]


@pytest.mark.parametrize("path", LITE, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_real_file_has_no_fault(path: Path) -> None:
    found = RUNTIME.read_quantization(path)
    assert [(one.name, one.faults) for one in found.tensors if one.faults] == []
    assert all(one.unused is None or 0 <= one.unused < 1 for one in found.tensors)


@pytest.mark.skipif(not KEYWORDS.is_dir(), reason=f"needs MLPerf Tiny's keyword spotter: no {KEYWORDS}")
def test_a_real_feature_frame_fits_the_grids_of_the_keyword_spotter() -> None:
    frame = np.load(KEYWORDS / "g_kws_inputs.npy").reshape(1, 49, 10, 1)
    with RUNTIME.open(KEYWORDS / "kws_ref_model.tflite", "cpu", {}) as session:
        (spec,) = session.signature.inputs
        found = session.watch_quantization([{spec.name: frame}], lambda _: None)
    assert max(one.rmse for one in found if one.rmse is not None) < 0.3
    assert {one.clipped for one in found} == {0.0}
