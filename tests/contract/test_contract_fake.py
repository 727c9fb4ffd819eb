from __future__ import annotations

from pathlib import Path

from contract_models import write_fake

from pytest_edgert.testing import RuntimeContract


class TestFake(RuntimeContract):
    reference = "pytest_edgert.runtimes.fake:RUNTIME"

    def artefact(self, folder: Path) -> Path:
        return write_fake(folder / "model.fake")


class TestFakeOnItsNpu(TestFake):
    accelerator = "npu"
