from __future__ import annotations

import importlib
import sys
from pathlib import Path

from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.testing import RuntimeContract


def contracts_in(folder: Path) -> set[str]:
    """Return the adapters that the contract tests of a folder prove."""
    sys.path.insert(0, str(folder))
    try:
        modules = [importlib.import_module(path.stem) for path in sorted(folder.glob("test_contract_*.py"))]
    finally:
        sys.path.remove(str(folder))
    return {
        found.reference
        for module in modules
        for name, found in vars(module).items()
        if name.startswith("Test") and issubclass(found, RuntimeContract)
    }


def test_every_registered_runtime_is_under_contract() -> None:
    assert set(adapter_references().values()) <= contracts_in(Path(__file__).parent)


def test_a_folder_without_contract_tests_covers_nothing(tmp_path: Path) -> None:
    assert contracts_in(tmp_path) == set()
