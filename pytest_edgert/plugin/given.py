"""The value of one option: from the command line or the ini file, who gave it, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.plugin.options import Option

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True)
class Given:
    """The value of one option, who gave it, and the folder its relative paths are relative to."""

    option: Option
    texts: tuple[str, ...]
    source: str
    folder: Path


def find_given(config: pytest.Config, option: Option) -> Given | None:
    """Return the value of an option, from the command line or else from the ini file; None when neither has one."""
    value = getattr(config.option, option.key, None)
    if value is None:
        return find_ini(config, option)
    return Given(option, _texts(value), option.name, config.invocation_params.dir)


def find_ini(config: pytest.Config, option: Option) -> Given | None:
    """Return the value of the ini key of an option, None when it is not set."""
    value = config.getini(option.key)
    if value is None or value is False or value == []:
        return None
    where = config.inipath
    return Given(option, _texts(value), f"{option.key} in {where}", where.parent if where else config.rootpath)


def _texts(value: object) -> tuple[str, ...]:
    if value is True:
        return ("true",)
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)
