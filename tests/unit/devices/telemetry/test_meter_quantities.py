import math

import pytest

from pytest_edgert.devices.telemetry.counters import Counter, Sieve
from pytest_edgert.devices.telemetry.quantities import as_place, place_of, plausible, tell_apart, unit_of


@pytest.mark.parametrize(
    "name",
    [
        "temperature_c.cpu-thermal",
        "frequency_max_hz.gpu0/sm",
        "energy_j.package-0/core",
        "throttled.gpu0.hw_slowdown",
        "load_1min",
        "device_memory_bytes.gpu0",
        "cpu_steal_s.machine",
    ],
)
def test_names_of_the_form_have_a_unit(name):
    assert unit_of(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "temperature",
        "temperature_f.cpu",
        "Temperature_c.cpu",
        "temperature_c.",
        "temperature_c.a b",
        ".cpu",
        "_c.x",
    ],
)
def test_names_of_another_form_or_unit_have_none(name):
    assert unit_of(name) is None


def test_the_place_is_all_behind_the_first_dot():
    assert place_of("throttled.gpu0.hw_slowdown") == "gpu0.hw_slowdown"
    assert place_of("load_1min") == ""


@pytest.mark.parametrize(
    ("text", "place"), [("Package id 0", "Package_id_0"), (" \0", "x"), ("a\tb\n", "a_b"), ("ö", "x")]
)
def test_a_text_of_a_device_becomes_a_place(text, place):
    assert as_place(text, "x") == place


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0])
def test_what_no_sensor_of_power_can_say_is_no_reading(value):
    assert plausible("power_w.x", value) is None


def test_zero_and_the_edges_are_readings():
    assert [plausible(name, value) for name, value in (("power_w.x", 0.0), ("throttled.x", 1.0))] == [0.0, 1.0]
    assert plausible("throttled.x", 2.0) is None


def test_names_are_told_apart_whatever_they_are():
    assert tell_apart([("a", "1"), ("a", "2"), ("a", "2"), ("b", "1"), ("a", "2")]) == [
        "a",
        "a.2",
        "a.2.2",
        "b",
        "a.2.3",
    ]
    assert len(set(tell_apart([("a.2", "1"), ("a", "1"), ("a", "2"), ("a", "2")]))) == 4


def test_a_counter_that_only_grows_is_told_as_it_is():
    counter = Counter()
    assert [counter(value) for value in (5, 5, None, 9)] == [5, 5, None, 9]


def test_a_counter_counts_through_several_wraps():
    counter = Counter(100)
    assert [counter(value) for value in (90, 10, 60, 5)] == [90, 110, 160, 205]
    assert counter.trouble == ""


@pytest.mark.parametrize("back", [49, 50, 1])
def test_a_step_back_of_less_than_half_a_turn_is_no_wrap(back):
    counter = Counter(100)
    counter(90)
    assert counter(90 - back) is None
    assert counter(95) is None
    assert counter.trouble.startswith("It went back from 90 to")


def test_a_sieve_keeps_the_order_and_gives_none_for_what_is_missing_or_lost():
    sieve = Sieve.of(["temperature_c.a", "power_w.b", "energy_j.c"])
    sieve.lose("power_w.b", "It vanished.")
    assert sieve({"power_w.b": 1.0, "energy_j.c": 2.0, "power_w.other": 3.0}) == {
        "temperature_c.a": None,
        "power_w.b": None,
        "energy_j.c": 2.0,
    }
    assert sieve.troubles() == {"power_w.b": "It vanished."}
