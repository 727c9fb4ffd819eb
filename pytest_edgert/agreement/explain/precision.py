"""Precision downgrade: an output stored in, or computed in, fewer bits than its type has; told by the error's spectrum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.explain.evidence import ROUNDOFF, Evidence, Floats
from pytest_edgert.agreement.explain.explanation import Explanation

#: Stored bits of the mantissa.
_MANTISSA = {"bfloat16": 7, "TF32": 10}
_LEAST_ELEMENTS = 16
#: Roundings of a format that a few layers leave, as root mean square over that of the reference. One rounding of each
#: factor of a long dot product leaves 0.6 of a unit roundoff; each layer adds its own.
_ROUNDINGS = (0.2, 6.0)
#: Noise: no common sign, no line through both sides, no few elements that hold most of it.
_MOST_BIAS, _MOST_LINE, _MOST_PEAK = 0.3, 0.3, 40.0
_SMALLEST_SHARE = 0.8


def stored(evidence: Evidence) -> Explanation | None:
    """Explain values that are all values of a shorter format while the reference's are not."""
    known, wanted = evidence.output[evidence.finite], evidence.reference[evidence.finite]
    if known.size < _LEAST_ELEMENTS or np.unique(wanted[:1000]).size < _LEAST_ELEMENTS:
        return None
    if evidence.dtype == "float64":
        narrow = bool(_in_float32(known).all()) and not bool(_in_float32(wanted).all())
        return Explanation("stored", 0.92, {"precision": "float32"}) if narrow else None
    if evidence.dtype != "float32" or np.unique(known[:1000]).size < _LEAST_ELEMENTS:
        return None
    with np.errstate(over="ignore"):
        output, reference = known.astype(np.float32), wanted.astype(np.float32)
    for name, test in (("bfloat16", _in_bfloat16), ("float16", _in_float16), ("TF32", _in_tf32)):
        if bool(test(output).all()) and not bool(test(reference).all()):
            return Explanation("stored", 0.92, {"precision": name})
    return None


def _in_float32(values: Floats) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = values.astype(np.float32).astype(np.float64) == values
    return found


def _in_bfloat16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    return _has_bits(values, _MANTISSA["bfloat16"])


def _in_tf32(values: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    return _has_bits(values, _MANTISSA["TF32"])


def _has_bits(values: npt.NDArray[np.float32], bits: int) -> npt.NDArray[np.bool_]:
    rest = np.uint32((1 << (23 - bits)) - 1)
    found: npt.NDArray[np.bool_] = (values.view(np.uint32) & rest) == 0
    return found


def _in_float16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    with np.errstate(over="ignore"):
        found: npt.NDArray[np.bool_] = values.astype(np.float16).astype(np.float32) == values
    return found


def computed(evidence: Evidence) -> Explanation | None:
    """Explain errors that are noise of the size that roundings of a shorter format leave."""
    if evidence.step or evidence.context.quantized or not evidence.dtype.startswith("float"):
        return None
    error, reference = evidence.error[evidence.finite], evidence.reference[evidence.finite]
    if error.size < _LEAST_ELEMENTS or not _is_noise(error, reference):
        return None
    relative = float(np.sqrt(np.mean(error**2) / np.mean(reference**2)))
    for name, unit in (("TF32 or float16", ROUNDOFF["float16"]), ("bfloat16", ROUNDOFF["bfloat16"])):
        roundings = relative / unit
        if evidence.dtype in ("float32", "float64") and _ROUNDINGS[0] <= roundings <= _fewest_above(name):
            return Explanation("computed", 0.6, {"relative": relative, "roundings": roundings, "precision": name})
    if evidence.dtype == "float64" and _ROUNDINGS[0] <= relative / ROUNDOFF["float32"] <= 1000:
        roundings = relative / ROUNDOFF["float32"]
        return Explanation("computed", 0.7, {"relative": relative, "roundings": roundings, "precision": "float32"})
    return None


def _fewest_above(name: str) -> float:
    """Return the most roundings: for 11 bits, no more than where those of bfloat16 begin, eight times as large."""
    return 8 * _ROUNDINGS[0] if name != "bfloat16" else _ROUNDINGS[1]


def _is_noise(error: Floats, reference: Floats) -> bool:
    rms = float(np.sqrt(np.mean(error**2)))
    if rms == 0.0 or float(np.mean(error != 0)) < _SMALLEST_SHARE or not np.any(reference):
        return False
    bias = abs(float(error.mean())) / rms
    centred = reference - reference.mean()
    power = float(np.sqrt((centred @ centred) * (error @ error)))
    line = abs(float(centred @ error)) / power if power else 0.0
    chance = 3 / np.sqrt(error.size)
    peak = float(np.absolute(error).max()) / rms
    return bias <= _MOST_BIAS + chance and line <= _MOST_LINE + chance and peak <= _MOST_PEAK
