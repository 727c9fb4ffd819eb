from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from contract_models import write_onnx

from pytest_edgert.contracts import Options
from pytest_edgert.testing import RuntimeContract


class TestOnnxRuntime(RuntimeContract):
    reference = "pytest_edgert.runtimes.onnxruntime:RUNTIME"

    def artefact(self, folder: Path) -> Path:
        return write_onnx(folder / "model.onnx")


class TestOnnxRuntimeUnoptimized(TestOnnxRuntime):
    options: ClassVar[Options] = {"optimization": "disabled", "threads": 1}


class TestOnnxRuntimeOnTheBestAccelerator(TestOnnxRuntime):
    accelerator = "auto"

    def artefact(self, folder: Path) -> Path:
        return write_onnx(folder / "model.onnx", plain=True)


class TestOnnxRuntimeWithBoundShape(TestOnnxRuntime):
    options: ClassVar[Options] = {"shape.x": "2x4", "threads": 1}

    def feeds(self, signature, seed):
        assert signature.inputs[0].shape == (2, 4)
        return super().feeds(signature, seed)
