"""What comparing outputs gives: one outcome per output and the worst of them, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pytest_edgert.agreement.blocks import is_float, widen
from pytest_edgert.agreement.decisions import Decisions
from pytest_edgert.agreement.distance import StepDistance, TensorDistance
from pytest_edgert.agreement.explain.explanation import Explanation
from pytest_edgert.agreement.match import Pair
from pytest_edgert.agreement.steps import dequantize
from pytest_edgert.agreement.tolerance import Tolerance
from pytest_edgert.errors import EdgertError
from pytest_edgert.records import Verdict
from pytest_edgert.tensors import Array, Quantization


@dataclass(frozen=True, slots=True)
class OutputComparison:
    """One output compared.

    Args:
        pair: The output and its reference, and how they were matched.
        verdict: PASS, FAIL, MEASURED (no gate applied) or INCONCLUSIVE (nothing finite to compare).
        reason: One sentence: the first gate that broke, or what was found.
        tolerance: What was allowed, and why.
        distance: The figures; None where the structure broke.
        lsb: Distance in steps of the scale, for quantised outputs.
        ulp: Distance in units of the last place, where the tolerance asks for it.
        top1: The largest entries, for outputs that are (batch, classes); indices, for outputs declared so.
        broken: Names of all gates that broke, in order.
        notes: What else is worth knowing.
        explanations: What explains a failure, the best first; empty where nothing known does.
        margins, n_margins: What a calibration would freeze, by key, and of how many elements; empty in other runs.
    """

    pair: Pair
    verdict: Verdict
    reason: str
    tolerance: Tolerance
    distance: TensorDistance | None = None
    lsb: StepDistance | None = None
    ulp: StepDistance | None = None
    top1: Decisions | None = None
    broken: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    margins: Mapping[str, float] = field(default_factory=dict)
    n_margins: int = 0

    @property
    def figures(self) -> TensorDistance:
        """The figures; raises EdgertError where the structure broke, for then there are none."""
        if self.distance is None:
            raise EdgertError(f"Output {self.pair.left!r} has no figures: {self.reason}")
        return self.distance


@dataclass(frozen=True, slots=True)
class Comparison:
    """All outputs compared: the worst verdict, and the sentence that goes with it."""

    verdict: Verdict
    reason: str
    outputs: tuple[OutputComparison, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """One pair of tensors in one layout, with what is declared of them."""

    left: Array
    right: Array
    left_dtype: str
    right_dtype: str
    left_quantization: Quantization | None
    right_quantization: Quantization | None

    @property
    def quantized(self) -> bool:
        """Whether either side has quantisation parameters."""
        return self.left_quantization is not None or self.right_quantization is not None

    def real(self) -> tuple[Array, Array]:
        """Return both tensors as real numbers."""
        return (
            _real(self.left, self.left_dtype, self.left_quantization),
            _real(self.right, self.right_dtype, self.right_quantization),
        )

    def real_at(self, index: int) -> tuple[float, float]:
        """Return both elements at a flat index as real numbers."""
        place = np.unravel_index(index, self.left.shape)
        one, other = (np.asarray(side[place]).reshape(1) for side in (self.left, self.right))
        return (
            float(_real(one, self.left_dtype, _at(self.left_quantization, place))[0]),
            float(_real(other, self.right_dtype, _at(self.right_quantization, place))[0]),
        )


def _at(quantization: Quantization | None, place: tuple[Any, ...]) -> Quantization | None:
    """Return the parameters of one element."""
    if quantization is None or len(quantization.scale) == 1 or quantization.axis is None:
        return quantization
    channel = int(place[quantization.axis])
    return Quantization((quantization.scale[channel],), (quantization.zero_point[channel],))


def _real(array: Array, dtype: str, quantization: Quantization | None) -> Array:
    if quantization is not None:
        return dequantize(array, quantization)[0]
    return widen(array, dtype) if is_float(dtype) else array
