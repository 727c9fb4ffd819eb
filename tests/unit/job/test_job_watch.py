"""The watch over sensors, on meters that are scripted, and on meters that misbehave in every way they can."""

import math

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.job.watch import ReadingCost, Watch, read_sensors
from pytest_edgert.records import Presence, PresenceState

CLOCK = FakeClock()


class Scripted:
    """A meter and its reader: reading `i` is `script[i]`, which may be an exception; a reading takes `takes_s`."""

    def __init__(self, name, *script, takes_s=0.0, troubles=None, open_error=None, close_error=None):
        self.name, self.script, self.takes_s = name, script, takes_s
        self.told, self.open_error, self.close_error = troubles, open_error, close_error
        self.n = self.closed = 0

    def sensors(self, sysroot):
        return [Presence("temperature_c.x", PresenceState.USABLE)]

    def open(self, sysroot):
        self.n = self.closed = 0
        self.sysroot = sysroot
        if self.open_error:
            raise self.open_error
        return self

    def read(self):
        CLOCK.sleep_s(self.takes_s)
        found = self.script[min(self.n, len(self.script) - 1)]
        self.n += 1
        if isinstance(found, Exception):
            raise found
        return found

    def troubles(self):
        if isinstance(self.told, Exception):
            raise self.told
        return self.told or {}

    def close(self):
        self.closed += 1
        if self.close_error:
            raise self.close_error


WARMING = Scripted("warming", *({"temperature_c.x": 40.0 + i} for i in range(100)), takes_s=0.002)
LATE = Scripted("late", {"load_1min": 1.0}, {"load_1min": None, "temperature_c.late": 9.0})
BREAKS = Scripted("breaks", {"power_w.b": 1.0}, OSError("bus error"))
TEXT = Scripted("text", {"power_w.t": "cold"})
NO_MAP = Scripted("no-map", None)
ODD = Scripted("odd", {"power_w.o": math.nan, "power_w.p": math.inf, "power_w.q": True})
CLOSED = Scripted("closed", {"power_w.c": 1.0}, open_error=PermissionError("root only"))
STUCK = Scripted("stuck", {"power_w.s": 1.0}, close_error=RuntimeError("handle lost"))
TROUBLED = Scripted("troubled", {"energy_j.a": None}, troubles={"energy_j.a": "It went backwards."})
LIES = Scripted("lies", {"energy_j.l": 1.0}, troubles=RuntimeError("no words"))
RIVAL = Scripted("rival", {"temperature_c.x": 99.0})
NO_METER = object()


def reference(name):
    return f"{__name__}:{name}"


def watch(*names, interval_s=0.5):
    return Watch([reference(name) for name in names], interval_s=interval_s, now_ns=CLOCK.now_ns)


def test_the_first_look_reads_and_the_next_only_after_the_interval():
    watching = watch("WARMING")
    looks = []
    for _ in range(9):
        looks.append(watching.look())
        CLOCK.sleep_s(0.125)
    assert looks == [True, False, False, False, True, False, False, False, True]


def test_readings_lie_in_order_on_the_clock_of_the_samples():
    began = CLOCK.now_ns()
    watching = watch("WARMING")
    watching.read_now()
    CLOCK.sleep_s(1)
    watching.read_now()
    series = watching.series()
    assert series.names == ("temperature_c.x", "reading_s.watch")
    assert (series.times_ns - began).tolist() == [0, 1_002_000_000]
    assert series.of("temperature_c.x").tolist() == [40.0, 41.0]


def test_reading_now_puts_the_next_look_off():
    watching = watch("WARMING")
    watching.read_now()
    CLOCK.sleep_s(0.4)
    assert not watching.look()


def test_a_clock_that_steps_back_does_not_stop_the_readings():
    watching = watch("WARMING")
    watching.read_now()
    CLOCK.time_ns -= 10**12
    assert watching.look()


def test_the_cost_of_the_readings_is_told():
    watching = watch("WARMING")
    assert watching.cost_s == ReadingCost(0, 0.0, 0.0)
    WARMING.takes_s = 0.001
    watching.read_now()
    WARMING.takes_s = 0.003
    watching.read_now()
    WARMING.takes_s = 0.002
    assert watching.cost_s == ReadingCost(2, 0.002, 0.003)
    assert watching.cost_s.total_s == 0.004
    assert watching.series().of("reading_s.watch").tolist() == [0.001, 0.004]


def test_a_watch_of_no_meters_asks_neither_clock_nor_sensor():
    def no_clock():
        raise AssertionError

    watching = Watch(now_ns=no_clock)
    assert not watching.look()
    watching.read_now()
    assert watching.series().names == ()
    assert watching.cost_s.n == 0
    watching.close()


def test_a_sensor_without_a_reading_is_nan_in_the_series_and_never_zero():
    watching = watch("LATE")
    watching.read_now()
    watching.read_now()
    series = watching.series()
    np.testing.assert_array_equal(series.of("load_1min"), [1.0, math.nan])
    np.testing.assert_array_equal(series.of("temperature_c.late"), [math.nan, 9.0])


def test_what_is_not_finite_is_no_reading():
    watching = watch("ODD")
    watching.read_now()
    assert [math.isnan(watching.series().of(f"power_w.{name}")[0]) for name in "opq"] == [True, True, False]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("BREAKS", "cannot be read: OSError: bus error"),
        ("TEXT", "cannot be read: TypeError"),
        ("NO_MAP", "cannot be read: AttributeError"),
        ("CLOSED", "cannot be opened: PermissionError: root only"),
        ("NO_METER", "is not a meter: it has no name, sensors, open"),
        ("MISSING", "cannot be loaded: AttributeError"),
    ],
)
def test_a_broken_meter_is_dropped_with_its_reason_and_the_others_go_on(name, said):
    watching = watch(name, "WARMING")
    for _ in range(3):
        watching.read_now()
    assert said in watching.dropped[reference(name)]
    assert list(watching.dropped) == [reference(name)]
    assert watching.series().of("temperature_c.x").tolist() == [40.0, 41.0, 42.0]


def test_what_a_meter_said_before_it_broke_is_kept():
    watching = watch("BREAKS")
    watching.read_now()
    watching.read_now()
    np.testing.assert_array_equal(watching.series().of("power_w.b"), [1.0, math.nan])
    assert BREAKS.closed == 1
    assert not watching.look()


def test_a_meter_that_cannot_be_closed_is_told_and_closing_twice_is_harmless():
    watching = watch("STUCK", "WARMING")
    watching.close()
    watching.close()
    assert "handle lost" in watching.dropped[reference("STUCK")]
    assert (STUCK.closed, WARMING.closed) == (1, 1)


def test_leaving_the_watch_closes_it_and_keeps_the_series():
    with watch("WARMING") as watching:
        watching.read_now()
    assert WARMING.closed == 1
    assert len(watching.series().times_ns) == 1
    assert not watching.look()


def test_troubles_of_sensors_are_told_also_after_closing():
    watching = watch("TROUBLED")
    watching.close()
    assert watching.troubles() == {"energy_j.a": "It went backwards."}


def test_a_meter_that_cannot_tell_its_troubles_is_dropped():
    watching = watch("LIES", "TROUBLED")
    assert watching.troubles() == {"energy_j.a": "It went backwards."}
    assert "no words" in watching.dropped[reference("LIES")]


def test_of_two_meters_with_one_sensor_the_first_counts_and_it_is_said():
    watching = watch("WARMING", "RIVAL")
    watching.read_now()
    assert watching.series().of("temperature_c.x").tolist() == [40.0]
    assert f"the reading is {reference('WARMING')}'s" in watching.troubles()["temperature_c.x"]


def test_a_meter_named_twice_is_read_once():
    watching = watch("WARMING", "WARMING")
    watching.read_now()
    assert watching.series().of("temperature_c.x").tolist() == [40.0]


def test_meters_read_below_the_sysroot(tmp_path):
    Watch([reference("WARMING")], sysroot=tmp_path)
    assert WARMING.sysroot == tmp_path


def test_sensors_are_asked_for_their_state_and_one_reading():
    (state,) = read_sensors([reference("WARMING")])
    assert (state.name, state.reason) == ("warming", "")
    assert [one.name for one in state.sensors] == ["temperature_c.x"]
    assert state.readings == {"temperature_c.x": 40.0}
    assert WARMING.closed == 1


@pytest.mark.parametrize(
    ("name", "said"), [("CLOSED", "root only"), ("NO_METER", "docs/telemetry.md"), ("TEXT", "TypeError")]
)
def test_a_meter_that_cannot_be_asked_says_why(name, said):
    (state,) = read_sensors([reference(name)])
    assert said in state.reason
    assert state.readings == {}
