"""What is usable on a device: runtimes and meters asked in workers, so that a broken one costs only itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_edgert.contracts import Transport
from pytest_edgert.errors import EdgertError, WorkerError
from pytest_edgert.records import Presence, PresenceState

if TYPE_CHECKING:
    from pytest_edgert.job.watch import MeterState


def probe(
    names: Sequence[str], transport: Transport | None = None, *, timeout_s: float = 60.0
) -> dict[str, tuple[str, tuple[Presence, ...]]]:
    """Ask runtimes what is usable on a device, each in a worker of its own.

    Args:
        names: Runtimes to ask.
        transport: How to reach the device; this machine by default.
        timeout_s: Longest wait for one runtime to be imported and to answer.

    Returns:
        By runtime its version ("" when it could not be asked) and the presence of each accelerator. A runtime
        whose worker is lost while it answers comes out as unusable, with what happened as the reason.
    """
    from pytest_edgert.runtimes.registry import adapter_references
    from pytest_edgert.transports.local import TRANSPORT

    references = adapter_references()
    return {name: _probe_one(references[name], transport or TRANSPORT, timeout_s) for name in names}


def probe_meters(
    references: Sequence[str], transport: Transport | None = None, *, timeout_s: float = 60.0
) -> tuple[MeterState, ...]:
    """Ask meters for their sensors and one reading, all in one worker; when it is lost, each in one of its own.

    Args:
        references: The meters, each as "module:attribute".
        transport: How to reach the device; this machine by default.
        timeout_s: Longest wait for one worker.

    Returns:
        The states, in order. A meter whose own worker is lost has what happened as the reason.
    """
    from pytest_edgert.transports.local import TRANSPORT

    reach = transport or TRANSPORT
    try:
        return _read_sensors(references, reach, timeout_s)
    except WorkerError:
        return tuple(_read_alone(reference, reach, timeout_s) for reference in references)


def _read_sensors(references: Sequence[str], transport: Transport, timeout_s: float) -> tuple[MeterState, ...]:
    from pytest_edgert.worker.client import Worker, WorkerSettings

    with Worker.start(transport, WorkerSettings(), timeout_s=timeout_s) as worker:
        return worker.read_sensors(references, timeout_s=timeout_s)


def _read_alone(reference: str, transport: Transport, timeout_s: float) -> MeterState:
    from pytest_edgert.job.watch import MeterState

    try:
        return _read_sensors((reference,), transport, timeout_s)[0]
    except EdgertError as error:
        return MeterState(reference, reason=str(error))


def _probe_one(reference: str, transport: Transport, timeout_s: float) -> tuple[str, tuple[Presence, ...]]:
    from pytest_edgert.worker.client import Worker, WorkerSettings

    worker = Worker.start(transport, WorkerSettings(), timeout_s=timeout_s)
    try:
        answer = worker.probe(reference, timeout_s=timeout_s)
    except EdgertError as error:
        return "", (Presence("*", PresenceState.UNUSABLE, error.message, error.remedy),)
    finally:
        worker.close()
    return answer.version, answer.accelerators
