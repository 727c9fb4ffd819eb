"""A golden that was written once and is kept: files in other people's repositories must stay readable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from golden_samples import MODEL_SHA256, QUANTIZATION, same_bits

from pytest_edgert.golden.format import render_payload
from pytest_edgert.golden.store import GoldenStore

STORE = GoldenStore(Path(__file__).parent / "schema_1")


def test_a_kept_golden_is_still_read() -> None:
    golden = STORE.read("kept", model_sha256=MODEL_SHA256)
    assert golden.inputs is not None
    assert same_bits(golden.outputs["y"], np.array([[1.5, -0.0, np.nan]], np.float32))
    assert same_bits(golden.outputs["q"], np.array([[-128, 127]], np.int8))
    assert same_bits(golden.outputs["z"], np.array([1 + 2j], np.complex64))
    assert same_bits(golden.outputs["e"], np.zeros((0, 2), np.float16))
    assert same_bits(golden.inputs["x"], np.arange(3, dtype=np.float32).reshape(1, 3))


def test_a_kept_manifest_still_tells_the_same() -> None:
    manifest = STORE.read_manifest("kept")
    assert manifest.model.signature.outputs[1].quantization == QUANTIZATION
    assert manifest.oracle.placement is not None
    assert manifest.oracle.placement.nodes == {"cpu": 3}
    assert manifest.environment.cpu_features == ("avx2", "fma")
    assert manifest.agreement is not None
    assert manifest.agreement.headroom[0].reason == "one rounding"


def test_a_kept_payload_is_still_written_byte_for_byte() -> None:
    golden = STORE.read("kept")
    (kept,) = STORE.root.glob("kept.*.golden.safetensors")
    assert render_payload(golden) == kept.read_bytes()
