"""The gates of one output, in order: structure, NaN, single elements, the whole tensor, decisions."""

from __future__ import annotations

import math
from collections.abc import Callable

from pytest_edgert.agreement import sentences
from pytest_edgert.agreement.blocks import is_float
from pytest_edgert.agreement.decisions import Decisions
from pytest_edgert.agreement.distance import TensorDistance
from pytest_edgert.agreement.metrics import Limits
from pytest_edgert.agreement.outcome import OutputComparison, Sides
from pytest_edgert.agreement.tolerance import NanPolicy, Tolerance
from pytest_edgert.records import Verdict

#: Peak over root mean square that noise may have where only a signal to noise ratio is given: four sigma.
_PEAK = 4.0


def structure(name: str, sides: Sides) -> str:
    """Return the sentence of a broken structure (shape, kind of values), empty when it is sound."""
    if sides.left.shape != sides.right.shape:
        return f"Output {name!r} has shape {sides.left.shape}, its reference {sides.right.shape}."
    one, other = _kind(sides.left_dtype), _kind(sides.right_dtype)
    alike = _both_real(sides) if sides.quantized else one == other
    return "" if alike else sentences.unlike_dtypes(name, sides)


def _kind(dtype: str) -> str:
    """Return what kind of values a dtype holds; integers of any width are one kind, for they compare exactly."""
    if is_float(dtype):
        return "float"
    return dtype if dtype in ("string", "bool") else "integer"


def _both_real(sides: Sides) -> bool:
    """Return whether each side is float, or integer with parameters."""
    if "string" in (sides.left_dtype, sides.right_dtype):
        return False
    return (is_float(sides.left_dtype) != (sides.left_quantization is not None)) and (
        is_float(sides.right_dtype) != (sides.right_quantization is not None)
    )


def unit_of(sides: Sides) -> float:
    """Return the size of one step of a quantised pair, 0 where there is none."""
    scales = [max(q.scale) for q in (sides.left_quantization, sides.right_quantization) if q is not None]
    return max(scales, default=0.0)


def allowed_error(found: OutputComparison, unit: float) -> float:
    """Return how far one element may lie from its reference, in the output's unit.

    Steps count most, then the absolute and relative part at the reference's root mean square; where only a signal to noise
    ratio is given, four times the noise that it allows; 0 where nothing says.
    """
    tolerance, distance = found.tolerance, found.distance
    if tolerance.lsb is not None and unit:
        return tolerance.lsb * unit
    rms = distance.rms_reference if distance else 0.0
    absolute = Limits(None, tolerance.atol, tolerance.atol_rms).absolute(rms)
    if absolute is not None or tolerance.rtol is not None:
        return (absolute or 0.0) + (tolerance.rtol or 0.0) * rms
    if tolerance.sqnr_db is not None:
        return float(_PEAK * rms * 10 ** (-tolerance.sqnr_db / 20))
    return 0.0


Gate = Callable[[OutputComparison, Sides], str]


def broken(found: OutputComparison, sides: Sides) -> list[tuple[str, str]]:
    """Return (gate, sentence) of every gate that broke, in order."""
    results = ((name, gate(found, sides)) for name, gate in _GATES)
    return [(name, sentence) for name, sentence in results if sentence]


def _nonfinite(found: OutputComparison, sides: Sides) -> str:
    distance, policy = found.figures, found.tolerance.nan
    if policy is NanPolicy.ANY:
        return ""
    if policy is NanPolicy.FORBID and distance.n_finite < distance.n:
        return sentences.forbidden(found, sides)
    if distance.nan_mismatch or distance.inf_mismatch:
        return sentences.unlike_nonfinite(found, sides)
    return ""


def _elements(found: OutputComparison, sides: Sides) -> str:
    return sentences.beyond(found, sides) if found.figures.beyond else ""


def _lsb(found: OutputComparison, sides: Sides) -> str:
    if found.lsb is None or found.tolerance.lsb is None or not found.lsb.beyond:
        return ""
    return sentences.steps(found, sides, found.lsb, "LSB", found.tolerance.lsb)


def _over_one(found: OutputComparison, sides: Sides) -> str:
    limit = found.tolerance.over_one_share
    if found.lsb is None or limit is None or found.lsb.over_one_share <= limit:
        return ""
    return sentences.over_one(found, sides, found.lsb, limit)


def _bias(found: OutputComparison, sides: Sides) -> str:
    del sides
    limit = found.tolerance.bias_lsb
    if found.lsb is None or limit is None or abs(found.lsb.mean) <= limit or not found.lsb.leans:
        return ""
    return sentences.biased(found.pair.left, found.lsb.mean, limit)


def _ulp(found: OutputComparison, sides: Sides) -> str:
    if found.ulp is None or found.tolerance.ulp is None or not found.ulp.beyond:
        return ""
    return sentences.steps(found, sides, found.ulp, "ULP", found.tolerance.ulp)


def _sqnr(found: OutputComparison, sides: Sides) -> str:
    limit, value = found.tolerance.sqnr_db, found.figures.sqnr_db
    return sentences.noisy(found, sides, limit) if limit is not None and value < limit else ""


def _direction(found: OutputComparison, sides: Sides) -> str:
    del sides
    limit, value = found.tolerance.cosine, found.figures.cosine
    return sentences.turned(found.pair.left, value, limit) if limit is not None and value < limit else ""


def _norm(found: OutputComparison, sides: Sides) -> str:
    del sides
    limit, ratio = found.tolerance.norm_ratio, found.figures.norm_ratio
    if limit is None or abs(ratio - 1) <= limit:
        return ""
    return sentences.scaled(found.pair.left, ratio, limit)


def _top1(found: OutputComparison, sides: Sides) -> str:
    limit = found.tolerance.top1
    if found.top1 is None or limit is None or found.top1.share >= limit:
        return ""
    return sentences.flipped(found, sides, found.top1, limit)


_GATES: tuple[tuple[str, Gate], ...] = (
    ("nonfinite", _nonfinite),
    ("lsb", _lsb),
    ("elements", _elements),
    ("ulp", _ulp),
    ("over_one_share", _over_one),
    ("bias_lsb", _bias),
    ("sqnr_db", _sqnr),
    ("cosine", _direction),
    ("norm_ratio", _norm),
    ("top1", _top1),
)


def unbroken(found: OutputComparison) -> tuple[Verdict, str]:
    """Return verdict and sentence of an output none of whose gates broke."""
    distance = found.figures
    if distance.n and not distance.n_finite:
        return Verdict.INCONCLUSIVE, sentences.nothing_finite(found)
    if not _applied(found):
        return Verdict.MEASURED, sentences.measured(found)
    return Verdict.PASS, sentences.within(found)


def _applied(found: OutputComparison) -> list[str]:
    """Return the gates of the tolerance that could judge this output."""
    absent = {
        "lsb": found.lsb is None,
        "over_one_share": found.lsb is None,
        "bias_lsb": found.lsb is None,
        "ulp": found.ulp is None,
        "top1": found.top1 is None,
    }
    return [name for name in found.tolerance.gates if not absent.get(name, False)]


def notes(found: OutputComparison) -> tuple[str, ...]:
    """Return what else is worth knowing: gates that could not judge, warnings, how the layouts were brought together."""
    tolerance, distance = found.tolerance, found.figures
    idle = [name for name in tolerance.gates if name not in _applied(found)]
    lines = [f"{', '.join(idle)}: not applicable to this output"] * bool(idle)
    if _warns(tolerance, distance):
        lines.append(f"SQNR {distance.sqnr_db:.1f} dB is below {tolerance.warn_sqnr_db:g} dB")
    if found.pair.permutation or found.pair.squeezed:
        lines.append(f"compared as {found.pair}")
    if found.top1 is not None and found.top1.excused:
        lines.append(f"{found.top1.excused} of {found.top1.n} largest entries differ on near ties of the reference")
    if distance.n == 0:
        lines.append("the output has no elements")
    return tuple(lines)


def unlike_widths(sides: Sides) -> tuple[str, ...]:
    """Return the note about two dtypes of one kind of values, empty when there is one dtype."""
    if sides.left_dtype == sides.right_dtype:
        return ()
    return (f"{sides.left_dtype} compared with {sides.right_dtype}",)


def _warns(tolerance: Tolerance, distance: TensorDistance) -> bool:
    limit = tolerance.warn_sqnr_db
    return limit is not None and not math.isnan(distance.sqnr_db) and distance.sqnr_db < limit


def indices(name: str, decisions: Decisions, scores: str) -> tuple[Verdict, str]:
    """Return verdict and sentence of an output of indices."""
    verdict = Verdict.FAIL if decisions.flips else Verdict.PASS
    return verdict, sentences.pointed(name, decisions, scores)
