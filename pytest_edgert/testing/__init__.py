"""Contract tests for authors: subclass `RuntimeContract` or `MeterContract` and every rule becomes a test."""

from pytest_edgert.testing.meter import MeterContract
from pytest_edgert.testing.runtime import RuntimeContract

__all__ = ["MeterContract", "RuntimeContract"]
