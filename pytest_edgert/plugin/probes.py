"""What runtimes tell of this device, asked once a run and handed from the controller to xdist workers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_edgert.records import Presence

#: Name of the presence of a runtime that could not even be asked (see `probing.probe`).
LOST = "*"


@dataclass(frozen=True, slots=True)
class ProbedRuntime:
    """What a runtime told of itself: its version and each accelerator's presence."""

    version: str
    accelerators: tuple[Presence, ...]


@dataclass(frozen=True, slots=True)
class ProbeTable:
    """What runtimes told of this device, by runtime; handed from the controller to xdist workers as JSON."""

    runtimes: Mapping[str, ProbedRuntime] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the table as text."""
        from pytest_edgert.codec import encode

        return json.dumps(encode(self))

    @classmethod
    def from_json(cls, text: str) -> ProbeTable:
        """Return the table that `to_json` wrote."""
        from pytest_edgert.codec import decode

        return decode(cls, json.loads(text))


def probe_runtimes(names: Sequence[str]) -> ProbeTable:
    """Ask runtimes what is usable here, each in a worker."""
    if not names:
        return ProbeTable()
    from pytest_edgert.probing import probe

    return ProbeTable({name: ProbedRuntime(*answer) for name, answer in probe(names).items()})
