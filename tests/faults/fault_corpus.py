"""The fault corpus: every row of the catalogue, in its order."""

from __future__ import annotations

import fault_rows_floats
import fault_rows_integers
import fault_rows_quantized
import fault_rows_structure
from fault_cases import Row

_ORDER = "QNIFSE"

CORPUS: tuple[Row, ...] = tuple(
    sorted(
        [
            row
            for module in (fault_rows_quantized, fault_rows_integers, fault_rows_floats, fault_rows_structure)
            for row in module.ROWS.rows
        ],
        key=lambda row: (_ORDER.index(row.id[0]), row.id),
    )
)
