"""The reference over every model of a folder of real ones, beside ONNX Runtime unoptimised and LiteRT with XNNPACK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_corpus_onnx import CORPUS, MODELS, feeds, shapes

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.litert import RUNTIME as LITERT
from pytest_edgert.runtimes.onnxruntime import RUNTIME as ONNXRUNTIME
from pytest_edgert.runtimes.reference import RUNTIME
from pytest_edgert.testing.feeds import draw

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


#: Float models whose weights are integers: LiteRT quantises their activations as it goes, which the reference does not.
HYBRID = {"kws_ref_model_float32.tflite", "model_ToyCar_quant.tflite"}
#: Steps of the output that XNNPACK may be off, where it is not none: uint8 weights with a zero point, int16 activations.
STEPS = {"mobilenet_v1_0.25_128_quant.tflite": 8, "conv0.tflite": 1}
LITE = sorted(path for path in CORPUS.rglob("*.tflite") if path.name not in HYBRID)


@pytest.mark.skipif(not LITE, reason=f"needs a folder of real models: no .tflite in {CORPUS}; set EDGERT_CORPUS")
@pytest.mark.parametrize("path", LITE, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_real_lite_model_means_what_xnnpack_computes(path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert to compare with")
    try:
        session = RUNTIME.open(path, "cpu", {})
    except UnsupportedModelError as error:
        pytest.skip(str(error))
    with session, LITERT.open(path, "cpu", {}) as runtime:
        rng = np.random.default_rng(2)
        given = {spec.name: draw(rng, spec) for spec in session.signature.inputs}
        found, wanted = session.infer(given), runtime.infer(given)
    for name, array in wanted.items():
        peak = float(np.abs(array.astype(np.float64)).max(initial=0))
        limit = STEPS.get(path.name, 0) if array.dtype.kind in "iu" else 1e-6 + 2e-4 * peak
        assert float(np.abs(found[name].astype(np.float64) - array).max(initial=0)) <= limit
