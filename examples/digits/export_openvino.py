"""Writes OpenVINO IR (``.xml`` and ``.bin``) from a digits ONNX file, weights as they are."""

from __future__ import annotations

from pathlib import Path

import openvino


def export_ir(source: Path, path: Path) -> None:
    """Convert the ONNX file `source` into `path` (``.xml``) and the ``.bin`` beside it."""
    model = openvino.convert_model(source)
    openvino.save_model(model, path, compress_to_fp16=False)
