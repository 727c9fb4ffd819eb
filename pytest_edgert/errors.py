"""Every error this project raises, each with the verdict it leads to.

An error that crosses the worker's pipe keeps its class: it travels as ``{"kind", "message", "remedy"}``
(`to_wire`, `from_wire`) and comes out on the other side as the same class with the same words.
"""

from __future__ import annotations

from typing import ClassVar


class EdgertError(Exception):
    """Base of all errors of ours.

    Args:
        message: What was asked, what was found and where, in one or two sentences.
        remedy: What to do next; empty when there is nothing to do.
    """

    #: Word of the verdict table (`records.Verdict`) that a check ends with when this error ends it.
    verdict: ClassVar[str] = "FAIL"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(EdgertError):
    """An option, marker, gate file or argument that cannot be understood or contradicts itself."""


class NotYetError(UsageError):
    """A name of the published interface whose feature is not built yet; never ignored in silence."""


class DeviceError(EdgertError):
    """A device or profile that is unknown, ambiguous, or named and absent."""


class ArtefactError(EdgertError):
    """A model file that is missing, empty, truncated, unreadable, foreign or points outside its folder."""


class GoldenMissingError(ArtefactError):
    """No golden was recorded for what was asked; the remedy says how to record it."""


class UnsupportedModelError(EdgertError):
    """A sound artefact that this runtime cannot run: a missing operator, a free dimension, a data type.

    A skip of that target where it was enumerated, a failure where it was named.
    """


class NotApplicableError(EdgertError):
    """A check that has nothing to judge on this artefact; a skip, in acceptance too, that nothing needs to be done about."""


class UnreadGridsError(NotApplicableError):
    """A quantised artefact whose grids cannot be read: a skip that an acceptance does count."""


class TargetMissingError(EdgertError):
    """A runtime, accelerator or variant that is not usable here; says why and how to get it."""


class PlacementError(EdgertError):
    """Less ran on the accelerator than was asked for, and no one allowed it."""


class FeedsError(EdgertError):
    """Feeds that do not fit the signature: a name, a shape or a data type."""


class InferenceError(EdgertError):
    """The runtime refused or failed one inference and said so itself."""


class MeasurementInvalidError(EdgertError):
    """A measurement that cannot be trusted."""

    verdict = "INVALID"


class NothingIndependentError(EdgertError):
    """An agreement was asked for and nobody independent is at hand."""

    verdict = "INCONCLUSIVE"


class NotRunError(EdgertError):
    """Work that was never started: the device stayed busy or its conditions never held."""

    verdict = "NOTRUN"


class WorkerError(EdgertError):
    """The worker was lost; never a pass, never the model's failure."""

    verdict = "INFRA"


class WorkerCrashedError(WorkerError):
    """The worker ended by a signal or an exit status in the middle of an operation."""


class WorkerHungError(WorkerError):
    """The worker gave no answer before the deadline of the operation and was killed."""


class WorkerOutOfMemoryError(WorkerError):
    """The worker ran out of memory."""


class ProtocolError(WorkerError):
    """Bytes on the worker's pipe that are not the protocol, or not this version of it."""


_CLASSES: dict[str, type[EdgertError]] = {
    cls.__name__: cls
    for cls in (
        EdgertError,
        UsageError,
        NotYetError,
        DeviceError,
        ArtefactError,
        GoldenMissingError,
        UnsupportedModelError,
        NotApplicableError,
        UnreadGridsError,
        TargetMissingError,
        PlacementError,
        FeedsError,
        InferenceError,
        MeasurementInvalidError,
        NotRunError,
        NothingIndependentError,
        WorkerError,
        WorkerCrashedError,
        WorkerHungError,
        WorkerOutOfMemoryError,
        ProtocolError,
    )
}


def to_wire(error: EdgertError) -> dict[str, str]:
    """Return the plain form of an error for the worker's pipe or an xdist report."""
    kind = type(error).__name__
    return {"kind": kind if kind in _CLASSES else "EdgertError", "message": error.message, "remedy": error.remedy}


def from_wire(data: dict[str, str]) -> EdgertError:
    """Return the error that `to_wire` flattened; an unknown kind becomes the base class."""
    return _CLASSES.get(data.get("kind", ""), EdgertError)(data.get("message", ""), data.get("remedy", ""))
