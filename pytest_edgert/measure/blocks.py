"""What was measured block by block: one value per block, why it ended, and how it was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pytest_edgert.errors import ProtocolError
from pytest_edgert.records import Plain
from pytest_edgert.series import READINGS, Series
from pytest_edgert.tensors import Array


@dataclass(frozen=True, slots=True)
class BlockValues:
    """What a measurement in blocks saw.

    Args:
        values: By name of what each block gave, one finite value per block in order, (n,), float64; all equally long.
        stop_reason: Why it ended.
        detail: How it was measured, and what was seen beside it.
        refused: Why sensors were not used, by name; and what is wrong with the measurement as a whole under "".
        series: What the sensors said beside the blocks, the first reading at their begin and the last at their end.
    """

    values: Mapping[str, Array]
    stop_reason: str
    detail: Mapping[str, Plain] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    series: Series = field(default_factory=Series)

    @property
    def window_ns(self) -> tuple[int, int]:
        """From the first reading to the last, on the worker's clock; (0, 0) without one."""
        times_ns = self.series.times_ns
        return (int(times_ns[0]), int(times_ns[-1])) if len(times_ns) else (0, 0)

    def header(self) -> dict[str, object]:
        """Return the plain part for the worker's pipe."""
        told = {"stop_reason": self.stop_reason, "detail": dict(self.detail), "refused": dict(self.refused)}
        return {**told, "sensors": list(self.series.names)}

    def tensors(self) -> dict[str, Array]:
        """Return the arrays for the worker's pipe."""
        values = {name: np.ascontiguousarray(array, dtype=np.float64) for name, array in self.values.items()}
        return {**values, **(self.series.tensors() if self.series.names else {})}

    @classmethod
    def from_wire(cls, header: Mapping[str, object], tensors: Mapping[str, Array]) -> BlockValues:
        """Return what `header` and `tensors` flattened. Raises ProtocolError."""
        values = {name: array for name, array in tensors.items() if name not in READINGS}
        lengths = {len(array) for array in values.values() if array.ndim == 1}
        sound = all(array.ndim == 1 and np.isfinite(array).all() for array in values.values())
        detail, refused = header.get("detail"), header.get("refused")
        if len(lengths) > 1 or not sound or not isinstance(detail, dict) or not isinstance(refused, dict):
            raise ProtocolError("Blocks came that are not equally long series of finite numbers.")
        names = header.get("sensors", ())
        series = Series.from_parts([str(name) for name in names] if isinstance(names, list) else (), tensors)
        return cls(values, str(header.get("stop_reason", "")), detail, refused, series)
