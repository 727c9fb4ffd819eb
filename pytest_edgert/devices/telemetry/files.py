"""Sensors that are files with one whole number: found, opened, read, and refused when they say nothing sensible."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_edgert.devices.match import below
from pytest_edgert.devices.telemetry.counters import Sieve
from pytest_edgert.devices.telemetry.quantities import plausible
from pytest_edgert.records import Presence, PresenceState

#: More digits are in no counter of 64 bits.
_NUMBER = re.compile(rb"-?[0-9]{1,20}")
#: A sensor that is gone for good: its file, its device, its driver.
_GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.ENOTDIR})
#: No file of one number is longer; more is not read.
_LONGEST = 64
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class FileSensor:
    """A sensor whose file holds a whole number.

    Args:
        name: Its name: quantity, unit and place.
        path: Its file, below the sysroot already.
        times, over: The reading is the number times one, over the other: 1 over 1000 for millidegrees.
        wraps_at: For a counter, in the unit of the name: the largest reading before it starts anew.
        denied: What to do when the file may not be read.
    """

    name: str
    path: Path
    times: int = 1
    over: int = 1
    wraps_at: float | None = None
    denied: str = "Run as root, or let an administrator allow it."


@dataclass(frozen=True, slots=True)
class FileMeter:
    """A meter all of whose sensors are files.

    Args:
        name: The meter's name.
        find: Returns the sensors below a sysroot; may raise OSError.
        nothing: What is told where there is none.
        remedy: What to do then.
    """

    name: str
    find: Callable[[Path], Sequence[FileSensor]]
    nothing: str
    remedy: str = ""

    def sensors(self, sysroot: Path) -> Sequence[Presence]:
        """Return each sensor with its state; "*", absent, where there is none. Never raises."""
        found = [_presence(one) for one in self._found(sysroot)]
        return found or [Presence("*", PresenceState.ABSENT, self.nothing, self.remedy)]

    def open(self, sysroot: Path) -> FileReader:
        """Open every sensor that may be read, also one that gives no number just now."""
        return FileReader([one for one in self._found(sysroot) if _read(one)[1] != errno.EACCES])

    def _found(self, sysroot: Path) -> Sequence[FileSensor]:
        try:
            return self.find(sysroot)
        except OSError:
            return ()


class FileReader:
    """Reads files of one number each. A file is opened anew for each reading: a handle outlives its sensor."""

    def __init__(self, sensors: Sequence[FileSensor]) -> None:
        self._sensors = list(sensors)
        self._sieve = Sieve({one.name: one.wraps_at for one in sensors})

    def read(self) -> dict[str, float | None]:
        """Return every sensor by name; None for one that gives no number now, and for ever once it has vanished."""
        return self._sieve({one.name: self._number(one) for one in self._sensors})

    def troubles(self) -> dict[str, str]:
        """Return a sentence for each sensor that vanished or counted back."""
        return self._sieve.troubles()

    def close(self) -> None:
        """Stop reading; what was told before stays."""
        self._sensors = []

    def _number(self, one: FileSensor) -> float | None:
        if self._sieve.has_lost(one.name):
            return None
        value, trouble, reason = _read(one)
        if trouble in _GONE:
            self._sieve.lose(one.name, f"It vanished: {reason}.")
        return value


def folders(sysroot: Path, parent: str, pattern: str) -> list[Path]:
    """Return what lies in a folder below `sysroot` and fits a glob, in the order of the numbers in its name."""
    found = below(sysroot, parent).glob(pattern)
    return sorted(found, key=lambda path: [int(part) if part.isdigit() else part for part in _DIGITS.split(path.name)])


def exists(path: Path) -> bool:
    """Return whether a file is there, as far as this process may look."""
    try:
        return path.exists()
    except OSError:
        return False


def raw(path: Path | str, longest: int) -> bytes:
    """Return what one read of a file of the kernel gives, without waiting; at most `longest` bytes. Raises OSError.

    Several times faster than `Path.read_bytes`, and readings are taken beside a measurement.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.read(handle, longest)
    finally:
        os.close(handle)


def text_of(path: Path) -> str:
    """Return a short text of a device, without NULs and surrounding blanks; empty when there is none."""
    try:
        return raw(path, _LONGEST).replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def number_of(path: Path) -> int | None:
    """Return the whole number in a file; None when there is none."""
    content, _, _ = _content(path)
    return None if content is None or not _NUMBER.fullmatch(content) else int(content)


def _presence(one: FileSensor) -> Presence:
    value, trouble, reason = _read(one)
    if value is not None:
        return Presence(one.name, PresenceState.USABLE)
    remedy = one.denied if trouble == errno.EACCES else "It may answer when its device is awake."
    return Presence(one.name, PresenceState.UNUSABLE, reason, remedy)


def _read(one: FileSensor) -> tuple[float | None, int, str]:
    """Return a reading, or None with the error's number (0 for none) and why."""
    content, trouble, reason = _content(one.path)
    if content is None:
        return None, trouble, reason
    if not _NUMBER.fullmatch(content):
        return None, 0, f"{one.path} holds {content.decode(errors='replace')!r}, no whole number"
    value = int(content) * one.times / one.over
    sensible = plausible(one.name, value)
    return sensible, 0, "" if sensible is not None else f"{one.path} says {value:g}, which cannot be"


def _content(path: Path) -> tuple[bytes | None, int, str]:
    try:
        return raw(path, _LONGEST).strip(), 0, ""
    except OSError as error:
        number = errno.EACCES if error.errno == errno.EPERM else error.errno or 0
        return None, number, f"{path} cannot be read ({error.strerror})"
