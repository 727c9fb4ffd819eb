"""Every model of a folder of real models that OpenVINO reads, opened or refused with a true reason.

The folder is EDGERT_CORPUS, by default ``../shared/corpus`` beside the repository; without it the tests skip.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.records import Evidence
from pytest_edgert.runtimes.openvino import RUNTIME
from pytest_edgert.tensors import Signature

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("EDGERT_CORPUS", ROOT / "../shared/corpus")).resolve()
MODELS = sorted(path for suffix in RUNTIME.info.suffixes for path in CORPUS.rglob(f"*{suffix}"))

#: What the refusal of each model that OpenVINO 2026.4 cannot run must name.
REFUSED = {
    "audio_preprocessor_float.tflite": "the operator SignalWindow",
    "audio_preprocessor_int8.tflite": "the operator SignalWindow",
    "mobilenet_v1_0.25_128_quant_edgetpu.tflite": "the operator edgetpu-custom-op",
    "person_detect.tflite": "Per-Channel Quantization axis 3 is out of range for tensor of rank 1",
    "person_detect_vela.tflite": "the operator ethos-u",
    "quantize0.tflite": "tensor has no 'name' field",
    "silero_vad.onnx": "the operators Conv-16, ReduceMean-16",
    "trained_lstm.tflite": "the operator UNIDIRECTIONAL_SEQUENCE_LSTM",
    "trained_lstm_int8.tflite": "the operator UNIDIRECTIONAL_SEQUENCE_LSTM",
}
#: Lengths of free dimensions that the models' own pages give, where 1 is not one that they accept.
LENGTHS = {"silero_vad_op18_ifless.onnx": {"input": (1, 512)}}
#: Values that are not arbitrary: the sample rate.
VALUES = {"sr": 16000}

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not MODELS, reason=f"needs a folder of real models: none in {CORPUS}; set EDGERT_CORPUS"),
]


def bound(path: Path, signature: Signature) -> dict[str, str]:
    """Return options that give every free dimension a length: 1 where nothing else is known."""
    known = LENGTHS.get(path.name, {})
    free = [spec for spec in signature.inputs if not all(isinstance(length, int) for length in spec.shape)]
    shapes = {
        spec.name: known.get(spec.name, [length if isinstance(length, int) else 1 for length in spec.shape])
        for spec in free
    }
    return {f"shape.{name}": "x".join(map(str, shape)) for name, shape in shapes.items()}


def feeds(signature: Signature) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        spec.name: np.full(spec.shape, VALUES[spec.name], spec.dtype)
        if spec.name in VALUES
        else np.asarray(rng.uniform(0, 1, spec.shape) * (100 if np.dtype(spec.dtype).kind in "iu" else 1), spec.dtype)
        for spec in signature.inputs
    }


@pytest.mark.parametrize("variant", ["", "nolpt"])
@pytest.mark.parametrize("path", MODELS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_real_model_runs_and_repeats_or_is_refused_with_the_reason(path: Path, variant: str) -> None:
    options = {"threads": 1, **RUNTIME.info.variants.get(variant, {})}
    if path.name in REFUSED:
        with pytest.raises(UnsupportedModelError) as caught:
            RUNTIME.open(path, "cpu", options)
        assert REFUSED[path.name] in caught.value.message
        assert "\n" not in caught.value.message
        return
    with RUNTIME.open(path, "cpu", options) as session:
        shapes = bound(path, session.signature)
    with RUNTIME.open(path, "cpu", {**options, **shapes}) as session:
        assert all(isinstance(length, int) for spec in session.signature.inputs for length in spec.shape)
        assert (session.placement.evidence, session.placement.share) == (Evidence.TRACED, 1.0)
        given = feeds(session.signature)
        first, second = session.infer(given), session.infer(given)
        run = session.bind(given)
        for _ in range(3):
            run()
        for spec in session.signature.outputs:
            array = first[spec.name]
            assert array.dtype.name == spec.dtype
            np.testing.assert_array_equal(array, second[spec.name])
            np.testing.assert_array_equal(array, run.outputs()[spec.name])
            assert np.isfinite(array).all()


@pytest.mark.parametrize(
    "path",
    [path for path in MODELS if path.suffix == ".tflite" and path.name not in REFUSED],
    ids=lambda path: str(path.relative_to(CORPUS)),
)
def test_the_integers_of_a_tflite_file_are_quantised(path: Path) -> None:
    with RUNTIME.open(path, "cpu", {"threads": 1}) as session:
        for spec in (*session.signature.inputs, *session.signature.outputs):
            assert (spec.quantization is not None) == (np.dtype(spec.dtype).kind in "iu")
