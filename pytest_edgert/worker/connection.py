"""One worker's process and the channel to it: a call with a deadline, and what is left after a loss."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pytest_edgert import clock
from pytest_edgert.contracts import Transport
from pytest_edgert.errors import (
    EdgertError,
    FeedsError,
    ProtocolError,
    UsageError,
    WorkerCrashedError,
    WorkerError,
    WorkerOutOfMemoryError,
    from_wire,
)
from pytest_edgert.records import Plain
from pytest_edgert.tensors import Array, Feeds
from pytest_edgert.worker.buffers import SharedReader, SharedWriter, create_shared
from pytest_edgert.worker.channel import Channel, Message
from pytest_edgert.worker.losses import died, hung, oom_kills
from pytest_edgert.worker.packing import owned
from pytest_edgert.worker.pipe import DeadlineError, Pipe, PipeClosedError
from pytest_edgert.worker.protocol import PAYLOAD_LIMIT_BYTES, FrameKind
from pytest_edgert.worker.spawn import WorkerProcess, own_import_path, safe_path_flags, spawn

Progress: TypeAlias = "Callable[[Mapping[str, Plain]], None]"
#: Takes a part of a result that is still being made: plain values and arrays.
Part: TypeAlias = "Callable[[Mapping[str, Any], Mapping[str, Array]], None]"

#: Operations too frequent for a look at the kernel's counters beside each.
_FREQUENT = frozenset({"infer"})


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker's process is started with.

    Args:
        environment: Merged over this process's environment.
        memory_limit_bytes: Bound on its address space (RLIMIT_AS), None for none.
        payload_limit_bytes: Most bytes of tensors in one message.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    memory_limit_bytes: int | None = None
    payload_limit_bytes: int = PAYLOAD_LIMIT_BYTES


class Connection:
    """A running worker and the channel to it; `start` makes one. One call at a time."""

    def __init__(
        self, settings: WorkerSettings, process: WorkerProcess, writer: int | None, reader: int | None
    ) -> None:
        self.settings = settings
        self._process = process
        self._lock = threading.Lock()
        self._lost: WorkerError | None = None
        self._closed = False
        self._awaits_answer = True
        self._oom_kills = oom_kills()
        self._channel = Channel(
            Pipe(*_pipe_fds(process), settings.payload_limit_bytes, self._while_waiting),
            None if writer is None else SharedWriter(writer),
            None if reader is None else SharedReader(reader),
            owned,
        )

    @classmethod
    def start(cls, transport: Transport, settings: WorkerSettings, timeout_s: float) -> Connection:
        """Start a worker and wait for its greeting; raises WorkerError."""
        shared = [create_shared() if transport.shares_memory else None for _direction in ("in", "out")]
        fds = [fd for fd in shared if fd is not None]
        try:
            process = spawn(_command(transport, settings, shared), _environment(transport, settings), fds)
        except BaseException:
            for fd in fds:
                os.close(fd)
            raise
        connection = cls(settings, process, *shared)
        connection.greet(timeout_s)
        return connection

    @property
    def pid(self) -> int:
        """The process started on this machine."""
        return self._process.popen.pid

    @property
    def alive(self) -> bool:
        """Whether calls can be made."""
        return self._usable and self._process.running

    @property
    def _usable(self) -> bool:
        return not self._closed and self._lost is None and self._process.owner_pid == os.getpid()

    def greet(self, timeout_s: float) -> None:
        """Wait for the worker's greeting; raises WorkerError and leaves nothing behind when none comes."""
        with self._watch("its start", timeout_s):
            hello = self._channel.receive(_deadline_ns(timeout_s))
            if hello.kind is not FrameKind.HELLO:
                raise ProtocolError(f"The worker began with a {hello.kind.name} frame, not with its greeting.")
            self._awaits_answer = False

    def call(
        self,
        operation: str,
        meta: Mapping[str, Any],
        tensors: Feeds,
        timeout_s: float,
        *,
        about: str = "",
        progress: Progress | None = None,
        part: Part | None = None,
        cap_s: float | None = None,
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Ask for one operation and wait for its answer.

        Args:
            operation: A name of the table of operations.
            meta: Plain arguments.
            tensors: Array arguments.
            timeout_s: Longest wait for a sign of life: progress or the answer.
            about: What it is about, for messages.
            progress: Called with every sign of progress.
            part: Called with every part of the result that comes before it.
            cap_s: Longest wait for the answer; `timeout_s` when left out.

        Raises:
            EdgertError: The worker's own, as it came; the worker lives on unless it is a WorkerError.
            WorkerError: The worker was lost, or had been lost before.
        """
        self._check_alive(operation)
        last_ns = _deadline_ns(timeout_s if cap_s is None else cap_s)
        with self._watch(f"{operation} of {about}" if about else operation, timeout_s):
            if operation not in _FREQUENT:
                self._oom_kills = oom_kills()
            self._send({"operation": operation, **meta}, tensors, timeout_s)
            answer = self._answer(timeout_s, last_ns, progress, part)
            self._awaits_answer = False
            self._process.stderr.trim()
        if answer.kind is FrameKind.ERROR:
            raise self._refusal(answer)
        return answer.meta, answer.tensors

    def _send(self, meta: Mapping[str, Any], tensors: Feeds, timeout_s: float) -> None:
        self._awaits_answer = True
        try:
            self._channel.send(FrameKind.REQUEST, meta, tensors, _deadline_ns(timeout_s))
        except (FeedsError, WorkerOutOfMemoryError):  # Raised before the first byte left.
            self._awaits_answer = False
            raise

    def _answer(self, timeout_s: float, last_ns: int, progress: Progress | None, part: Part | None) -> Message:
        while True:
            try:
                message = self._channel.receive(min(_deadline_ns(timeout_s), last_ns))
            except FeedsError:  # A whole answer, with a dtype that this side lacks.
                self._awaits_answer = False
                raise
            if message.kind in (FrameKind.RESULT, FrameKind.ERROR):
                return message
            if message.kind is not FrameKind.PROGRESS:
                raise ProtocolError(f"The worker answered with a {message.kind.name} frame.")
            if message.tensors:
                if part is not None:
                    part(message.meta, message.tensors)
            elif progress is not None:
                progress(message.meta)

    def _refusal(self, answer: Message) -> EdgertError:
        error = from_wire({key: str(value) for key, value in answer.meta.items()})
        if isinstance(error, WorkerError):
            self._lost = error
            self.kill()
        return error

    def _check_alive(self, operation: str) -> None:
        if self._lost is not None:
            raise WorkerCrashedError(f"The worker asked for {operation} was lost before: {self._lost.message}")
        if not self._usable:
            raise UsageError(
                f"The worker asked for {operation} is closed, or another process's: a forked copy of the process"
                " that started it cannot use it.",
                "Start a new one.",
            )

    @contextmanager
    def _watch(self, what: str, timeout_s: float) -> Iterator[None]:
        """Turn every way of losing the worker into an error of ours, with the worker dead after it."""
        if not self._lock.acquire(blocking=False):
            raise UsageError(f"A worker takes one call at a time; {what} came during another.")
        started_ns = clock.monotonic_ns()
        try:
            yield
        except DeadlineError as error:
            self._process.write_stack()
            waited_s = max(timeout_s, (clock.monotonic_ns() - started_ns) // 10**9)
            raise self._lose(hung(what, waited_s, self._process.stderr.tail())) from error
        except PipeClosedError as error:
            raise self._lose(self._death(what)) from error
        except ProtocolError as error:
            raise self._lose(self._nonsense(what, error)) from error
        except BaseException:
            if self._awaits_answer:
                self._lose(WorkerCrashedError(f"The worker was killed, for the call of {what} was interrupted."))
            raise
        finally:
            self._lock.release()

    def _death(self, what: str) -> WorkerError:
        status = self._process.wait()
        before, now = self._oom_kills, oom_kills()
        return died(
            what,
            status,
            self._process.stderr.tail(),
            killed_for_memory=before is not None and now is not None and now > before,
        )

    def _nonsense(self, what: str, error: ProtocolError) -> ProtocolError:
        tail = self._process.stderr.tail()
        said = f" Its standard error ends with:\n{tail}\n" if tail else ""
        return ProtocolError(f"In {what}: {error.message}{said}", error.remedy)

    def _lose(self, error: WorkerError) -> WorkerError:
        self._lost = error
        self.kill()
        return error

    def _while_waiting(self) -> None:
        """About once a second: bound the standard error, and notice a death that a grandchild's open pipe hides."""
        self._process.stderr.trim()
        if not self._process.running:
            raise PipeClosedError

    def wait(self, timeout_s: float) -> None:
        """Give the process time to end by itself."""
        self._process.wait(timeout_s)

    def kill(self) -> None:
        """End the process and let go of everything; twice is harmless."""
        if not self._closed:
            self._closed = True
            self._process.kill()
            self._channel.close()
            self._process.stderr.close()


def _deadline_ns(timeout_s: float) -> int:
    return clock.monotonic_ns() + round(timeout_s * 1e9)


def _pipe_fds(process: WorkerProcess) -> tuple[int, int]:
    """Return (read, write) descriptors of the client's side, non-blocking and no longer the Popen's."""
    fds = []
    for stream in (process.popen.stdout, process.popen.stdin):
        if stream is None:
            raise WorkerError("The worker was started without pipes.")
        fd = os.dup(stream.fileno())
        stream.close()
        os.set_blocking(fd, False)
        fds.append(fd)
    return fds[0], fds[1]


def _command(transport: Transport, settings: WorkerSettings, shared: list[int | None]) -> list[str]:
    arguments = [*(safe_path_flags() if transport.shares_memory else []), "-m", "pytest_edgert.worker.server"]
    arguments.append(f"--payload-limit={settings.payload_limit_bytes}")
    if settings.memory_limit_bytes is not None:
        arguments.append(f"--memory-limit={settings.memory_limit_bytes}")
    if transport.shares_memory:
        arguments.append(f"--parent={os.getpid()}")
    for option, fd in zip(("--shared-in", "--shared-out"), shared, strict=True):
        if fd is not None:
            arguments.append(f"{option}={fd}")
    return transport.command(arguments)


def _environment(transport: Transport, settings: WorkerSettings) -> dict[str, str]:
    environment = dict(settings.environment)
    if transport.shares_memory:
        environment["PYTHONPATH"] = own_import_path(environment)
    return environment
