"""This machine: a worker is another process of the same Python."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_edgert.contracts import Transport


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Runs workers beside this process."""

    name: str = "local"
    shares_memory: bool = True

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return the command of this very interpreter with `arguments`."""
        return [sys.executable, *arguments]


TRANSPORT: Transport = LocalTransport()
