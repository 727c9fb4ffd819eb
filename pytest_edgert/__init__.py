"""pytest-edgert: the referee between a model file and the silicon it will run on.

Public names load on first use (PEP 562), since pytest imports this package when it starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_edgert.assertions import assert_agreement, assert_latency
    from pytest_edgert.errors import EdgertError
    from pytest_edgert.recording import VerdictError
    from pytest_edgert.records import CheckRecord, Verdict

#: Public name to the module that defines it.
_PUBLIC = {
    "CheckRecord": "pytest_edgert.records.check",
    "EdgertError": "pytest_edgert.errors",
    "Verdict": "pytest_edgert.records.verdicts",
    "VerdictError": "pytest_edgert.recording",
    "assert_agreement": "pytest_edgert.assertions",
    "assert_latency": "pytest_edgert.assertions",
}

__all__ = ["CheckRecord", "EdgertError", "Verdict", "VerdictError", "assert_agreement", "assert_latency"]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
