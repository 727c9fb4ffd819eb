"""What went wrong inside a worker, as an error of ours that can travel."""

from __future__ import annotations

import re

from pytest_edgert.errors import (
    ArtefactError,
    EdgertError,
    InferenceError,
    WorkerOutOfMemoryError,
)

#: How native code says that memory ran out: Python, C++, ONNX Runtime's arena, CUDA, the C library and its loader.
_OUT_OF_MEMORY = re.compile(
    r"\bMemoryError\b|std::bad_alloc|bad allocation|failed to allocate memory|out of memory|cannot allocate memory"
    r"|failed to map segment",
    re.IGNORECASE,
)

#: The class of an error that is none of ours, by operation.
_CLASSES: dict[str, type[EdgertError]] = {
    "open": ArtefactError,
    "infer": InferenceError,
    "measure_latency": InferenceError,
    "measure_soak": InferenceError,
}


def failure_of(error: BaseException, operation: str) -> EdgertError:
    """Return the error to send for one that an operation raised.

    Memory that ran out, also when a vendor says so in words only, is a WorkerOutOfMemoryError; an error of
    ours stays as it is; any other becomes the operation's class with its own type and words.
    """
    if _ran_out_of_memory(error):
        return WorkerOutOfMemoryError(
            f"The worker ran out of memory in {operation}: {_words(error)}.",
            "Free memory, raise the container's or worker's memory limit, or use a smaller batch.",
        )
    if isinstance(error, EdgertError):
        return error
    return _CLASSES.get(operation, EdgertError)(f"The worker failed in {operation}: {_words(error)}.")


def tells_out_of_memory(text: str) -> bool:
    """Return whether a vendor's or Python's words say that memory ran out."""
    return _OUT_OF_MEMORY.search(text) is not None


def _ran_out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError) or tells_out_of_memory(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _words(error: BaseException) -> str:
    if isinstance(error, EdgertError):
        return str(error).rstrip(".")
    text = str(error).strip().rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
