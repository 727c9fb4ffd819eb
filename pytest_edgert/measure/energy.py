"""What an energy measurement saw: the readings, which of them bound the idle window and the blocks, and inferences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pytest_edgert.errors import ProtocolError
from pytest_edgert.series import Series
from pytest_edgert.tensors import Array


@dataclass(frozen=True, slots=True)
class EnergySamples:
    """What the worker sends.

    Args:
        series: Every reading.
        idle: First and last reading of the idle window, as rows of the series; (0, 0) when there was none.
        edges: First and last reading of each block, (n, 2), int64.
        counts: Inferences of each block, (n,), int64.
        stop_reason: Why it ended.
        block_s: Length of a block, at least.
        period_s: How often the slowest sensor tells a new number.
        troubles: What went wrong with a sensor or a meter, by name.
    """

    series: Series
    idle: tuple[int, int]
    edges: Array
    counts: Array
    stop_reason: str
    block_s: float = 1.0
    period_s: float = 0.0
    troubles: Mapping[str, str] = field(default_factory=dict)

    @property
    def window_ns(self) -> tuple[int, int]:
        """From the first block's first reading to the last one's last, on the worker's clock; (0, 0) without blocks."""
        if not len(self.edges):
            return 0, 0
        return int(self.series.times_ns[self.edges[0][0]]), int(self.series.times_ns[self.edges[-1][1]])

    def header(self) -> dict[str, Any]:
        """Return the plain part for the worker's pipe."""
        return {
            "names": list(self.series.names),
            "idle": list(self.idle),
            "stop_reason": self.stop_reason,
            "block_s": self.block_s,
            "period_s": self.period_s,
            "troubles": dict(self.troubles),
        }

    def tensors(self) -> dict[str, Array]:
        """Return the arrays for the worker's pipe."""
        edges = np.ascontiguousarray(self.edges, np.int64).reshape(-1, 2)
        return {**self.series.tensors(), "edges": edges, "counts": np.ascontiguousarray(self.counts, np.int64)}

    @classmethod
    def from_wire(cls, header: Mapping[str, Any], tensors: Mapping[str, Array]) -> EnergySamples:
        """Return what `header` and `tensors` flattened. Raises ProtocolError."""
        try:
            series = Series.from_parts(header["names"], tensors)
            first, last = header["idle"]
            edges, counts = tensors["edges"], tensors["counts"]
            rows = np.concatenate((edges.reshape(-1), [first, last]))
            sound = edges.shape == (len(counts), 2) and (counts > 0).all()
            if not sound or rows.min() < 0 or rows.max() >= max(1, len(series.times_ns)):
                raise ProtocolError("Blocks of energy came that do not fit their readings.")
            return cls(
                series,
                (int(first), int(last)),
                edges,
                counts,
                str(header["stop_reason"]),
                float(header["block_s"]),
                float(header["period_s"]),
                dict(header["troubles"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError(f"Blocks of energy came incomplete: {error}.") from error
