"""What the published interface names and this version does not do yet: refused by name, never ignored."""

from __future__ import annotations

from pytest_edgert.errors import NotYetError

#: Runtimes of the vocabulary that may have no adapter yet, by the suffixes they read.
PLANNED_RUNTIMES = {
    "tensorrt": (".engine", ".plan"),
    "coreml": (".mlpackage", ".mlmodel"),
    "hailort": (".hef",),
    "nnapi": (),
}
#: Accelerators of the vocabulary, whether or not a registered runtime offers them.
ACCELERATORS = ("cpu", "cuda", "tensorrt", "gpu", "npu", "edgetpu", "ane", "hailo", "nnapi")


def refuse(what: str, where: str = "") -> NotYetError:
    """Return the error for a name whose feature is planned.

    Args:
        what: The option, key or mark as people write it.
        where: File and line, or the test that asked.
    """
    place = f"{where}: " if where else ""
    return NotYetError(f"{place}not yet: {what} is planned and not built.", f"Leave {what} out.")
