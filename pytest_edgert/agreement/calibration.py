"""Margins to freeze: twice the errors that one comparison showed, in the fields that its tolerance uses.

The factor and the quantile are engineering defaults without a published source. A margin is never below one rounding, for
where one falls is no fault; errors beyond the quantile are told, not let through.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pytest_edgert.agreement.blocks import BFLOAT16, is_float
from pytest_edgert.agreement.gates import unit_of
from pytest_edgert.agreement.metrics import Limits
from pytest_edgert.agreement.outcome import OutputComparison, Sides
from pytest_edgert.agreement.tolerance import LOWER_LIMITS, WRITTEN, NanPolicy
from pytest_edgert.tensors import Array

#: Quantile of the errors of single elements, how many elements it takes, and how many times it a margin is.
QUANTILE, LEAST_ELEMENTS, FACTOR = 0.999, 1000, 2.0
#: What a factor of two in the error is in decibels.
_FACTOR_DB = 20 * math.log10(FACTOR)
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Margins:
    """What one output showed.

    Args:
        values: By the key that a gate file has: "lsb", "rtol", "atol", "sqnr", …; empty where there is nothing to freeze.
        n: Elements that are finite on both sides.
        beyond: Keys whose largest error lies beyond the margin all the same.
        refused: Why nothing was taken from this output; empty where something was.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    n: int = 0
    beyond: tuple[str, ...] = ()
    refused: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a record says of a calibration, in sentences."""
        if self.refused:
            return (f"calibration: refused, {self.refused}",)
        few = self.n < LEAST_ELEMENTS
        how = f"the largest of {self.n} elements, too few for p99.9" if few else f"p99.9 of {self.n} elements"
        told = [f"calibration: margins are {FACTOR:g} times {how}"] if self.values else []
        return (*told, *(f"calibration: the largest error lies beyond the margin of {key}" for key in self.beyond))


def margins_of(found: OutputComparison, sides: Sides | None) -> Margins:
    """Return what an output showed, refused where it broke its structure or its NaN and infinities differ.

    Args:
        found: The output, judged.
        sides: Both tensors; None where the structure broke.
    """
    distance, tolerance = found.distance, found.tolerance
    if distance is None or sides is None:
        return Margins(refused=f"for the structure broke: {found.reason}")
    unlike = distance.nan_mismatch or distance.inf_mismatch or "nonfinite" in found.broken
    if unlike and tolerance.nan is not NanPolicy.ANY:
        return Margins(n=distance.n_finite, refused="for NaN or infinities are not where the reference has them")
    if not distance.n_finite:
        return Margins(refused="for no element is finite on both sides")
    exact = 0.0 in (tolerance.ulp, tolerance.lsb)
    if exact or not (sides.quantized or is_float(sides.left_dtype)):
        return Margins(n=distance.n_finite)
    errors, reference = _errors(sides)
    single, beyond = _elementwise(found, sides, errors, reference)
    values = {**single, **_whole(found)}
    return Margins({key: _outward(key, value) for key, value in values.items()}, errors.size, beyond)


def _errors(sides: Sides) -> tuple[Array, Array]:
    """Return the magnitudes of errors and of the reference, flat, where both sides are finite."""
    left, right = (np.asarray(side, np.float64).reshape(-1) for side in sides.real())
    finite = np.isfinite(left) & np.isfinite(right)
    return np.absolute(left[finite] - right[finite]), np.absolute(right[finite])


def _quantile(errors: Array) -> float:
    few = errors.size < LEAST_ELEMENTS
    return float(errors.max() if few else np.quantile(errors, QUANTILE, method="higher"))


def _elementwise(
    found: OutputComparison, sides: Sides, errors: Array, reference: Array
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the margins that hold for single elements, and which the largest error exceeds."""
    tolerance, values, beyond = found.tolerance, {}, []
    if tolerance.lsb and found.lsb is not None and (unit := unit_of(sides)):
        values["lsb"] = max(1.0, FACTOR * _quantile(errors / unit))
        beyond += ["lsb"] if found.lsb.maximum > values["lsb"] else []
    if tolerance.ulp and found.ulp is not None:
        values["ulp"] = max(1.0, FACTOR * found.ulp.maximum)
    rtol = tolerance.rtol or 0.0
    rms = found.figures.rms_reference
    atol = Limits(None, tolerance.atol, tolerance.atol_rms).absolute(rms) or 0.0
    allowed = atol + rtol * reference
    if (atol or rtol) and errors.size and allowed.min() > 0:
        times = errors / allowed
        factor = max(FACTOR * _quantile(times), _one_rounding(sides) / (rtol or atol / (rms or 1.0)))
        values |= {"rtol": factor * rtol, "atol": factor * atol}
        beyond += ["rtol"] if times.max() > factor else []
    return values, tuple(beyond)


def _one_rounding(sides: Sides) -> float:
    """Return the relative size of one rounding of the wider of both types."""
    roundings = [
        2.0**-7 if dtype == BFLOAT16 else float(np.finfo(dtype).eps)
        for dtype in (sides.left_dtype, sides.right_dtype)
        if is_float(dtype)
    ]
    return max(roundings, default=0.0)


def _whole(found: OutputComparison) -> dict[str, float]:
    """Return the margins of figures about the whole output.

    None of a figure that is perfect or undefined, nor of a signal that would be allowed to drown in its noise.
    """
    tolerance, distance = found.tolerance, found.figures
    ungated = not tolerance.gates
    values: dict[str, float] = {}
    ratio_db = distance.sqnr_db - _FACTOR_DB
    if (tolerance.sqnr_db is not None or ungated) and math.isfinite(ratio_db) and ratio_db > 0:
        values["sqnr"] = ratio_db
    if tolerance.over_one_share is not None and found.lsb is not None and found.lsb.over_one:
        values["over_one"] = min(1.0, FACTOR * found.lsb.over_one_share)
    if tolerance.bias_lsb is not None and found.lsb is not None and found.lsb.mean:
        values["bias"] = FACTOR * abs(found.lsb.mean)
    if tolerance.top1 is not None and found.top1 is not None and found.top1.flips:
        values["top1"] = max(0.0, 1 - FACTOR * (1 - found.top1.share))
    if tolerance.cosine is not None and math.isfinite(distance.cosine):
        values["cosine"] = 1 - FACTOR * (1 - distance.cosine)
    if tolerance.norm_ratio is not None and math.isfinite(distance.norm_ratio):
        values["norm_ratio"] = FACTOR * abs(distance.norm_ratio - 1)
    return values


def _outward(key: str, value: float) -> float:
    """Return a margin with three digits, rounded to the looser side."""
    if value == 0 or key == "top1":
        return value
    lower = WRITTEN[key] in LOWER_LIMITS
    places = 1 if key == "sqnr" else _DIGITS - 1 - math.floor(math.log10(abs(value)))
    scaled = round(value * 10.0**places, 6)
    return round((math.floor(scaled) if lower else math.ceil(scaled)) / 10.0**places, max(places, 0))
