from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from contract_models import write_onnx

from pytest_edgert.contracts import Options
from pytest_edgert.testing import RuntimeContract


class TestReference(RuntimeContract):
    reference = "pytest_edgert.runtimes.reference:RUNTIME"

    def artefact(self, folder: Path) -> Path:
        return write_onnx(folder / "model.onnx")


class TestReferenceWithBoundShape(TestReference):
    options: ClassVar[Options] = {"shape.x": "2x4", "threads": 1}

    def feeds(self, signature, seed):
        assert signature.inputs[0].shape == (2, 4)
        return super().feeds(signature, seed)
