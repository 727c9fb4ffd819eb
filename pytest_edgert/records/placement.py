"""What is present on a device, and what really ran where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

Plain: TypeAlias = str | int | float | bool | None


class PresenceState(str, Enum):
    """How present a thing is on this device."""

    USABLE = "usable"
    UNUSABLE = "unusable"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether an accelerator is usable here; `reason` and `remedy` say why not and how to get it."""

    name: str
    state: PresenceState
    reason: str = ""
    remedy: str = ""


class Evidence(str, Enum):
    """How a placement is known, strongest first: `traced` > `planned` > `requested` > `unknown`."""

    TRACED = "traced"
    PLANNED = "planned"
    REQUESTED = "requested"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Placement:
    """What ran where, as the runtime tells it.

    Args:
        accelerator: The accelerator that was asked for, resolved (never "auto").
        evidence: How it is known.
        nodes: Number of nodes by accelerator or provider name.
        elsewhere: Nodes that did not go to `accelerator`, as "name (operator) on provider".
        detail: What else the runtime says, in plain words (precision, threads).
    """

    accelerator: str
    evidence: Evidence
    nodes: Mapping[str, int] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    detail: Mapping[str, Plain] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Share of nodes on the accelerator, 0 to 1; None when the runtime tells no nodes."""
        total = sum(self.nodes.values())
        return None if total == 0 else 1 - len(self.elsewhere) / total
