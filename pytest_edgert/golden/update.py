"""Whether ``--edge-update-golden`` writes a golden: pure functions, and the change from old to new in words.

Nothing is recorded unless the option asks for it; neither a missing golden nor the absence of CI implies it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from pytest_edgert.contracts import Target
from pytest_edgert.errors import UsageError
from pytest_edgert.golden.describe import stored_sha256
from pytest_edgert.golden.dtypes import to_stored
from pytest_edgert.golden.manifest import GoldenEnvironment, Manifest
from pytest_edgert.golden.names import variant_names
from pytest_edgert.tensors import Array, Feeds


class UpdateMode(str, Enum):
    """The value of ``--edge-update-golden``."""

    NEW = "new"
    CHANGED = "changed"
    ALL = "all"


class Existing(Enum):
    """What lies there already."""

    MISSING = "missing"
    SOUND = "sound"
    DAMAGED = "damaged"


class UpdateAction(Enum):
    """What is done: record, compare with what is there, or fail with the reason."""

    WRITE = "write"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """An action, why in one sentence, and what to do next where it is refused."""

    action: UpdateAction
    reason: str
    remedy: str = ""


def read_mode(text: str) -> UpdateMode:
    """Return the mode that the option's value names; raises UsageError for another word."""
    try:
        return UpdateMode(text)
    except ValueError:
        raise UsageError(
            f"--edge-update-golden={text} is not one of new, changed, all.", "Write --edge-update-golden=new."
        ) from None


def plan_update(
    mode: UpdateMode | None, existing: Existing, *, differs: bool, model_changed: bool, runtime_changed: bool
) -> UpdatePlan:
    """Return what to do with a golden.

    Args:
        mode: What the command line asks for; None when it asks for nothing.
        existing: What lies there.
        differs: Whether the comparison with the golden does not pass; bits that differ within the tolerance do not
            count. Means nothing where the golden is missing or damaged.
        model_changed: Whether the golden was recorded from another model.
        runtime_changed: As the function of that name says.
    """
    if mode is UpdateMode.ALL:
        return UpdatePlan(UpdateAction.WRITE, "--edge-update-golden=all records every golden again.")
    if existing is Existing.MISSING:
        return _plan_missing(mode)
    if existing is Existing.DAMAGED:
        return UpdatePlan(
            UpdateAction.REFUSE,
            "The golden cannot be read, so what would change is not known.",
            "Restore it from version control, or record again: --edge-update-golden=all.",
        )
    if mode is UpdateMode.CHANGED:
        return _plan_changed(differs=differs, model_changed=model_changed, runtime_changed=runtime_changed)
    return UpdatePlan(UpdateAction.KEEP, "There is a golden to compare with.")


def _plan_missing(mode: UpdateMode | None) -> UpdatePlan:
    if mode is UpdateMode.NEW:
        return UpdatePlan(UpdateAction.WRITE, "There was no golden.")
    return UpdatePlan(
        UpdateAction.REFUSE, "There is no golden.", "Record it, and look at it: pytest … --edge-update-golden=new."
    )


def _plan_changed(*, differs: bool, model_changed: bool, runtime_changed: bool) -> UpdatePlan:
    if model_changed:
        return UpdatePlan(UpdateAction.WRITE, "The model changed.")
    if not differs:
        return UpdatePlan(UpdateAction.KEEP, "The outputs agree with the golden.")
    if runtime_changed:
        return UpdatePlan(UpdateAction.WRITE, "The outputs differ and the runtime changed.")
    return UpdatePlan(
        UpdateAction.REFUSE,
        "The outputs differ from the golden, and neither the model nor the runtime changed.",
        "Find the cause (inputs, options, the machine's instructions, chance); "
        "to record all the same: --edge-update-golden=all.",
    )


def runtime_changed(recorded: GoldenEnvironment, target: Target, runtime_version: str) -> bool:
    """Return whether the golden was recorded on this very target under another version of its runtime.

    A golden of another target is another opinion, not an older one: False, so that it is never replaced in passing.
    """
    return recorded.target == str(target) and recorded.runtime_version != runtime_version


def name_to_write(name: str, target: Target, present: Manifest | None) -> str:
    """Return the name under which a target records.

    Args:
        name: The golden's name without variant.
        target: Where the new outputs come from.
        present: The golden that serves this target now; None when there is none.

    Returns:
        `name` for the first golden, which all targets share; the present one's name where this target recorded it;
        else this target's own variant, so that no target replaces what another recorded.
    """
    if present is None:
        return name
    if present.environment.target == str(target):
        return present.name
    return variant_names(name, target)[0]


def describe_change(old: Feeds, new: Feeds) -> str:
    """Return one sentence on what changes from old outputs to new ones, output by output.

    >>> describe_change({"y": np.float32([1, 2])}, {"y": np.float32([1, 2.5])})
    "Old to new: 'y' max abs difference 0.5, 1 of 2 elements."
    """
    parts = [_change_of(name, old, new) for name in dict.fromkeys((*old, *new))]
    return f"Old to new: {'; '.join(parts) or 'no outputs'}."


def _change_of(name: str, old: Feeds, new: Feeds) -> str:
    if name not in old:
        return f"{name!r} is added"
    if name not in new:
        return f"{name!r} is gone"
    before, after = old[name], new[name]
    if (before.dtype, before.shape) != (after.dtype, after.shape):
        return f"{name!r} was {before.dtype.name}{list(before.shape)}, is {after.dtype.name}{list(after.shape)}"
    if stored_sha256(to_stored(name, before)) == stored_sha256(to_stored(name, after)):
        return f"{name!r} is the same"
    return f"{name!r} {_difference(before, after)}"


def _difference(before: Array, after: Array) -> str:
    wide = np.complex128 if before.dtype.kind == "c" else np.float64
    old, new = before.astype(wide), after.astype(wide)
    finite = np.isfinite(old) & np.isfinite(new)
    same = (before == after) | (np.isnan(old) & np.isnan(new))
    with np.errstate(over="ignore"):
        largest = float(np.abs(old[finite] - new[finite]).max(initial=0.0))
    if same.all():
        return "has equal values in other bits (the sign of a zero, a NaN's payload)"
    text = f"max abs difference {largest:.6g}, {int(np.sum(~same))} of {before.size} elements"
    strange = int(np.sum(~finite & ~same))
    return text + (f" ({strange} with NaN or infinity on one side)" if strange else "")
