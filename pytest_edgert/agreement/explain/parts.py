"""A thin sample of large tensors, so that a candidate that explains nothing is dropped before it costs anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.explain.evidence import Evidence, Floats

#: Tensors larger than this are sampled first, by as many elements.
_SAMPLED = 16384


@dataclass(frozen=True, slots=True)
class Part:
    """Some elements of the evidence, spread over all of it."""

    places: tuple[npt.NDArray[np.intp], ...]
    output: Floats
    slack: Floats
    power: float

    def share(self, candidate: npt.NDArray[Any]) -> float:
        """Return what `share_explained` would say of these elements alone."""
        left = np.absolute(self.output - candidate[self.places]) - self.slack
        return 1.0 - float(np.sum(np.maximum(left, 0) ** 2)) / self.power


def part_of(evidence: Evidence) -> Part | None:
    """Return a sample of the finite elements, or None where the tensor is small or the sample shows no error."""
    if evidence.output.size <= _SAMPLED:
        return None
    flat = np.flatnonzero(evidence.finite)[:: max(1, evidence.output.size // _SAMPLED)]
    places = np.unravel_index(flat, evidence.output.shape)
    output, slack = evidence.output[places], evidence.slack[places]
    before = np.maximum(np.absolute(output - evidence.reference[places]) - slack, 0)
    power = float(np.sum(before**2))
    return Part(places, output, slack, power) if power else None
