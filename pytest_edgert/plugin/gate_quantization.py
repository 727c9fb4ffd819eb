"""The key ``quantization`` of a gate file: limits on the figures of an artefact's grids."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pytest_edgert.errors import UsageError
from pytest_edgert.plugin.gate_blocks import Reader

_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


def _rmse(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise UsageError(f"{where} is {value!r}, wanted RMSE/scale above 0.", "Write 0.5; rounding alone makes 0.289.")
    return float(value)


def _share(value: object, where: str) -> float:
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    number = float(found[1]) / 100 if found is not None else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= 1:
        raise UsageError(f"{where} is {value!r}, wanted a share from 0 % to 100 %.", 'Write "1%", or 0.01.')
    return float(number)


def _count(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f"{where} is {value!r}, wanted a number of channels.", "Write 0 to allow none.")
    return float(value)


#: Keys of the table, each with its reader.
QUANTIZATION_LIMITS: Mapping[str, Mapping[str, Reader]] = {
    "quantization": {"rmse": _rmse, "clipped": _share, "unused": _share, "dead": _count, "constant": _count}
}
