"""The suite for meters is worth what it catches: each deliberate fault must fail the rule it breaks."""

from __future__ import annotations

import pytest

from pytest_edgert.records import Presence, PresenceState
from pytest_edgert.testing import MeterContract

FILE = "sys/x/temp"
NAME = "temperature_c.x"
HONEST = Presence(NAME, PresenceState.USABLE)
ABSENT = Presence("*", PresenceState.ABSENT, "no sensor")


class Meter:
    """An honest meter of one file, and its own reader; faults override what they break."""

    name = "odd"

    def __init__(self):
        self.file = None

    def sensors(self, sysroot):
        return [HONEST] if (sysroot / FILE).is_file() else [ABSENT]

    def open(self, sysroot):
        reader = type(self)()
        reader.file = sysroot / FILE if (sysroot / FILE).exists() else None
        return reader

    def read(self):
        return {} if self.file is None else {NAME: self.number()}

    def number(self):
        try:
            value = int(self.file.read_bytes()) / 1000
        except (OSError, ValueError):
            return None
        return value if -60 <= value <= 200 else None

    def close(self):
        self.file = None


class ZeroForNothing(Meter):
    def number(self):
        return super().number() or 0.0


class ZeroWithoutSensor(Meter):
    def read(self):
        return {NAME: 0.0 if self.file is None else self.number()}


class KeepsTheLast(Meter):
    last = 45.5

    def number(self):
        found = super().number()
        self.last = self.last if found is None else found
        return self.last


class Implausible(Meter):
    def number(self):
        try:
            return float(self.file.read_bytes()) / 1000
        except (OSError, ValueError):
            return None


class Raises(Meter):
    def number(self):
        return int(self.file.read_bytes()) / 1000


class NoUnit(Meter):
    def sensors(self, sysroot):
        return [Presence("heat.x", PresenceState.USABLE)]


class ToldTwice(Meter):
    def sensors(self, sysroot):
        return [HONEST, HONEST]


class NoReason(Meter):
    def sensors(self, sysroot):
        return [Presence(NAME, PresenceState.ABSENT)]


class SaysNothing(Meter):
    def sensors(self, sysroot):
        return []


class AlwaysUsable(Meter):
    def sensors(self, sysroot):
        return [HONEST]


class NeverUsable(Meter):
    def sensors(self, sysroot):
        return [ABSENT]


class ReadsMore(Meter):
    def read(self):
        return {**super().read(), "power_w.y": 1.0}


class DropsNone(Meter):
    def read(self):
        return {name: value for name, value in super().read().items() if value is not None}


class Alternates(Meter):
    turn = 0

    def read(self):
        self.turn += 1
        return super().read() if self.turn % 2 else {}


class ClosesOnce(Meter):
    closed = 0

    def close(self):
        self.closed += 1
        if self.closed > 1:
            raise OSError


class ReadsClosed(Meter):
    def close(self):
        pass


class Shared(Meter):
    is_open = True

    def open(self, sysroot):
        Shared.is_open = True
        return super().open(sysroot)

    def number(self):
        return super().number() if Shared.is_open else None

    def close(self):
        Shared.is_open = False


class BadName(Meter):
    name = "Odd:Meter"


class Contract(MeterContract):
    reference = f"{__name__}:METER"
    tree = {f"/{FILE}": "45500\n"}  # noqa: RUF012 - a ClassVar in the base


METER = Meter()


@pytest.fixture
def sysroot(tmp_path):
    target = tmp_path / FILE
    target.parent.mkdir(parents=True)
    target.write_text("45500\n")
    return tmp_path


def broken(rule, meter, sysroot, tmp_path):
    """Run one rule on a meter as the suite would."""
    contract = Contract()
    arguments = {
        "meter": meter,
        "sysroot": sysroot,
        "reader": meter.open(sysroot),
        "tmp_path": tmp_path / "other",
        "name": "empty",
    }
    (tmp_path / "other").mkdir(exist_ok=True)
    code = getattr(MeterContract, rule).__code__
    taken = code.co_varnames[1 : code.co_argcount]
    getattr(contract, rule)(**{name: arguments[name] for name in taken})


RULES = sorted(
    name for name in vars(MeterContract) if name.startswith("test_") and name != "test_loading_brings_no_vendor"
)

FAULTS = [
    (ZeroForNothing, "test_sensors_that_vanish_are_none", "invented"),
    (ZeroForNothing, "test_a_file_that_holds_nonsense_gives_no_number", "invented"),
    (ZeroForNothing, "test_a_folder_in_place_of_a_file_gives_no_number", "invented"),
    (ZeroForNothing, "test_each_file_may_vanish_by_itself", "invented"),
    (ZeroWithoutSensor, "test_no_sensor_is_absent_and_never_zero", None),
    (KeepsTheLast, "test_sensors_that_vanish_are_none", "invented"),
    (Implausible, "test_a_file_that_holds_nonsense_gives_no_number", "invented"),
    (NoUnit, "test_sensors_are_named_by_quantity_unit_and_place", "of no known unit"),
    (ToldTwice, "test_sensors_are_named_by_quantity_unit_and_place", "told twice"),
    (NoReason, "test_what_is_missing_has_a_reason", None),
    (SaysNothing, "test_no_sensor_is_absent_and_never_zero", "nothing is told"),
    (AlwaysUsable, "test_no_sensor_is_absent_and_never_zero", None),
    (NeverUsable, "test_a_sensor_of_the_tree_is_usable", None),
    (NeverUsable, "test_nothing_is_read_that_was_not_told", None),
    (DropsNone, "test_sensors_that_vanish_are_none", None),
    (DropsNone, "test_a_file_that_holds_nonsense_gives_no_number", "other sensors"),
    (ReadsMore, "test_nothing_is_read_that_was_not_told", None),
    (Alternates, "test_the_same_sensors_are_read_every_time", None),
    (ReadsClosed, "test_closing_twice_is_harmless", None),
    (Shared, "test_two_readers_do_not_disturb_each_other", None),
    (BadName, "test_the_name_is_a_word", None),
]


@pytest.mark.parametrize("rule", RULES)
def test_the_honest_meter_keeps_every_rule(rule, sysroot, tmp_path):
    broken(rule, Meter(), sysroot, tmp_path)


@pytest.mark.parametrize(("fault", "rule", "said"), FAULTS)
def test_a_fault_fails_the_rule_it_breaks(fault, rule, said, sysroot, tmp_path):
    with pytest.raises(AssertionError, match=said):
        broken(rule, fault(), sysroot, tmp_path)


@pytest.mark.parametrize(
    "rule",
    [
        "test_sensors_that_vanish_are_none",
        "test_each_file_may_vanish_by_itself",
        "test_a_file_that_holds_nonsense_gives_no_number",
        "test_a_file_cut_at_any_byte_gives_a_plausible_number_or_none",
        "test_a_folder_in_place_of_a_file_gives_no_number",
    ],
)
def test_a_meter_that_raises_fails_the_rule(rule, sysroot, tmp_path):
    with pytest.raises((OSError, ValueError)):
        broken(rule, Raises(), sysroot, tmp_path)


def test_a_meter_that_cannot_be_closed_twice_is_caught(sysroot, tmp_path):
    with pytest.raises(OSError):  # noqa: PT011 - it says nothing
        broken("test_closing_twice_is_harmless", ClosesOnce(), sysroot, tmp_path)


def test_a_number_outside_its_unit_is_caught_when_a_file_is_cut(sysroot, tmp_path):
    (sysroot / FILE).write_text("450000\n")
    with pytest.raises(AssertionError, match="outside what its unit allows"):
        broken("test_a_file_cut_at_any_byte_gives_a_plausible_number_or_none", Implausible(), sysroot, tmp_path)


def test_a_usable_sensor_without_a_number_is_caught(sysroot, tmp_path):
    (sysroot / FILE).write_text("none\n")
    with pytest.raises(AssertionError, match="no number"):
        broken("test_usable_sensors_are_read_as_numbers_of_their_unit", Meter(), sysroot, tmp_path)


def test_a_vendor_that_is_loaded_with_the_meter_is_caught(tmp_path, monkeypatch):
    (tmp_path / "vendor_of_sensors.py").touch()
    (tmp_path / "eager_meter.py").write_text(
        "import vendor_of_sensors\nclass METER:\n    name = 'eager'\n    sensors = open = None\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    class Eager(Contract):
        reference = "eager_meter:METER"

    with pytest.raises(AssertionError, match=r"imports .*vendor_of_sensors"):
        Eager().test_loading_brings_no_vendor()


def test_every_rule_is_shown_to_catch_something():
    caught = {rule for _, rule, _ in FAULTS} | {
        "test_a_file_cut_at_any_byte_gives_a_plausible_number_or_none",
        "test_usable_sensors_are_read_as_numbers_of_their_unit",
    }
    assert caught == set(RULES)
