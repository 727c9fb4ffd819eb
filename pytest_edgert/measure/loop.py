"""The sampling loop: two readings of the clock around each inference, and nothing else between them."""

from __future__ import annotations

import gc
from collections.abc import Callable

from pytest_edgert.contracts import Session, SupportsBoundBuffers
from pytest_edgert.tensors import Array, Feeds


def runner(session: Session, feeds: Feeds) -> Callable[[], object]:
    """Return a callable that runs one inference on `feeds`: on bound buffers where the session has them."""
    if isinstance(session, SupportsBoundBuffers):
        return session.bind(feeds)
    return lambda: session.infer(feeds)


def sample_into(  # noqa: PLR0917 - the hot call, made once a block by one caller
    run: Callable[[], object],
    durations: Array,
    starts: Array,
    begin: int,
    count: int,
    now_ns: Callable[[], int],
) -> None:
    """Time `count` inferences into ``durations[begin : begin + count]`` and `starts` likewise.

    Python's garbage collector is off meanwhile, for it would stop one inference in thousands, and is left as it was.

    Args:
        run: Runs one inference.
        durations: Filled with nanoseconds, (capacity,), int64.
        starts: Filled with the clock at each start, (capacity,), int64.
        begin: Index of the first sample to fill.
        count: Inferences to time.
        now_ns: The clock.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        for index in range(begin, begin + count):
            start = now_ns()
            run()
            durations[index] = now_ns() - start
            starts[index] = start
    finally:
        if collecting:
            gc.enable()
