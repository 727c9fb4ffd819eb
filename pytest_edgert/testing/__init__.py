"""Contract tests for authors of adapters: subclass `RuntimeContract` and every rule becomes a test."""

from pytest_edgert.testing.runtime import RuntimeContract

__all__ = ["RuntimeContract"]
