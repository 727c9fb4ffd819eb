"""What a soak saw: samples thinned to a bounded number, and segments that were made from all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pytest_edgert.codec import decode, encode
from pytest_edgert.errors import ProtocolError
from pytest_edgert.measure.parts import KeptParts
from pytest_edgert.measure.samples import LatencySamples
from pytest_edgert.records import Segment
from pytest_edgert.tensors import Array

#: Raw samples kept at most, over the whole soak: 16 MB in a closed loop, 32 MB in an open one.
MOST_KEPT = 1_000_000
#: Segments that a soak is cut into, and the shortest and longest that they may be, in seconds.
_SEGMENTS, _SHORTEST_S, _LONGEST_S = 120, 0.5, 10.0


@dataclass(frozen=True, slots=True)
class SoakSamples:
    """What a soak saw.

    Args:
        samples: Raw samples, thinned evenly over time to `MOST_KEPT` at most, with the sensors' whole series.
        segments: The whole run in pieces, each made from every inference in it.
        inferences: All timed inferences, kept or not.
        began_ns: When the first segment began, on the clock of the samples.
    """

    samples: LatencySamples
    segments: tuple[Segment, ...]
    inferences: int
    began_ns: int

    def meta(self) -> dict[str, Any]:
        """Return all that is not an array, for the worker's pipe."""
        own = {"segments": encode(self.segments), "inferences": self.inferences, "began_ns": self.began_ns}
        return {**self.samples.meta(), **own}

    @classmethod
    def from_wire(cls, meta: Mapping[str, Any], tensors: Mapping[str, Array]) -> SoakSamples:
        """Return what `meta` and the samples' tensors flattened. Raises ProtocolError."""
        try:
            segments = tuple(decode(Segment, segment) for segment in meta["segments"])
            inferences, began_ns = int(meta["inferences"]), int(meta["began_ns"])
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError(f"A soak's segments came in another form: {error}.") from error
        return cls(LatencySamples.from_wire(meta, tensors), segments, inferences, began_ns)


@dataclass(slots=True)
class SoakParts(KeptParts):
    """The parts of a soak, one a segment; what is left when the worker is lost."""

    segments: list[Segment] = field(default_factory=list)

    def add(self, meta: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
        """Take the next part: the samples of one segment and the segment."""
        plain = dict(meta)
        self.segments.append(decode(Segment, plain.pop("segment")))
        KeptParts.add(self, plain, tensors)

    def whole(self, meta: Mapping[str, Any], tensors: Mapping[str, Array]) -> SoakSamples:
        """Return the soak that ended well: the samples of the parts, and what came at the end."""
        last = SoakSamples.from_wire(meta, tensors)
        taken = self.samples(last.samples.stop_reason)
        if taken is None:
            return last
        samples = replace(
            last.samples,
            durations_ns=taken.durations_ns,
            starts_ns=taken.starts_ns,
            service_ns=taken.service_ns,
            intended_ns=taken.intended_ns,
        )
        return replace(last, samples=samples)


def segment_s(duration_s: float) -> float:
    """Return the length of the segments of a soak: a 120th of it, from half a second to ten seconds."""
    return min(max(duration_s / _SEGMENTS, _SHORTEST_S), _LONGEST_S)


def pick(n: int, most: int, stream: np.random.Generator) -> Array:
    """Return which of `n` samples to keep, rising, `most` at most: one at random of each of so many equal stretches.

    A fixed stride would miss, or meet every time, what comes with its own period.
    """
    if n <= most:
        return np.arange(n)
    edges = np.arange(most + 1) * n // most
    picked: Array = edges[:-1] + (stream.random(most) * np.diff(edges)).astype(np.int64)
    return picked
