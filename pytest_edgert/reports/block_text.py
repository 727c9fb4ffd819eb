"""Tests on blocks of inferences in words: throughput, energy, the ratio to a baseline; one rendering for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_edgert.records import BlockTest, Verdict
from pytest_edgert.reports import text


def figure(blocks: Sequence[BlockTest], verdict: Verdict) -> str:
    """Return the figure of the test that a check's verdict comes from; of the first where none has that verdict."""
    return block(next((one for one in blocks if one.verdict is verdict), blocks[0]))


def block(found: BlockTest) -> str:
    """Return a median with its interval and limit: ``ratio 0.98 [0.96, 1.01], limit 1.05``."""
    name = found.unit if found.unit == "ratio" else found.name.replace("_", " ")
    ends = f"[{text.value(found.low, found.unit)}, {text.value(found.high, found.unit)}]"
    told = f"{name} {text.value(found.median, found.unit)} {ends}"
    if found.limit is None:
        return told
    return f"{told}, {'at least' if found.at_least else 'limit'} {text.value(found.limit, found.unit)}"


def lines(blocks: Sequence[BlockTest]) -> Iterator[str]:
    """Yield for each test its figure, limit and verdict, and how it was measured."""
    for found in blocks:
        source = f" (from {found.source})" if found.source else ""
        yield f"{block(found)}{source}: {found.verdict.value}"
        yield (
            f"  {len(found.values):,} blocks of {text.duration(found.block_s)}, "
            f"autocorrelation time {found.tau:.3g} blocks"
        )
        if found.detail:
            yield f"  {', '.join(f'{name} {text.plain(what)}' for name, what in found.detail.items())}"
