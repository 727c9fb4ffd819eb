"""Which meters exist: entry points read from metadata, loaded by ``module:attribute`` without a vendor's module.

A worker loads a meter by its reference alone; only the controller reads entry points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_edgert import registered
from pytest_edgert.errors import UsageError

if TYPE_CHECKING:
    from pytest_edgert.contracts import Meter

#: Entry-point group of meters.
GROUP = "pytest_edgert.meters"

_MEMBERS = ("name", "sensors", "open")


def meter_references() -> dict[str, str]:
    """Return ``module:attribute`` of every registered meter, by name, in the order of the names.

    Raises:
        UsageError: Two distributions register one name.
    """
    return registered.references(GROUP, "the meter")


def load_meter(reference: str) -> Meter:
    """Return the meter that ``module:attribute`` names.

    Raises:
        UsageError: The module cannot be imported, or what it holds is not a meter.
    """
    found = registered.load(reference, "the meter")
    lacking = registered.lacking(found, _MEMBERS)
    if lacking:
        raise UsageError(
            f"{reference} is not a meter: {lacking}.",
            "A meter satisfies pytest_edgert.contracts.Meter; see docs/telemetry.md.",
        )
    return cast("Meter", found)
