from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from pytest_edgert.contracts import Options
from pytest_edgert.testing import RuntimeContract

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "runtimes"))
from tflite_models import float_model, int8_model, save, stateful_model

sys.path.pop(0)


class TestLiteRt(RuntimeContract):
    reference = "pytest_edgert.runtimes.litert:RUNTIME"

    def artefact(self, folder: Path) -> Path:
        names = ("serving_default", {"image": 0, "count": 4}, {"scores": 3, "counted": 6}, 0)
        return save(folder / "model.tflite", float_model(), signatures=[names])


class TestLiteRtBuiltin(TestLiteRt):
    options: ClassVar[Options] = {"kernels": "builtin"}


class TestLiteRtReference(TestLiteRt):
    options: ClassVar[Options] = {"kernels": "reference"}


class TestLiteRtInt8(RuntimeContract):
    reference = "pytest_edgert.runtimes.litert:RUNTIME"

    def artefact(self, folder: Path) -> Path:
        return save(folder / "model.tflite", int8_model())


class TestLiteRtInt8Builtin(TestLiteRtInt8):
    options: ClassVar[Options] = {"kernels": "builtin"}


class TestLiteRtInt8Reference(TestLiteRtInt8):
    options: ClassVar[Options] = {"kernels": "reference"}


class TestLiteRtOnTheBestAccelerator(TestLiteRt):
    accelerator = "auto"


class TestLiteRtStateful(RuntimeContract):
    reference = "pytest_edgert.runtimes.litert:RUNTIME"

    def artefact(self, folder: Path) -> Path:
        return save(folder / "model.tflite", stateful_model())


class TestLiteRtWithBoundShape(TestLiteRtInt8):
    options: ClassVar[Options] = {"shape.x": "2x4", "threads": 2}

    def feeds(self, signature, seed):
        assert signature.inputs[0].shape == (2, 4)
        assert signature.outputs[0].shape == (2, 5)
        return super().feeds(signature, seed)
