"""Samples that come in parts while they are taken, and what is left of them when the worker is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pytest_edgert.measure.samples import LatencySamples
from pytest_edgert.tensors import Array


@dataclass(slots=True)
class KeptParts:
    """The parts of one measurement, in order; `add` takes what `job.beside.Keep` is called with."""

    meta: dict[str, Any] = field(default_factory=dict)
    parts: list[Mapping[str, Array]] = field(default_factory=list)

    def add(self, meta: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take the next part; plain values replace those of the parts before."""
        self.meta.update(meta)
        self.parts.append(tensors)

    def samples(self, stop_reason: str) -> LatencySamples | None:
        """Return all samples so far; None when no part came. Raises ProtocolError for parts that do not fit."""
        if not self.parts:
            return None
        names = list(self.parts[0])
        joined = {name: np.concatenate([part[name] for part in self.parts]) for name in names}
        return LatencySamples.from_wire({**self.meta, "stop_reason": stop_reason}, joined)
