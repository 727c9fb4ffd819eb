"""How far two outputs may lie apart, and why: the tolerance, how one is changed, and which change is looser.

The defaults and their sources are in `pytest_edgert.agreement.policy`. Who may change them in which order
(argument, marker, project file) is the caller's business; each change goes through `override`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from pytest_edgert.errors import UsageError


class NanPolicy(str, Enum):
    """What NaN and infinities mean, strictest first."""

    FORBID = "forbid"
    """Neither side may have one."""
    PROPAGATE = "propagate"
    """Both sides have the same ones at the same places, infinities with the same sign."""
    ANY = "any"
    """Places where either side has one are left out."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an output may lie from its reference. A field that is None is no gate.

    Args:
        rtol: Relative part of ``|left - right| <= atol + rtol * |right|``.
        atol: Absolute part, in the output's unit.
        atol_rms: Absolute part as a multiple of the reference's root mean square; the larger of both holds.
        lsb: Largest distance of a quantised output, in steps of its scale.
        over_one_share: Largest share of elements more than one LSB apart, 0 to 1.
        bias_lsb: Largest magnitude of the mean signed distance, in LSB; a mean that chance explains is let through.
        ulp: Largest distance in units of the last place, where the distance also exceeds the absolute part.
        sqnr_db: Least signal to quantisation noise ratio, in decibels.
        cosine: Least cosine; it needs `norm_ratio`, for a cosine is blind to scale.
        norm_ratio: Largest ``|norm(left) / norm(right) - 1|``.
        top1: Least share of rows with the same largest entry, 0 to 1; near ties are left out.
        warn_sqnr_db: Signal to noise ratio below which a note is made; never a failure.
        nan: What NaN and infinities mean.
        reason: Why these numbers, in a sentence.
        source: Who set them: a row of the policy table, a marker, a gate file.
    """

    rtol: float | None = None
    atol: float | None = None
    atol_rms: float | None = None
    lsb: float | None = None
    over_one_share: float | None = None
    bias_lsb: float | None = None
    ulp: float | None = None
    sqnr_db: float | None = None
    cosine: float | None = None
    norm_ratio: float | None = None
    top1: float | None = None
    warn_sqnr_db: float | None = None
    nan: NanPolicy = NanPolicy.PROPAGATE
    reason: str = ""
    source: str = ""

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the fields that can fail an output, the policy of NaN apart."""
        return tuple(name for name in (*UPPER_LIMITS, *LOWER_LIMITS) if getattr(self, name) is not None)


#: What people write for a field, in gate files, marks and calls.
WRITTEN: Mapping[str, str] = {
    "rtol": "rtol",
    "atol": "atol",
    "lsb": "lsb",
    "ulp": "ulp",
    "sqnr": "sqnr_db",
    "top1": "top1",
    "over_one": "over_one_share",
    "bias": "bias_lsb",
    "cosine": "cosine",
    "norm_ratio": "norm_ratio",
    "nan": "nan",
}
#: Fields where a larger number is looser.
UPPER_LIMITS = ("rtol", "atol", "atol_rms", "lsb", "over_one_share", "bias_lsb", "ulp", "norm_ratio")
#: Fields where a smaller number is looser.
LOWER_LIMITS = ("sqnr_db", "cosine", "top1")
#: Fields between 0 and 1.
_SHARES = ("over_one_share", "cosine", "top1")
_CHANGEABLE = (*UPPER_LIMITS, *LOWER_LIMITS, "warn_sqnr_db", "nan")
_NAN_ORDER = tuple(NanPolicy)

Change = float | str | NanPolicy | None


def override(default: Tolerance, changes: Mapping[str, Change], reason: str = "", source: str = "") -> Tolerance:
    """Return a tolerance with some fields changed.

    `atol` alone also takes away `atol_rms`: who gives an absolute number means that number.

    Args:
        default: What holds without the change.
        changes: New values by field name; None takes a gate away.
        reason: Why; required when any field becomes looser.
        source: Who says so, e.g. "marker edge_tolerance of test_x".

    Raises:
        UsageError: An unknown field, a value out of range, a cosine without a norm ratio, or a looser field
            without a reason.
    """
    fields = {WRITTEN.get(name, name): value for name, value in changes.items()}
    values = {name: _checked(name, value) for name, value in fields.items()}
    if "atol" in values and "atol_rms" not in values:
        values["atol_rms"] = None
    changed = dataclasses.replace(
        default,
        **values,  # type: ignore[arg-type] # checked field by field above
        reason=reason or default.reason,
        source=source or default.source,
    )
    if changed.cosine is not None and changed.norm_ratio is None:
        raise UsageError(
            "A cosine says nothing about scale: twice the output has cosine 1.",
            "Give norm_ratio beside it, such as norm_ratio=0.01.",
        )
    loose = looser_fields(default, changed)
    if loose and not reason.strip():
        raise UsageError(
            f"{', '.join(_change_text(default, changed, name) for name in loose)}: looser than the default"
            f" ({default.source or 'no source'}) and no reason is given.",
            'Say why: reason="…".',
        )
    return changed


def _checked(name: str, value: Change) -> Change:
    if name not in _CHANGEABLE:
        near = difflib.get_close_matches(name, _CHANGEABLE, 1)
        raise UsageError(
            f"{name!r} is no field of a tolerance.",
            f"Did you mean {near[0]!r}?" if near else f"Fields: {', '.join(_CHANGEABLE)}.",
        )
    if name == "nan":
        return _nan_policy(value)
    if value is None:
        return None
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float)) or math.isnan(value):
        raise UsageError(f"{name} must be a number, got {value!r}.")
    if name not in ("sqnr_db", "warn_sqnr_db", "cosine") and value < 0:
        raise UsageError(f"{name} must be 0 or more, got {value!r}.")
    if name in _SHARES and value > 1:
        raise UsageError(f"{name} is a share and at most 1, got {value!r}.")
    return float(value)


def _nan_policy(value: Change) -> NanPolicy:
    try:
        return NanPolicy(value)
    except ValueError:
        names = ", ".join(policy.value for policy in NanPolicy)
        raise UsageError(f"nan must be one of {names}, got {value!r}.") from None


def looser_fields(default: Tolerance, changed: Tolerance) -> tuple[str, ...]:
    """Return the names of the fields of `changed` that let more through than `default`.

    The elementwise fields `rtol`, `atol`, `atol_rms` are one gate: without any of them there is none, and with
    one of them the others count as 0. An absolute number in place of one relative to the reference is taken for looser,
    for nothing says which is smaller.
    """
    names = []
    for name in (*UPPER_LIMITS, *LOWER_LIMITS):
        before, after = _effective(default, name), _effective(changed, name)
        if _looser(before, after, upper=name in UPPER_LIMITS):
            names.append(name)
    if _NAN_ORDER.index(changed.nan) > _NAN_ORDER.index(default.nan):
        names.append("nan")
    return tuple(names)


_ELEMENTWISE = ("rtol", "atol", "atol_rms")


def _effective(tolerance: Tolerance, name: str) -> float | None:
    value: float | None = getattr(tolerance, name)
    if value is None and name in _ELEMENTWISE and any(getattr(tolerance, n) is not None for n in _ELEMENTWISE):
        return 0.0
    return value


def _looser(before: float | None, after: float | None, *, upper: bool) -> bool:
    if before is None:
        return False
    if after is None:
        return True
    return after > before if upper else after < before


def _change_text(default: Tolerance, changed: Tolerance, name: str) -> str:
    return f"{name} {_plain(getattr(default, name))} → {_plain(getattr(changed, name))}"


def _plain(value: object) -> str:
    if value is None:
        return "none"
    return value.value if isinstance(value, NanPolicy) else f"{value:g}"
