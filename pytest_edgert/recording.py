"""Where the record of a check goes: a recorder in a context variable, and the error of a record that is not green.

The plugin sets a recorder while a test runs; without one a record is only returned or raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pytest_edgert.contracts import KnowsTest, Recorder
from pytest_edgert.records import CheckRecord

RECORDER: ContextVar[Recorder | None] = ContextVar("pytest_edgert_recorder", default=None)


class VerdictError(AssertionError):
    """A check that ended with another verdict than PASS or MEASURED.

    Args:
        record: What the check found; its verdict says whether the test failed or could not be judged.
    """

    def __init__(self, record: CheckRecord) -> None:
        super().__init__(record)
        self.record = record

    def __str__(self) -> str:
        return f"{self.record.verdict.value}: {self.record.reason} {self.record.remedy}".strip()


def current_recorder() -> Recorder | None:
    """Return the recorder of the running test, None outside one."""
    return RECORDER.get()


def running_test() -> tuple[str, int]:
    """Return the id of the running test and the attempt at it, ("", 1) where no recorder knows."""
    recorder = RECORDER.get()
    return (recorder.nodeid, recorder.attempt) if isinstance(recorder, KnowsTest) else ("", 1)


def record(record: CheckRecord) -> CheckRecord:
    """Hand a record to the current recorder, if there is one, and return it."""
    recorder = RECORDER.get()
    if recorder is not None:
        recorder.record(record)
    return record


def settle(record: CheckRecord) -> CheckRecord:
    """Return a record whose verdict is green; raises VerdictError with any other."""
    __tracebackhide__ = True
    if record.verdict.green:
        return record
    raise VerdictError(record)


@contextmanager
def recording_to(recorder: Recorder) -> Iterator[None]:
    """Let `recorder` take the records of checks that run inside."""
    token = RECORDER.set(recorder)
    try:
        yield
    finally:
        RECORDER.reset(token)
