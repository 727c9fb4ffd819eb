"""The watch over sensors beside a loop: read between two blocks of work, never in a thread of its own.

A thread would compete with the runtime for a core and stop it for the interpreter's lock; so whoever runs the loop
calls `Watch.look` outside the timed region, which reads when the interval has passed.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pytest_edgert import clock
from pytest_edgert.contracts import MeterReader, SupportsTroubles
from pytest_edgert.devices.telemetry.registry import load_meter
from pytest_edgert.errors import EdgertError
from pytest_edgert.records import Presence
from pytest_edgert.series import Series

ROOT = Path("/")
#: Two readings a second follow temperature and clocks, and cost well below 1 % of a core.
INTERVAL_S = 0.5
#: The sensor of the watch itself: seconds that its readings took so far, this one included.
COST = "reading_s.watch"


@dataclass(frozen=True, slots=True)
class ReadingCost:
    """What the readings themselves took, in seconds: their number, the mean, the longest and all of them together."""

    n: int = 0
    mean_s: float = 0.0
    largest_s: float = 0.0

    @property
    def total_s(self) -> float:
        """Seconds of all readings together."""
        return self.n * self.mean_s


class Watch:
    """Reads meters beside a loop. Not thread-safe; a context manager; `close` twice is harmless.

    A meter that cannot be loaded or opened, or that raises while it is read, is dropped for good, with the reason in
    `dropped`; the measurement goes on. A watch of no meters reads no clock and never reads.

    Args:
        meters: The meters, each as "module:attribute".
        sysroot: Folder that stands for ``/``.
        interval_s: Seconds from one reading to the next, at least.
        now_ns: The clock of the samples.
    """

    def __init__(
        self,
        meters: Sequence[str] = (),
        *,
        sysroot: Path = ROOT,
        interval_s: float = INTERVAL_S,
        now_ns: Callable[[], int] = clock.monotonic_ns,
    ) -> None:
        self._now_ns = now_ns
        self._interval_ns = round(interval_s * 1e9)
        self._last_ns: int | None = None
        #: Rows of plain numbers: a soak whose own memory is judged keeps thousands.
        self._rows: list[tuple[int, array[float]]] = []
        self._columns: dict[str, int] = {}
        self._sum_ns = self._largest_ns = 0
        self._dropped: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._readers: dict[str, MeterReader] = {}
        for reference in dict.fromkeys(meters):
            self._open(reference, sysroot)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def look(self) -> bool:
        """Read when the interval has passed since the last reading, or when there was none; return whether it did."""
        if not self._readers:
            return False
        if self._last_ns is not None and 0 <= self._now_ns() - self._last_ns < self._interval_ns:
            return False
        self.read_now()
        return True

    def read_now(self) -> None:
        """Read every meter now, whatever the interval; nothing is kept when there is none."""
        if not self._readers:
            return
        began = self._now_ns()
        row: dict[str, float | None] = {}
        owners: dict[str, str] = {}
        for reference in list(self._readers):
            for name, value in self._read(reference).items():
                if owners.setdefault(name, reference) == reference:
                    row[name] = value
                else:
                    self._troubles[name] = f"{reference} tells {name} too; the reading is {owners[name]}'s."
        took = max(0, self._now_ns() - began)
        self._sum_ns += took
        self._largest_ns = max(self._largest_ns, took)
        row[COST] = self._sum_ns / 1e9
        self._rows.append((began, self._packed(row)))
        self._last_ns = began

    def _packed(self, row: Mapping[str, float | None]) -> array[float]:
        for name in row:
            self._columns.setdefault(name, len(self._columns))
        packed = array("d", [math.nan]) * len(self._columns)
        for name, value in row.items():
            packed[self._columns[name]] = math.nan if value is None else value
        return packed

    @property
    def latest(self) -> Mapping[str, float | None]:
        """The last reading, by sensor; empty before the first."""
        last = self._rows[-1][1] if self._rows else array("d")
        return {name: None if math.isnan(value) else value for name, value in zip(self._columns, last, strict=False)}

    @property
    def cost_s(self) -> ReadingCost:
        """What the readings so far took."""
        n = len(self._rows)
        return ReadingCost(n, self._sum_ns / n / 1e9, self._largest_ns / 1e9) if n else ReadingCost()

    @property
    def dropped(self) -> Mapping[str, str]:
        """Why a meter is no longer read, by its reference."""
        return dict(self._dropped)

    def troubles(self) -> dict[str, str]:
        """Return what went wrong with single sensors, a sentence by sensor: vanished, counted backwards."""
        for reference in list(self._readers):
            self._ask_troubles(reference)
        return dict(self._troubles)

    def series(self) -> Series:
        """Return every reading so far, in order, what the readings cost among them (`COST`)."""
        values = np.full((len(self._rows), len(self._columns)), np.nan)
        for index, (_, row) in enumerate(self._rows):
            values[index, : len(row)] = row
        return Series(tuple(self._columns), np.array([moment for moment, _ in self._rows], np.int64), values)

    def close(self) -> None:
        """Close every meter; the series and the troubles stay."""
        for reference in list(self._readers):
            self._ask_troubles(reference)
            self._let_go(reference)

    def _open(self, reference: str, sysroot: Path) -> None:
        try:
            self._readers[reference] = load_meter(reference).open(sysroot)
        except Exception as error:  # noqa: BLE001 - a meter of others may raise anything; the reason is kept
            self._dropped[reference] = _reason("cannot be opened", error)

    def _read(self, reference: str) -> Mapping[str, float | None]:
        try:
            return _numbers(self._readers[reference].read())
        except Exception as error:  # noqa: BLE001 - a broken meter costs itself, never the measurement
            self._dropped[reference] = _reason("cannot be read", error)
            self._let_go(reference)
            return {}

    def _ask_troubles(self, reference: str) -> None:
        reader = self._readers[reference]
        if not isinstance(reader, SupportsTroubles):
            return
        try:
            self._troubles.update(reader.troubles())
        except Exception as error:  # noqa: BLE001 - as above
            self._dropped[reference] = _reason("cannot tell its troubles", error)
            self._let_go(reference)

    def _let_go(self, reference: str) -> None:
        reader = self._readers.pop(reference, None)
        if reader is None:
            return
        try:
            reader.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._dropped.setdefault(reference, _reason("cannot be closed", error))


@dataclass(frozen=True, slots=True)
class MeterState:
    """What one meter tells here.

    Args:
        meter: Its reference, "module:attribute".
        name: Its name; empty when it cannot be loaded.
        sensors: Each sensor with its state.
        readings: One reading by sensor; None where a sensor gives no number now.
        reason: Why the meter could not be asked; empty when it could.
    """

    meter: str
    name: str = ""
    sensors: tuple[Presence, ...] = ()
    readings: Mapping[str, float | None] = field(default_factory=dict)
    reason: str = ""


def read_sensors(meters: Sequence[str], sysroot: Path = ROOT) -> tuple[MeterState, ...]:
    """Ask meters, each as "module:attribute", for their sensors and for one reading."""
    return tuple(_state(reference, sysroot) for reference in meters)


def _state(reference: str, sysroot: Path) -> MeterState:
    name = ""
    sensors: tuple[Presence, ...] = ()
    try:
        meter = load_meter(reference)
        name, sensors = meter.name, tuple(meter.sensors(sysroot))
        reader = meter.open(sysroot)
        try:
            readings = _numbers(reader.read())
        finally:
            reader.close()
    except EdgertError as error:
        return MeterState(reference, name, sensors, {}, f"{error.message} {error.remedy}".strip())
    except Exception as error:  # noqa: BLE001 - a meter of others may raise anything; the reason is told
        return MeterState(reference, name, sensors, {}, _reason("cannot be asked", error))
    return MeterState(reference, name, sensors, readings)


def _numbers(readings: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return readings as finite numbers and None; raises ValueError or TypeError for what is neither."""
    return {
        name: None if value is None or not math.isfinite(value) else float(value) for name, value in readings.items()
    }


def _reason(what: str, error: Exception) -> str:
    return f"It {what}: {error if isinstance(error, EdgertError) else f'{type(error).__name__}: {error}'}"
