"""The figures of one comparison as plain values: how far one tensor lies from its reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: How far a mean lies from zero by chance alone: 0.3 % of means lie further.
_STANDARD_ERRORS = 3.0


@dataclass(frozen=True, slots=True)
class TensorDistance:
    """How far a tensor lies from its reference; indices are flat in C order, -1 where there is none.

    Args:
        n: Elements.
        n_finite: Elements that are finite on both sides; every figure below but the counts is about these.
        max_abs, max_abs_index: Largest ``|left - right|``.
        max_rel, max_rel_index: Largest ``|left - right| / max(|right|, 2**-126)``.
        max_scaled: Largest ``|left - right| / max(|right|, rms_reference)``.
        rms_error: Root mean square of ``left - right``.
        rms_reference: Root mean square of the reference's finite elements.
        mean_error: Mean of ``left - right``, signed.
        bias: ``mean_error / rms_error``, -1 to 1; near ±1 when errors have one sign.
        sqnr_db: ``10 log10(sum right² / sum (left - right)²)``; +inf without error, -inf with error and no signal.
        cosine: Cosine between both, -1 to 1; blind to scale, to be read with `norm_ratio`.
        norm_ratio: ``‖left‖ / ‖right‖``.
        nan_both, inf_both: Elements where both are NaN, or the same infinity.
        nan_mismatch: Elements where exactly one is NaN.
        inf_mismatch: Elements where an infinity meets a finite number or the other infinity.
        first_nonfinite: First of the mismatches.
        beyond, first_beyond: Elements outside the tolerance, and the first.
        over_n: Elements further apart than `Limits.over`.
    """

    n: int
    n_finite: int
    max_abs: float = 0.0
    max_abs_index: int = -1
    max_rel: float = 0.0
    max_rel_index: int = -1
    max_scaled: float = 0.0
    rms_error: float = 0.0
    rms_reference: float = 0.0
    mean_error: float = 0.0
    bias: float = 0.0
    sqnr_db: float = float("inf")
    cosine: float = 1.0
    norm_ratio: float = 1.0
    nan_both: int = 0
    inf_both: int = 0
    nan_mismatch: int = 0
    inf_mismatch: int = 0
    first_nonfinite: int = -1
    beyond: int = 0
    first_beyond: int = -1
    over_n: int = 0


@dataclass(frozen=True, slots=True)
class StepDistance:
    """A distance counted in steps: of a quantised scale (LSB), or of a float format (ULP).

    Args:
        maximum, index: Largest distance and its flat index, -1 where all are equal.
        over_one: Elements further apart than one step.
        beyond, first_beyond: Elements further apart than the limit, and the first.
        mean: Mean signed distance (LSB only).
        n: Elements compared.
        rms: Root mean square of the distance (LSB only).
    """

    maximum: float
    index: int
    over_one: int
    beyond: int
    first_beyond: int
    mean: float
    n: int
    rms: float = 0.0

    @property
    def leans(self) -> bool:
        """Whether the mean is more than chance: three standard errors of as many errors whose true mean is zero."""
        return abs(self.mean) * math.sqrt(self.n) > _STANDARD_ERRORS * self.rms

    @property
    def over_one_share(self) -> float:
        """Share of elements further apart than one step, 0 to 1."""
        return self.over_one / self.n if self.n else 0.0
