"""Several inferences in flight at once, and how many each stream has finished by when.

A session that takes requests (`SupportsAsync`) is driven by one thread that waits for the oldest request and starts it
again; any other by one thread and one bound run for each stream, for a runtime lets go of the interpreter's lock while
it computes. Threads write one tuple per finished inference and read nothing else, so that what is measured is the
runtime's throughput and not Python's.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeAlias

from pytest_edgert.contracts import AsyncRun, BoundRun, Session, SupportsAsync, SupportsBoundBuffers
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Array, Feeds

#: Of each stream: inferences finished, and when the last of them was.
States: TypeAlias = "tuple[tuple[int, int], ...]"
#: Longest wait for the streams to finish what is in flight, in seconds; the worker's own deadline is shorter or ends it.
_JOIN_S = 300.0


@dataclass(slots=True)
class Streams:
    """Streams of inferences that run while the block of ``with`` lasts; made by `open_streams`.

    Args:
        runs: One per stream.
        loops: One callable per thread, which runs until `stopping` is set.
    """

    runs: tuple[BoundRun | AsyncRun, ...]
    loops: tuple[Callable[[Streams], None], ...]
    now_ns: Callable[[], int]
    stopping: threading.Event = field(default_factory=threading.Event)
    failed: threading.Event = field(default_factory=threading.Event)
    _states: list[tuple[int, int]] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _errors: list[BaseException] = field(default_factory=list)
    _collecting: bool = False

    def __enter__(self) -> Streams:
        began = self.now_ns()
        self._states = [(0, began)] * len(self.runs)
        self._collecting = gc.isenabled()
        gc.disable()
        for number, loop in enumerate(self.loops):
            thread = threading.Thread(target=self._guard, args=(loop,), name=f"stream-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(_JOIN_S)
        if self._collecting:
            gc.enable()

    def states(self) -> States:
        """Return what each stream has finished; raises what ended a stream."""
        if self._errors:
            raise self._errors[0]
        return tuple(self._states)

    def sleep(self, seconds: float) -> None:
        """Let the streams run for so long; returns at once when one of them has failed."""
        self.failed.wait(seconds)

    def finished(self, stream: int, count: int) -> None:
        """Note that a stream has finished `count` inferences by now."""
        self._states[stream] = (count, self.now_ns())

    def outputs(self) -> tuple[dict[str, Array], ...]:
        """Return copies of what each stream's last inference left."""
        return tuple(run.outputs() for run in self.runs)

    def _guard(self, loop: Callable[[Streams], None]) -> None:
        try:
            loop(self)
        except BaseException as error:  # noqa: BLE001 - a vendor may raise anything; the thread that watches raises it
            self._errors.append(error)
            self.failed.set()


def open_streams(session: Session, feeds: Feeds, count: int, now_ns: Callable[[], int]) -> Streams:
    """Return `count` streams on `feeds`, not started yet.

    Raises:
        UsageError: The session cannot run more than one inference at once.
    """
    if isinstance(session, SupportsAsync):
        requests = tuple(session.bind_async(feeds) for _ in range(count))
        return Streams(requests, (_Ring(requests),), now_ns)
    if isinstance(session, SupportsBoundBuffers):
        runs = tuple(session.bind(feeds) for _ in range(count))
        return Streams(runs, tuple(_Loop(stream, run) for stream, run in enumerate(runs)), now_ns)
    if count > 1:
        raise UsageError(
            f"This runtime has no bound buffers, so it runs one inference at a time; {count} streams were asked for.",
            "Ask for one stream.",
        )
    plain = _Plain(session, feeds)
    return Streams((plain,), (_Loop(0, plain),), now_ns)


@dataclass(slots=True)
class _Plain:
    """A bound run of a session that has none."""

    session: Session
    feeds: Feeds
    last: Mapping[str, Array] = field(default_factory=dict)

    def __call__(self) -> None:
        self.last = self.session.infer(self.feeds)

    def outputs(self) -> dict[str, Array]:
        return dict(self.last)


@dataclass(frozen=True, slots=True)
class _Loop:
    """One stream in a thread of its own."""

    stream: int
    run: BoundRun

    def __call__(self, streams: Streams) -> None:
        stopping, finished, run, stream = streams.stopping.is_set, streams.finished, self.run, self.stream
        count = 0
        while not stopping():
            run()
            count += 1
            finished(stream, count)


@dataclass(frozen=True, slots=True)
class _Ring:
    """Requests that one thread keeps in flight: it waits for the oldest, notes it and starts it again."""

    requests: tuple[AsyncRun, ...]

    def __call__(self, streams: Streams) -> None:
        for request in self.requests:
            request.start()
        count = 0
        while not streams.stopping.is_set():
            count += 1
            for stream, request in enumerate(self.requests):
                request.wait()
                streams.finished(stream, count)
                request.start()
        for request in self.requests:
            request.wait()
