from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert.contracts import SupportsBoundBuffers
from pytest_edgert.errors import (
    ArtefactError,
    PlacementError,
    TargetMissingError,
    UnsupportedModelError,
    UsageError,
)
from pytest_edgert.records import Evidence
from pytest_edgert.runtimes.fake import RUNTIME
from pytest_edgert.tensors import Quantization

MODEL = {
    "inputs": [{"name": "x", "dtype": "float32", "shape": ["batch", 2]}],
    "outputs": [{"name": "y", "of": "x", "scale": 2.0, "bias": 1.0}],
}
X = np.array([[1, 2], [3, 4]], np.float32)


@pytest.fixture
def opened(tmp_path: Path):
    def open_fake(accelerator: str = "cpu", options: dict | None = None, **more: object):
        path = tmp_path / "m.fake"
        path.write_text(json.dumps({**MODEL, **more}), encoding="utf-8")
        return RUNTIME.open(path, accelerator, options or {})

    return open_fake


def test_it_computes_what_the_file_says(opened) -> None:
    np.testing.assert_array_equal(opened().infer({"x": X})["y"], X * 2 + 1)


def test_the_variant_changes_the_arithmetic(opened) -> None:
    doubled = opened(options=dict(RUNTIME.info.variants["doubled"]))
    np.testing.assert_array_equal(doubled.infer({"x": X})["y"], (X * 2 + 1) * 2)


def test_shapes_bind_free_dimensions(opened) -> None:
    signature = opened(options={"shape.x": "5x2"}).signature
    assert signature.inputs[0].shape == signature.outputs[0].shape == (5, 2)


@pytest.mark.parametrize("name", ["batch", "n"])
def test_a_dimension_is_bound_by_name(opened, name: str) -> None:
    inputs = [{"name": "x", "shape": ["n", 2]}]
    assert opened(options={f"dimension.{name}": 5}, inputs=inputs).signature.outputs[0].shape == (5, 2)


def test_quantisation_is_told(opened) -> None:
    inputs = [{"name": "x", "dtype": "int8", "shape": [1], "quantization": {"scale": [0.5], "zero_point": [3]}}]
    assert opened(inputs=inputs).signature.inputs[0].quantization == Quantization((0.5,), (3,))


def test_it_has_bound_buffers(opened) -> None:
    assert isinstance(opened(), SupportsBoundBuffers)


def test_it_is_never_enumerated() -> None:
    assert not RUNTIME.info.enumerated


def test_an_npu_that_no_file_declares_is_missing(opened) -> None:
    with pytest.raises(TargetMissingError, match="npu"):
        opened("npu")


def test_a_declared_npu_places_everything_there(opened) -> None:
    placement = opened("npu", accelerators=["npu"]).placement
    assert (placement.accelerator, placement.share, placement.evidence) == ("npu", 1.0, Evidence.TRACED)


def test_falling_back_is_refused(opened) -> None:
    with pytest.raises(PlacementError, match=r"y \(Affine\) on cpu"):
        opened("npu", accelerators=["npu"], faults={"fault": "falls_back"})


def test_falling_back_when_allowed_is_told(opened) -> None:
    options = {"allow_fallback": True, "fault": "falls_back"}
    placement = opened("npu", options, accelerators=["npu"]).placement
    assert (placement.accelerator, placement.share) == ("npu", 0.0)


def test_an_operator_it_lacks_is_named(opened) -> None:
    with pytest.raises(UnsupportedModelError, match="Swirl"):
        opened(outputs=[{"name": "y", "of": "x", "operator": "Swirl"}])


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"inputs": [{"name": "x"}], "outputs": [{"name": "y", "of": "z"}]}']
)
def test_an_unsound_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.fake").write_text(text, encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"bad\.fake"):
        RUNTIME.open(tmp_path / "bad.fake", "cpu", {})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fault": "segfalt"}, "segfault"),
        ({"fault_in": "close"}, "fault_in"),
        ({"fault_at": 0}, "fault_at"),
        ({"latency_s": -1}, "latency_s"),
        ({"latency_s": "soon"}, "latency_s"),
    ],
)
def test_an_option_out_of_range_is_refused(opened, options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        opened(options=options)
