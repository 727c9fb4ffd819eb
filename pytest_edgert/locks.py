"""Who may use a device when: timed work alone, everything else together, across processes.

The lock is `filelock.ReadWriteLock`, whose hold lives as long as the process: a killed pytest frees it.
Taking it costs 0.6 ms, so the shared side is taken once and kept until the test ends (`DeviceLock.release`),
not once an inference.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert import clock
from pytest_edgert.errors import NotRunError

if TYPE_CHECKING:
    from filelock import ReadWriteLock

#: Folder of the lock files, when set; every process that shares a device must see the same folder.
FOLDER_VARIABLE = "EDGERT_LOCKS"


def lock_folder() -> Path:
    """Return the folder of the lock files, made if need be: $EDGERT_LOCKS, /run/lock/edgert or one in the temporary folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    candidates = [Path(named)] if named else [Path("/run/lock/edgert"), Path(tempfile.gettempdir()) / "edgert-locks"]
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise NotRunError(
        f"No folder for device locks can be written (tried {', '.join(map(str, candidates))}).",
        f"Set {FOLDER_VARIABLE} to a folder that all users of the device can write.",
    )


@dataclass(slots=True)
class DeviceLock:
    """The readers-writer lock of one device in this process; one thread uses it.

    Args:
        device: The device's name; a file name is made of it.
        wait_s: Longest wait for a busy device; None waits for ever.
        folder: Where the lock lies; `lock_folder()` by default.
    """

    device: str
    wait_s: float | None = None
    folder: Path = field(default_factory=lock_folder)
    _lock: ReadWriteLock | None = None
    _sharing: bool = False
    _alone: bool = False

    def share(self) -> None:
        """Hold the device together with other untimed work until `release`; does nothing while it is held already.

        Raises:
            NotRunError: Timed work of another process did not end within `wait_s`.
        """
        if self._sharing or self._alone:
            return
        self._acquire(exclusive=False)
        self._sharing = True

    @contextmanager
    def exclusive(self, work: str) -> Iterator[None]:
        """Hold the device alone while the block runs; gives up an own share first.

        Args:
            work: What it is for; other processes read it when they have to wait.

        Raises:
            NotRunError: Others did not leave the device within `wait_s`.
        """
        self.release()
        self._acquire(exclusive=True)
        self._alone = True
        self._holder_file.write_text(json.dumps(_holder(work)), "utf-8")
        try:
            yield
        finally:
            self._holder_file.unlink(missing_ok=True)
            self._alone = False
            self._open().release()

    def release(self) -> None:
        """Give up the shared hold; does nothing without one."""
        if self._sharing:
            self._sharing = False
            self._open().release()

    def _open(self) -> ReadWriteLock:
        if self._lock is None:
            from filelock import ReadWriteLock

            self._lock = ReadWriteLock(self.folder / f"{_file_name(self.device)}.rwlock")
        return self._lock

    def _acquire(self, *, exclusive: bool) -> None:
        from filelock import Timeout

        lock = self._open()
        try:
            (lock.acquire_write if exclusive else lock.acquire_read)(timeout=-1 if self.wait_s is None else self.wait_s)
        except Timeout:
            raise NotRunError(
                f"Device {self.device!r} stayed busy for {self.wait_s:g} s: {self._who_has_it()}.",
                "Wait for it, or allow a longer wait with --edge-wait=10m.",
            ) from None

    @property
    def _holder_file(self) -> Path:
        return self.folder / f"{_file_name(self.device)}.holder.json"

    def _who_has_it(self) -> str:
        try:
            holder = json.loads(self._holder_file.read_text("utf-8"))
            return (
                f"process {holder['pid']} on {holder['host']} has had it since {holder['since']} for {holder['work']}"
            )
        except (OSError, ValueError, KeyError):
            return "other processes are running untimed work on it"


def _holder(work: str) -> dict[str, str | int]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": clock.utc_now(), "work": work}


def _file_name(device: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in device)
