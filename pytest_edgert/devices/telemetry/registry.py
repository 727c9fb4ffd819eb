"""Which meters exist: entry points read from metadata, loaded by ``module:attribute`` without a vendor's module.

A worker loads a meter by its reference alone; only the controller reads entry points.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING

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
    found: dict[str, tuple[str, str]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        owner = point.dist.name if point.dist is not None else "an unnamed distribution"
        reference, first_owner = found.setdefault(point.name, (point.value, owner))
        if reference != point.value:
            raise UsageError(
                f"Two distributions register the meter {point.name!r}: {reference} of {first_owner} "
                f"and {point.value} of {owner}.",
                f"Uninstall one of them: pip uninstall {owner}",
            )
    return {name: found[name][0] for name in sorted(found)}


def load_meter(reference: str) -> Meter:
    """Return the meter that ``module:attribute`` names.

    Raises:
        UsageError: The module cannot be imported, or what it holds is not a meter.
    """
    module_name, _, attribute = reference.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except Exception as error:
        raise UsageError(
            f"The meter {reference} cannot be loaded: {type(error).__name__}: {error}.",
            f"Repair or uninstall the distribution that brings {module_name!r}.",
        ) from error
    missing = [name for name in _MEMBERS if not hasattr(found, name)]
    if missing:
        raise UsageError(
            f"{reference} is not a meter: it has no {', '.join(missing)}.",
            "A meter satisfies pytest_edgert.contracts.Meter; see docs/telemetry.md.",
        )
    meter: Meter = found
    return meter
