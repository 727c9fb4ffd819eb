"""Ask every explanation and tell the best: what fits more of the error, and what seldom fits by chance, comes first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_edgert.agreement.explain import (
    axes,
    batches,
    integers,
    models,
    nonfinite,
    places,
    precision,
    rails,
    rounding,
    scales,
)
from pytest_edgert.agreement.explain.evidence import Context, Evidence, weigh
from pytest_edgert.agreement.explain.explanation import Explanation
from pytest_edgert.agreement.outcome import Sides

Explain = Callable[[Evidence], Explanation | None]
#: Asked in this order, which also decides between equals.
EXPLANATIONS: tuple[Explain, ...] = (
    nonfinite.nan_handling,
    nonfinite.infinities,
    batches.one_row,
    places.constant_output,
    places.few_entries,
    integers.wrap_around,
    integers.pair_saturation,
    rails.saturation,
    rounding.flush_to_zero,
    rounding.rounding_mode,
    rounding.double_rounding,
    rounding.another_grid,
    axes.layout,
    axes.order,
    axes.shift,
    axes.stretch,
    scales.missing_dequantisation,
    scales.scale_or_offset,
    scales.channel_scales,
    models.graph_cut,
    batches.state_kept,
    precision.stored,
    precision.computed,
    models.another_model,
)
#: Below this, an explanation is told only when there is none above it.
_SURE = 0.5
#: An explanation this much less sure than the best one is not told beside it.
_FAR_BEHIND = 0.06


def explain(sides: Sides, context: Context | None = None) -> tuple[Explanation, ...]:
    """Return what explains the difference of two tensors, the best first; empty when nothing known does.

    Args:
        sides: Both tensors, of one shape, with what is declared of them.
        context: What else is known.
    """
    if "string" in (sides.left_dtype, sides.right_dtype) or sides.left.size == 0:
        return ()
    # Infinities, NaN and squares of extremes are expected here; the masks take them out.
    with np.errstate(all="ignore"):
        evidence = weigh(sides, context or Context())
        found = [one for function in EXPLANATIONS if (one := function(evidence)) is not None]
    ranked = sorted(found, key=lambda one: -one.confidence)
    sure = [one for one in ranked if one.confidence >= _SURE]
    told = sure or ranked
    return tuple(one for one in told if one.confidence >= told[0].confidence - _FAR_BEHIND)
