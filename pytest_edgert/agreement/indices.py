"""Which integer outputs hold indices into which scores: as someone says, else as a runtime reads it from the graph."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pytest_edgert.agreement.match import Matching
from pytest_edgert.errors import UsageError
from pytest_edgert.records import Placement
from pytest_edgert.tensors import Signature, TensorSpec

#: Where a placement's detail tells it: JSON text, own names of index outputs to own names of scores.
DETAIL = "indices"
_REMEDY = (
    'Write indices = { labels = "scores" }, both names of outputs; where an artefact calls them otherwise, the gate file\'s'
    " outputs say so."
)


def told_indices(placement: Placement) -> dict[str, str]:
    """Return what a runtime reads from its graph: names of index outputs to names of scores; empty where it tells none."""
    text = placement.detail.get(DETAIL)
    return dict(json.loads(text)) if isinstance(text, str) else {}


def recognised(matching: Matching, left: Placement, right: Placement) -> dict[str, str]:
    """Return the index outputs that either side tells of, by left names, where both outputs are compared."""
    left_names = {pair.right: pair.left for pair in matching.pairs}
    compared = set(left_names.values())
    theirs = {left_names.get(name, ""): left_names.get(of, "") for name, of in told_indices(right).items()}
    return {name: of for name, of in (theirs | told_indices(left)).items() if name in compared and of in compared}


def asked_indices(
    asked: Mapping[str, str], matching: Matching, left: Signature, right: Signature, source: str
) -> dict[str, str]:
    """Return a map that someone wrote, by left names.

    Args:
        asked: Names of index outputs to names of scores; a name is one of either side.
        matching: Which output is which.
        left: The signature under test.
        right: The reference's signature.
        source: Who says so.

    Raises:
        UsageError: A name is that of no output compared, an index output holds no integers, scores are no numbers, or
            an output would point into itself.
    """
    specs = {spec.name: spec for spec in left.outputs}
    found = {}
    for name, scores in asked.items():
        index, of = (_left_name(one, matching, left, right, source) for one in (name, scores))
        if index == of:
            raise UsageError(f"{source}: output {name!r} would hold indices into itself.", _REMEDY)
        if not _is_integer(specs[index]):
            raise UsageError(f"{source}: output {name!r} is {_kind(specs[index])} and holds no indices.", _REMEDY)
        if specs[of].dtype in ("string", "bool"):
            raise UsageError(f"{source}: output {scores!r} is {_kind(specs[of])} and holds no scores.", _REMEDY)
        found[index] = of
    return found


def _left_name(name: str, matching: Matching, left: Signature, right: Signature, source: str) -> str:
    compared = {pair.right: pair.left for pair in matching.pairs}
    if name in compared.values():
        return name
    if name in compared:
        return compared[name]
    outputs = [spec.name for spec in left.outputs]
    others = [spec.name for spec in right.outputs if spec.name not in outputs]
    raise UsageError(
        f"{source}: {name!r} is no output that is compared; there are {', '.join(map(repr, [*outputs, *others]))}.",
        _REMEDY,
    )


def _is_integer(spec: TensorSpec) -> bool:
    return spec.dtype.startswith(("int", "uint")) and spec.quantization is None


def _kind(spec: TensorSpec) -> str:
    return spec.dtype if spec.quantization is None else f"quantised {spec.dtype}"
