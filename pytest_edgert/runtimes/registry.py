"""Which runtimes exist: entry points read from metadata, loaded without their vendor's module.

Nothing here imports a vendor: presence is `find_spec`, versions are distribution metadata. Whether a
runtime really works is asked in a worker.
"""

from __future__ import annotations

import importlib.metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from pytest_edgert import registered
from pytest_edgert.contracts import RuntimeInfo
from pytest_edgert.errors import UsageError

if TYPE_CHECKING:
    from pytest_edgert.contracts import Runtime

#: Entry-point group of adapters.
GROUP = "pytest_edgert.runtimes"

_MEMBERS = ("info", "version", "accelerators", "accepts", "open")


def adapter_references() -> dict[str, str]:
    """Return ``module:attribute`` of every registered runtime, by name, in the order of the names.

    Raises:
        UsageError: Two distributions register one name.
    """
    return registered.references(GROUP, "the runtime")


def load_adapter(reference: str) -> Runtime:
    """Return the runtime object that ``module:attribute`` names.

    Raises:
        UsageError: The module cannot be imported, or what it holds is not a runtime.
    """
    found = registered.load(reference, "the runtime adapter")
    lacking = registered.lacking(found, _MEMBERS)
    if lacking or not isinstance(getattr(found, "info", None), RuntimeInfo):
        raise UsageError(
            f"The runtime adapter {reference} is not a runtime: {lacking or 'its info is not a RuntimeInfo'}.",
            "An adapter satisfies pytest_edgert.contracts.Runtime; see docs/adapters.md.",
        )
    return cast("Runtime", found)


def runtimes() -> dict[str, Runtime]:
    """Return every registered runtime by name; loading one imports no vendor module.

    Raises:
        UsageError: An adapter is broken, registered twice, or named otherwise than its entry point.
    """
    loaded: dict[str, Runtime] = {}
    for name, reference in adapter_references().items():
        runtime = load_adapter(reference)
        if runtime.info.name != name:
            raise UsageError(
                f"The runtime adapter {reference} calls itself {runtime.info.name!r}, its entry point {name!r}.",
                "Give both one name.",
            )
        loaded[name] = runtime
    return loaded


def is_installed(info: RuntimeInfo) -> bool:
    """Return whether a module that serves the runtime can be found; nothing is imported."""
    return not info.modules or any(_has_module(name) for name in info.modules)


def installed_version(info: RuntimeInfo) -> str | None:
    """Return the version of the first of the runtime's distributions that is installed, None when none is."""
    found = (_version(name) for name in info.distributions)
    return next((version for version in found if version is not None), None)


def how_to_install(info: RuntimeInfo) -> str:
    """Return the command that installs the runtime, or where to look when no command does."""
    if info.extra:
        return f'pip install "pytest-edgert[{info.extra}]"'
    if info.distributions:
        return f"pip install {info.distributions[0]}"
    return f"See the documentation of {info.name}."


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _has_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
