"""A meter that measures nothing: it makes up the energy of a device from the time that this process computed.

For the tests of energy, which register it as a distribution of others would; nothing reads it otherwise. What it says is scripted in
the JSON file that the variable ``EDGERT_FAKE_METER`` of the worker's environment names; a board takes `idle_w` always
and `busy_w` more for each second of processor time::

    {"energy_j.board": {"idle_w": 2.0, "busy_w": 10.0}, "power_w.fan": {"idle_w": 1.5, "fault": "constant"}}

Faults are ``constant``, ``text`` (no number), ``vanishes`` (none any more), ``backwards`` and ``jumps``, from the
reading `fault_at` on, counted from 1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_edgert import clock
from pytest_edgert.devices.telemetry.counters import Sieve
from pytest_edgert.records import Presence, PresenceState

#: Names the script.
VARIABLE = "EDGERT_FAKE_METER"
_JUMP_J = 1e9


class FakeMeter:
    """The meter; a script that is missing or wrong has no sensors."""

    name = "fake"

    def sensors(self, sysroot: Path) -> Sequence[Presence]:  # noqa: ARG002 - there is nothing below a root
        """Return what the script names, all usable."""
        found = [Presence(name, PresenceState.USABLE) for name in _script()]
        why = f"The variable {VARIABLE} names no script of a fake meter."
        return found or [Presence("*", PresenceState.ABSENT, why, "It is for tests of this package.")]

    def open(self, sysroot: Path) -> FakeReader:  # noqa: ARG002 - there is nothing below a root
        """Open what the script names."""
        return FakeReader(_script())


class FakeReader:
    """Counts from when it was opened."""

    def __init__(self, script: Mapping[str, Mapping[str, Any]]) -> None:
        self._script = script
        self._sieve = Sieve.of(script)
        self._wall_ns, self._busy_ns = clock.monotonic_ns(), clock.process_ns()
        self._readings = 0
        self._last: dict[str, tuple[float, float]] = {}

    def read(self) -> Mapping[str, float | None]:
        """Return every sensor by name."""
        self._readings += 1
        wall_s = (clock.monotonic_ns() - self._wall_ns) / 1e9
        busy_s = (clock.process_ns() - self._busy_ns) / 1e9
        numbers = {name: self._number(name, rule, wall_s, busy_s) for name, rule in self._script.items()}
        return self._sieve(numbers)

    def troubles(self) -> Mapping[str, str]:
        """Return a sentence for each sensor that counted back."""
        return self._sieve.troubles()

    def close(self) -> None:
        """Close nothing: there is nothing to close."""

    def _number(self, name: str, rule: Mapping[str, Any], wall_s: float, busy_s: float) -> float | None:
        joules = rule.get("idle_w", 0.0) * wall_s + rule.get("busy_w", 0.0) * busy_s
        before_s, before_j = self._last.get(name, (0.0, 0.0))
        self._last[name] = (wall_s, joules)
        honest = joules if name.startswith("energy_j.") else (joules - before_j) / max(1e-9, wall_s - before_s)
        if self._readings < rule.get("fault_at", 1):
            return float(honest)
        spoiled = {"constant": rule.get("idle_w", 0.0), "text": None, "vanishes": None, "jumps": honest + _JUMP_J}
        if rule.get("fault") == "backwards":
            return float(honest) / 2
        found = spoiled.get(rule.get("fault", ""), honest)
        return None if found is None else float(found)


def _script() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


METER = FakeMeter()
