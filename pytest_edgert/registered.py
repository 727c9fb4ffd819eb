"""What distributions register as entry points: references read from metadata, objects loaded by ``module:attribute``."""

from __future__ import annotations

import importlib
import importlib.metadata

from pytest_edgert.errors import UsageError


def references(group: str, what: str) -> dict[str, str]:
    """Return ``module:attribute`` of everything registered in a group, by name, in the order of the names.

    Args:
        group: The entry-point group.
        what: What is registered there, for errors: "the meter".

    Raises:
        UsageError: Two distributions register one name.
    """
    found: dict[str, tuple[str, str]] = {}
    for point in importlib.metadata.entry_points(group=group):
        owner = point.dist.name if point.dist is not None else "an unnamed distribution"
        reference, first_owner = found.setdefault(point.name, (point.value, owner))
        if reference != point.value:
            raise UsageError(
                f"Two distributions register {what} {point.name!r}: {reference} of {first_owner} "
                f"and {point.value} of {owner}.",
                f"Uninstall one of them: pip uninstall {owner}",
            )
    return {name: found[name][0] for name in sorted(found)}


def load(reference: str, what: str) -> object:
    """Return what ``module:attribute`` names. Raises UsageError where it cannot be imported."""
    module_name, _, attribute = reference.partition(":")
    try:
        found: object = getattr(importlib.import_module(module_name), attribute)
    except Exception as error:
        raise UsageError(
            f"{what.capitalize()} {reference} cannot be loaded: {type(error).__name__}: {error}.",
            f"Repair or uninstall the distribution that brings {module_name!r}.",
        ) from error
    return found


def lacking(found: object, members: tuple[str, ...]) -> str:
    """Return in words which members an object lacks; empty when it has all."""
    missing = [name for name in members if not hasattr(found, name)]
    return f"it has no {', '.join(missing)}" if missing else ""
