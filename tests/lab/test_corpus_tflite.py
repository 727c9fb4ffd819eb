"""Every .tflite of a folder of real models, opened with each set of kernels or refused with a true reason.

The folder is EDGERT_CORPUS, by default ``../shared/corpus`` beside the repository; without it the tests skip.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.litert import RUNTIME
from pytest_edgert.tensors import Signature

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("EDGERT_CORPUS", ROOT / "../shared/corpus")).resolve()
MODELS = sorted(CORPUS.rglob("*.tflite"))
LSTMS = sorted(CORPUS.rglob("trained_lstm*.tflite"))

#: Part of the reason for which LiteRT refuses a file.
REFUSED = {
    "mobilenet_v1_0.25_128_quant_edgetpu.tflite": "edgetpu-custom-op of mobilenet.*compiled for the Edge TPU",
    "person_detect_vela.tflite": "ethos-u of person_detect_vela.tflite: the file is compiled by Vela",
    "person_detect.tflite": r"quantisation of person_detect.tflite: quantized_dimension must be in range \[0, 1\)",
    "audio_preprocessor_float.tflite": "SignalWindow .* TensorFlow Lite Micro's signal library",
    "audio_preprocessor_int8.tflite": "SignalWindow .* TensorFlow Lite Micro's signal library",
}

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not MODELS, reason=f"needs a folder of real models: no .tflite in {CORPUS}; set EDGERT_CORPUS"),
]


def feeds(signature: Signature, rows: int, seed: int) -> dict[str, np.ndarray]:
    """Return values for every input: a free first dimension has `rows`."""
    rng = np.random.default_rng(seed)
    found = {}
    for spec in signature.inputs:
        shape = tuple(length if isinstance(length, int) else rows for length in spec.shape)
        top = 1 if spec.dtype.startswith("float") else 100
        found[spec.name] = np.asarray(rng.uniform(0, top, shape), spec.dtype)
    return found


def png_pixels(path: Path) -> np.ndarray:
    """Return a grey PNG of 8 bits, (rows, columns), uint8; filters as in the PNG specification, section 9."""
    content, at, packed = path.read_bytes(), 8, b""
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        packed += content[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    assert depth == 8
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    image = np.zeros((height + 1, (width + 1) * channels), int)
    for row, (how, *line) in enumerate(lines.tolist(), 1):
        for column, value in enumerate(line, channels):
            left, up, corner = image[row, column - channels], image[row - 1, column], image[row - 1, column - channels]
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda known, guess=guess: abs(guess - known))
            image[row, column] = (value + (0, left, up, (left + up) // 2, paeth)[how]) % 256
    return image[1:, channels::channels].astype(np.uint8)


@pytest.mark.parametrize("variant", ["", *RUNTIME.info.variants])
@pytest.mark.parametrize("path", MODELS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_real_model_opens_runs_and_repeats_or_is_refused(path: Path, variant: str) -> None:
    options = {"threads": 1, **RUNTIME.info.variants.get(variant, {})}
    if path.name in REFUSED:
        with pytest.raises(UnsupportedModelError, match=REFUSED[path.name]):
            RUNTIME.open(path, "cpu", options)
        return
    with RUNTIME.open(path, "cpu", options) as session:
        assert session.placement.share == 1.0
        one, other = (feeds(session.signature, 1, seed) for seed in (1, 2))
        first = session.infer(one)
        run = session.bind(one)
        run()
        again = run.outputs()
        session.infer(other)
        run()
        for name, array in first.items():
            np.testing.assert_array_equal(array, again[name])
            np.testing.assert_array_equal(array, run.outputs()[name])
            np.testing.assert_array_equal(array, session.infer(one)[name])
            assert np.isfinite(array).all()


@pytest.mark.parametrize("path", MODELS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_batch_of_two_is_two_inferences(path: Path) -> None:
    if path.name in REFUSED:
        pytest.skip("it is refused")
    with RUNTIME.open(path, "cpu", {"threads": 1}) as session:
        if all(isinstance(length, int) for spec in session.signature.inputs for length in spec.shape):
            pytest.skip("it has no free dimension")
        two = feeds(session.signature, 2, 3)
        bound = {f"shape.{name}": "x".join(map(str, array.shape)) for name, array in two.items()}
        together = session.infer(two)
        rows = [session.infer({name: array[row : row + 1] for name, array in two.items()}) for row in range(2)]
    with RUNTIME.open(path, "cpu", {"threads": 1, **bound}) as session:
        assert all(spec.shape[0] in (2, None) for spec in session.signature.outputs)
        for name, array in session.infer(two).items():
            np.testing.assert_array_equal(array, together[name])
            apart = np.concatenate([row[name] for row in rows])
            peak = max(float(np.abs(apart.astype(float)).max()), 1e-30)
            step = 1 / peak if array.dtype.kind in "iu" else 1e-5
            np.testing.assert_allclose(array / peak, apart / peak, rtol=0, atol=step)


@pytest.mark.parametrize("variant", ["", *RUNTIME.info.variants])
@pytest.mark.parametrize("path", LSTMS, ids=lambda path: path.name)
def test_ten_digits_through_one_session_are_ten_digits(path: Path, variant: str) -> None:
    samples = [png_pixels(path.parent / f"sample{digit}.png") for digit in range(10)]
    with RUNTIME.open(path, "cpu", RUNTIME.info.variants.get(variant, {})) as session:
        (taken,), (given,) = session.signature.inputs, session.signature.outputs
        read = []
        for pixels in samples:
            scaled = pixels[np.newaxis] / np.float32(255)
            if taken.quantization is not None:
                grid = taken.quantization
                scaled = np.clip(np.rint(scaled / grid.scale[0]) + grid.zero_point[0], -128, 127)
            run = session.bind({taken.name: scaled.astype(taken.dtype)})
            run()
            run()
            alone = session.infer({taken.name: scaled.astype(taken.dtype)})[given.name]
            np.testing.assert_array_equal(run.outputs()[given.name], alone)
            read.append(int(alone.argmax()))
    assert read == list(range(10))


def test_ten_digits_without_a_reset_are_not_ten_digits() -> None:
    """The fault that the reset is for, seen on LiteRT itself; it would be good news if it were gone."""
    path = next((path for path in LSTMS if path.name == "trained_lstm.tflite"), None)
    if path is None:
        pytest.skip("needs trained_lstm.tflite in the folder of real models")
    with RUNTIME.open(path, "cpu", {}) as session:
        interpreter, port = session._interpreter, session._model.outputs[0]
        read = []
        for digit in range(10):
            pixels = png_pixels(path.parent / f"sample{digit}.png")[np.newaxis] / np.float32(255)
            interpreter.set_tensor(session._model.inputs[0].index, pixels.astype(np.float32))
            interpreter.invoke()
            read.append(int(interpreter.get_tensor(port.index).argmax()))
    assert read == [0, 1, 2, 3, 4, 5, 6, 7, 8, 3]
