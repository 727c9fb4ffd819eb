"""The worker's loop: read a request, carry it out, answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from pytest_edgert.errors import EdgertError, FeedsError, InferenceError, ProtocolError, to_wire
from pytest_edgert.job.sessions import SessionTable
from pytest_edgert.tensors import Array
from pytest_edgert.worker.channel import Channel, Message
from pytest_edgert.worker.failures import failure_of
from pytest_edgert.worker.operations import NO_TENSORS, OPERATIONS, SHUTDOWN
from pytest_edgert.worker.pipe import PipeClosedError
from pytest_edgert.worker.protocol import FrameKind


def serve(channel: Channel) -> None:
    """Greet the client and answer its requests until it goes or asks for the end.

    Raises:
        ProtocolError: What came is not the protocol; nothing more can be said over this pipe.
    """
    sessions = SessionTable()
    try:
        channel.send(FrameKind.HELLO, {"pid": os.getpid(), "python": sys.version.split()[0]}, {})
        while _serve_one(channel, sessions):
            pass
    except PipeClosedError:
        return


def _serve_one(channel: Channel, sessions: SessionTable) -> bool:
    try:
        request = channel.receive()
    except FeedsError as error:  # A sound frame with a tensor of a type that this machine lacks.
        send_error(channel, error)
        return True
    return _answer(channel, sessions, request)


def _answer(channel: Channel, sessions: SessionTable, request: Message) -> bool:
    """Carry out one request and answer it; returns whether more may come."""

    def report(progress: Mapping[str, Any], tensors: Mapping[str, Array] = NO_TENSORS) -> None:
        channel.send(FrameKind.PROGRESS, progress, tensors)

    name = str(request.meta.get("operation"))
    operation = OPERATIONS.get(name)
    if request.kind is not FrameKind.REQUEST or operation is None:
        raise ProtocolError(f"The worker was sent a {request.kind.name} for the unknown operation {name!r}.")
    try:
        meta, tensors = operation(sessions, request.meta, request.tensors, report)
        _send_result(channel, meta, tensors)
    except PipeClosedError:
        raise
    except BaseException as error:  # noqa: BLE001 - an adapter may raise anything, SystemExit too
        send_error(channel, failure_of(error, name))
    return name != SHUTDOWN


def _send_result(channel: Channel, meta: Mapping[str, Any], tensors: Mapping[str, Array]) -> None:
    try:
        channel.send(FrameKind.RESULT, meta, tensors)
    except FeedsError as error:
        raise InferenceError(f"The runtime's outputs cannot be sent: {error.message}", error.remedy) from error


def send_error(channel: Channel, error: EdgertError) -> None:
    """Send an error in place of a result."""
    channel.send(FrameKind.ERROR, to_wire(error), {})
