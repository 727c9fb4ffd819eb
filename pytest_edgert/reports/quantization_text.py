"""The grids of an artefact in words: what is wrong with them, then the worst of those that are only rough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_edgert.records import TensorHealth
from pytest_edgert.reports import text

#: Tensors that a message names of either sort.
_MOST = 5


def lines(tensors: Sequence[TensorHealth]) -> Iterator[str]:
    """Yield each fault of each tensor, and the figures of the tensors with the largest RMSE/scale."""
    faults = [f"{one.role} {one.label}: {fault}" for one in tensors for fault in one.faults]
    yield from faults[:_MOST]
    if len(faults) > _MOST:
        yield f"and {len(faults) - _MOST} faults more"
    rough = sorted((one for one in tensors if one.rmse is not None), key=lambda one: -(one.rmse or 0.0))
    for one in rough[:_MOST]:
        yield f"{one.role} {one.label}: {figures(one)}"


def figures(one: TensorHealth) -> str:
    """Return what is known of one tensor: ``rmse 0.289, clipped 0 %, unused 5 %``."""
    told = [
        f"{name} {text.value(number, unit)}"
        for name, number, unit in (
            ("rmse", one.rmse, "ratio"),
            ("clipped", one.clipped, "share"),
            ("cut", one.cut or None, "share"),
            ("unused", one.unused, "share"),
        )
        if number is not None
    ]
    counted = [(one.dead, "dead"), (one.constant, "constant")]
    return ", ".join(told + [f"{n} of {one.channels} channels {word}" for n, word in counted if n])
