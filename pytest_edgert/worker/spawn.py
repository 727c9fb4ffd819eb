"""Starting worker processes, all from one long-lived thread, and ending them.

Linux sends the parent-death signal when the *thread* that started the child ends, so a test's short-lived
thread must not be the one. Nothing is forked without an exec: a copy of a process that holds a native
session hangs.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pytest_edgert import clock
from pytest_edgert.errors import WorkerError
from pytest_edgert.worker.guard import STACK_SIGNAL
from pytest_edgert.worker.stderr_file import StderrFile

_Job = tuple[Callable[[], "subprocess.Popen[bytes]"], "Future[subprocess.Popen[bytes]]"]

#: Longest wait for a killed process to be gone; only a process stuck in the kernel takes longer.
_REAP_S = 5.0
#: Longest wait for a hung worker to write its Python stack.
_STACK_S = 0.3


@dataclass(slots=True)
class _Spawner:
    """The one thread of this process that starts workers; a forked copy of the process starts its own."""

    jobs: queue.SimpleQueue[_Job] = field(default_factory=queue.SimpleQueue)
    pid: int = 0

    def run(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        if self.pid != os.getpid():
            self.pid = os.getpid()
            self.jobs = queue.SimpleQueue()
            threading.Thread(target=self._serve, args=(self.jobs,), name="edgert-spawner", daemon=True).start()
        future: Future[subprocess.Popen[bytes]] = Future()
        self.jobs.put((start, future))
        try:
            return future.result()
        except KeyboardInterrupt:
            future.add_done_callback(_kill_unwanted)
            raise

    @staticmethod
    def _serve(jobs: queue.SimpleQueue[_Job]) -> None:
        while True:
            start, future = jobs.get()
            try:
                future.set_result(start())
            except BaseException as error:  # noqa: BLE001 - handed to the thread that asked
                future.set_exception(error)
            del start, future


def _kill_unwanted(future: Future[subprocess.Popen[bytes]]) -> None:
    """End a process that was started while the one who asked for it was interrupted."""
    if future.exception() is None:
        with future.result() as unwanted:
            unwanted.kill()


_SPAWNER = _Spawner()


@dataclass(slots=True)
class WorkerProcess:
    """A worker's process in a process group of its own, with its standard error.

    Args:
        popen: The process; its pipes are owned by the caller.
        stderr: Its standard error.
        owner_pid: The process that started it; a forked copy of that process must not end it.
    """

    popen: subprocess.Popen[bytes]
    stderr: StderrFile
    owner_pid: int

    @property
    def running(self) -> bool:
        """Whether it has not ended yet; an ended one stays unreaped, so that its group's number stays its own."""
        if self.popen.returncode is not None or not hasattr(os, "waitid"):
            return self.popen.poll() is None
        try:
            return os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def wait(self, timeout_s: float = _REAP_S) -> int | None:
        """Wait for its end, and end what it left running.

        Returns:
            The exit status, minus the signal's number for a signal; None when it does not end in time.
        """
        ended_before = self.popen.returncode is not None
        try:
            status = self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        if not ended_before:
            self._kill_group()
        return status

    def kill(self) -> None:
        """Kill the whole process group and wait for the worker to be gone."""
        if self.owner_pid == os.getpid() and self.popen.returncode is None:
            self._kill_group()
            self.wait()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)

    def write_stack(self) -> None:
        """Have a hung worker of this machine write where it is into its standard error; waits a moment for it."""
        before_bytes, give_up_ns = self.stderr.size_bytes, clock.monotonic_ns() + round(_STACK_S * 1e9)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self.popen.pid, STACK_SIGNAL)
        while self.stderr.size_bytes == before_bytes and self.running and clock.monotonic_ns() < give_up_ns:
            clock.sleep_s(0.01)
        clock.sleep_s(0.02)


def spawn(command: Sequence[str], environment: Mapping[str, str], inherited_fds: Sequence[int]) -> WorkerProcess:
    """Start a worker's process in a session of its own.

    Args:
        command: The full command.
        environment: Merged over this process's environment.
        inherited_fds: Descriptors the process gets under the same numbers.

    Raises:
        WorkerError: The command cannot be started.
    """
    stderr = StderrFile()

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(command),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr.fileno(),
            pass_fds=tuple(inherited_fds),
            env={**os.environ, **environment},
            start_new_session=True,
        )

    try:
        return WorkerProcess(_SPAWNER.run(start), stderr, os.getpid())
    except OSError as error:
        stderr.close()
        raise WorkerError(
            f"The worker cannot be started by {' '.join(command)!r}: {error}.", "Check the transport's command."
        ) from error


def own_import_path(environment: Mapping[str, str]) -> str:
    """Return the PYTHONPATH with which a worker of this Python finds this very package, a checkout too."""
    root = str(Path(__file__).resolve().parents[2])
    given = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    if Path(root).name in ("site-packages", "dist-packages"):
        return given
    return os.pathsep.join(filter(None, (root, given)))


def safe_path_flags() -> list[str]:
    """Return the flags that keep the current folder off the module path of this Python's child."""
    return ["-P"] if sys.version_info >= (3, 11) else []
