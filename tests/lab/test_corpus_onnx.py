"""Every ONNX model of a folder of real models, opened or refused with a true reason.

The folder is EDGERT_CORPUS, by default ``../shared/corpus`` beside the repository; without it the tests skip.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert.runtimes.registry import runtimes
from pytest_edgert.tensors import Signature

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("EDGERT_CORPUS", ROOT / "../shared/corpus")).resolve()
MODELS = sorted(CORPUS.rglob("*.onnx"))

#: Lengths of free dimensions that the models' own pages give, where 1 is not one that they accept.
LENGTHS = {
    "silero_vad.onnx": {"input": (1, 512)},
    "silero_vad_op18_ifless.onnx": {"input": (1, 512)},
}
#: Values that are not arbitrary: the sample rate.
VALUES = {"sr": 16000}

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not MODELS, reason=f"needs a folder of real models: no .onnx in {CORPUS}; set EDGERT_CORPUS"),
]


def shapes(path: Path, signature: Signature) -> dict[str, tuple[int, ...]]:
    """Return a shape for every input with a free dimension: 1 where nothing else is known."""
    known = LENGTHS.get(path.name, {})
    free = [spec for spec in signature.inputs if not all(isinstance(length, int) for length in spec.shape)]
    ones = {spec.name: tuple(length if isinstance(length, int) else 1 for length in spec.shape) for spec in free}
    return {name: known.get(name, shape) for name, shape in ones.items()}


def feeds(signature: Signature) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        spec.name: np.full(spec.shape, VALUES[spec.name], spec.dtype)
        if spec.name in VALUES
        else np.asarray(rng.uniform(0, 1, spec.shape) * (100 if spec.dtype.startswith("int") else 1), spec.dtype)
        for spec in signature.inputs
    }


@pytest.mark.parametrize("variant", ["", "unoptimized"])
@pytest.mark.parametrize("path", MODELS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_real_model_opens_runs_and_repeats(path: Path, variant: str) -> None:
    runtime = runtimes()["onnxruntime"]
    options = {"threads": 1, **runtime.info.variants.get(variant, {})}
    with runtime.open(path, "cpu", options) as session:
        bound = {f"shape.{name}": "x".join(map(str, shape)) for name, shape in shapes(path, session.signature).items()}
    with runtime.open(path, "cpu", {**options, **bound}) as session:
        assert all(isinstance(length, int) for spec in session.signature.inputs for length in spec.shape)
        assert session.placement.share == 1.0
        given = feeds(session.signature)
        first, second = session.infer(given), session.infer(given)
        run = session.bind(given)
        run()
        for name, array in first.items():
            np.testing.assert_array_equal(array, second[name])
            np.testing.assert_array_equal(array, run.outputs()[name])
            assert np.isfinite(array).all()
