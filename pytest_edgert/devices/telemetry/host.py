"""The machine and this process as the kernel counts them: load, processor time, waiting for a core, memory.

Sources, all of proc(5) and Documentation/scheduler/sched-stats.rst of Linux:

- ``load_1min``: ``/proc/loadavg``.
- ``cpu_busy_s.machine``, ``cpu_steal_s.machine``: ``/proc/stat``, all cores together; busy is user, nice, system, irq
  and softirq, steal is what the hypervisor gave to others.
- ``cpu_s.process``: ``/proc/self/stat``, user and system time of all threads, in ticks of usually 10 ms.
- ``run_delay_s.process``: ``/proc/self/task/*/schedstat``, how long threads were ready and had no core.
- ``preempted_count.process``: ``/proc/self/task/*/status``, how often a core was taken from a thread.
- ``rss_bytes.process``: ``/proc/self/statm``, the resident set now.

What a thread counted between the last reading and its end is missing: the kernel drops it with the thread.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pytest_edgert.devices.match import below
from pytest_edgert.devices.telemetry.counters import Sieve
from pytest_edgert.devices.telemetry.files import exists, raw
from pytest_edgert.records import Presence, PresenceState

_TASKS = "/proc/self/task"
#: The status of a thread has about 1,500 bytes; what we want of the others stands at their head.
_LONGEST = 8192
_LOAD = re.compile(r"[0-9]+\.[0-9]+(?= )")
_REMEDY = "The kernel of Linux tells it; in a container /proc is to be mounted."


#: Reads one file, or the files of all threads, and gives the numbers of its sensors.
_Source: TypeAlias = "Callable[[], Sequence[float | None]]"


@dataclass(slots=True)
class _OverThreads:
    """The sum of counters that each thread has for itself, over threads that come and go: it never falls."""

    total: float = 0.0
    last: dict[str, float] = field(default_factory=dict)

    def add(self, now: Mapping[str, float], alive: Sequence[str]) -> float:
        """Take the counters by thread; a number that fell belongs to a new thread of an old one's number."""
        for thread, value in now.items():
            before = self.last.get(thread, 0.0)
            self.total += value - before if value >= before else value
        self.last = {**{thread: value for thread, value in self.last.items() if thread in alive}, **now}
        return self.total


class HostReader:
    """Reads what is there below a sysroot."""

    def __init__(self, sysroot: Path) -> None:
        self._root = str(sysroot).rstrip("/")
        self._delays, self._preempted = _OverThreads(), _OverThreads()
        sources: list[tuple[str, tuple[str, ...], _Source]] = [
            ("/proc/loadavg", ("load_1min",), self._load),
            ("/proc/stat", ("cpu_busy_s.machine", "cpu_steal_s.machine"), self._machine),
            ("/proc/self/stat", ("cpu_s.process",), self._process),
            (_TASKS, ("run_delay_s.process", "preempted_count.process"), self._threads),
            ("/proc/self/statm", ("rss_bytes.process",), self._memory),
        ]
        self._sources = [one for one in sources if exists(below(sysroot, one[0]))]
        self._sieve = Sieve.of(name for _, names, _ in self._sources for name in names)

    def read(self) -> dict[str, float | None]:
        """Return every sensor by name; None for what cannot be understood just now."""
        numbers: dict[str, float | None] = {}
        for _, names, source in self._sources:
            numbers.update(zip(names, _asked(source, len(names)), strict=True))
        return self._sieve(numbers)

    def troubles(self) -> dict[str, str]:
        """Return a sentence for each counter that went back."""
        return self._sieve.troubles()

    def close(self) -> None:
        """Stop reading."""
        self._sources = []

    def _text(self, path: str) -> str:
        return raw(f"{self._root}{path}", _LONGEST).decode(errors="replace")

    def _load(self) -> Sequence[float | None]:
        found = _LOAD.match(self._text("/proc/loadavg"))
        return [None if found is None else float(found[0])]

    def _machine(self) -> Sequence[float | None]:
        words = self._text("/proc/stat").partition("\n")[0].split()
        if words[0] != "cpu":
            return [None, None]
        user, nice, system, _, _, irq, softirq, steal = (_whole(word) for word in words[1:9])
        return [_seconds(user + nice + system + irq + softirq), _seconds(steal)]

    def _process(self) -> Sequence[float | None]:
        # The name of the process, in parentheses, may hold blanks and parentheses.
        words = self._text("/proc/self/stat").rpartition(")")[2].split()
        return [_seconds(_whole(words[11]) + _whole(words[12]))]

    def _memory(self) -> Sequence[float | None]:
        words = self._text("/proc/self/statm").split()
        return [float(_whole(words[1]) * os.sysconf("SC_PAGE_SIZE")) if len(words) == 7 else None]

    def _threads(self) -> Sequence[float | None]:
        alive = [folder.name for folder in Path(f"{self._root}{_TASKS}").iterdir()]
        ran: dict[str, float] = {}
        waited: dict[str, float] = {}
        preempted: dict[str, float] = {}
        for thread in alive:
            words = self._numbers(f"{_TASKS}/{thread}/schedstat")
            if len(words) == 3:
                ran[thread], waited[thread] = words[0], words[1]
            count = self._preemptions(f"{_TASKS}/{thread}/status")
            if count is not None:
                preempted[thread] = count
        delay = self._delays.add(waited, alive) / 1e9
        count = self._preempted.add(preempted, alive)
        # A kernel that does not account answers "0 0 0" for a thread that surely has run: this one.
        return [delay if any(ran.values()) else None, count if preempted else None]

    def _numbers(self, path: str) -> list[float]:
        try:
            return [float(_whole(word)) for word in self._text(path).split()]
        except (OSError, ValueError):  # A thread may end while its files are read.
            return []

    def _preemptions(self, path: str) -> float | None:
        try:
            _, found, rest = self._text(path).partition("\nnonvoluntary_ctxt_switches:")
            return float(_whole(rest.split()[0])) if found else None
        except (OSError, ValueError, IndexError):
            return None


@dataclass(frozen=True, slots=True)
class HostMeter:
    """The meter of the machine and of this process."""

    name: str = "host"

    def sensors(self, sysroot: Path) -> Sequence[Presence]:
        """Return each sensor with its state. Never raises."""
        readings = HostReader(sysroot).read()
        if not readings:
            nothing = "There is no /proc with the figures of the machine and of this process."
            return [Presence("*", PresenceState.ABSENT, nothing, _REMEDY)]
        return [_presence(name, value) for name, value in readings.items()]

    def open(self, sysroot: Path) -> HostReader:
        """Open what is there."""
        return HostReader(sysroot)


def _asked(source: _Source, count: int) -> Sequence[float | None]:
    try:
        return source()
    except (OSError, ValueError, IndexError):
        return [None] * count


def _presence(name: str, value: float | None) -> Presence:
    if value is None:
        return Presence(name, PresenceState.UNUSABLE, "The kernel's file tells no number for it.", _REMEDY)
    return Presence(name, PresenceState.USABLE)


def _whole(word: str) -> int:
    """Return a number as the kernel writes it; `int` takes signs, underscores and other scripts' digits too."""
    if not (word.isascii() and word.isdigit()):
        raise ValueError(word)
    return int(word)


def _seconds(ticks: int) -> float:
    return ticks / os.sysconf("SC_CLK_TCK")


METER = HostMeter()
