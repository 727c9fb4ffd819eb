"""What was measured block by block: one value per block, why it ended, and how it was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pytest_edgert.errors import ProtocolError
from pytest_edgert.records import Plain
from pytest_edgert.tensors import Array


@dataclass(frozen=True, slots=True)
class BlockValues:
    """What a measurement in blocks saw.

    Args:
        values: By name of what each block gave, one finite value per block in order, (n,), float64; all equally long.
        stop_reason: Why it ended.
        detail: How it was measured, and what was seen beside it.
        refused: Why sensors were not used, by name; and what is wrong with the measurement as a whole under "".
    """

    values: Mapping[str, Array]
    stop_reason: str
    detail: Mapping[str, Plain] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def header(self) -> dict[str, object]:
        """Return the plain part for the worker's pipe."""
        return {"stop_reason": self.stop_reason, "detail": dict(self.detail), "refused": dict(self.refused)}

    def tensors(self) -> dict[str, Array]:
        """Return the arrays for the worker's pipe."""
        return {name: np.ascontiguousarray(values, dtype=np.float64) for name, values in self.values.items()}

    @classmethod
    def from_wire(cls, header: Mapping[str, object], tensors: Mapping[str, Array]) -> BlockValues:
        """Return what `header` and `tensors` flattened. Raises ProtocolError."""
        lengths = {len(values) for values in tensors.values() if values.ndim == 1}
        sound = all(values.ndim == 1 and np.isfinite(values).all() for values in tensors.values())
        detail, refused = header.get("detail"), header.get("refused")
        if len(lengths) > 1 or not sound or not isinstance(detail, dict) or not isinstance(refused, dict):
            raise ProtocolError("Blocks came that are not equally long series of finite numbers.")
        return cls(dict(tensors), str(header.get("stop_reason", "")), detail, refused)
