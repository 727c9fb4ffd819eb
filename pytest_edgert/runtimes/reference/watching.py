"""Looking on while the oracle rounds onto grids: every rounding is shown to the watch that is set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pytest_edgert.tensors import Array


@dataclass(frozen=True, slots=True)
class Rounding:
    """Numbers and what they became on a grid.

    Args:
        name: The tensor that is made.
        real: The numbers, float64.
        scale, zero_point: Of the grid, broadcast to the shape of `real`.
        dtype: The integer type: one of `rounding.RANGES`.
        codes: What they became, whole, of the shape of `real`.
    """

    name: str
    real: Array
    scale: Array
    zero_point: Array
    dtype: str
    codes: Array


_WATCH: ContextVar[Callable[[Rounding], None] | None] = ContextVar("pytest_edgert_rounding_watch", default=None)


def show(rounding: Rounding) -> None:
    """Show a rounding to the watch, if one is set."""
    watch = _WATCH.get()
    if watch is not None:
        watch(rounding)


@contextmanager
def watched_by(watch: Callable[[Rounding], None]) -> Iterator[None]:
    """Let `watch` see every rounding inside."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)
