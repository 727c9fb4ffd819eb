import importlib.metadata
from pathlib import Path

import pytest

from pytest_edgert.devices.profile import load_profiles
from pytest_edgert.devices.schema import read_profile
from pytest_edgert.devices.telemetry.registry import meter_references
from pytest_edgert.devices.telemetry.wanted import meters_for, missing, sensors_for, wanted
from pytest_edgert.errors import UsageError

NAMES = (
    "load_1min",
    "temperature_c.cpu-thermal",
    "temperature_c.cpu-thermal.thermal_zone3",
    "temperature_c.gpu-thermal",
    "temperature_c.coretemp/Package_id_0",
    "temperature_c.coretemp/Core_0",
    "frequency_hz.policy0",
    "frequency_max_hz.policy0",
    "frequency_hz.policy4",
    "energy_j.package-0",
    "energy_j.package-0/core",
    "throttled.gpu0.hw_slowdown",
    "throttled.gpu0.sw_power_cap",
    "cooling_state.gpu0",
)


def profile(**telemetry):
    table = {"schema": 1, "id": "test", "title": "Test", "telemetry": telemetry}
    return read_profile(table, Path("test.toml"))


def names_of(references):
    return [reference.rpartition(".")[2].removesuffix(":METER") for reference in references]


def test_a_profile_that_names_nothing_gets_every_meter():
    assert sorted(meters_for(profile())) == sorted(meter_references().values())


def test_a_profile_gets_the_meters_it_names_and_the_default_of_what_it_leaves_out():
    asked = profile(temperature=["thermal:x"], frequency=["cpufreq:policy0"], power=["hwmon:ina3221/VDD_IN"])
    assert names_of(meters_for(asked)) == ["host", "thermal", "cpufreq", "hwmon", "cooling", "nvml"]


def test_a_profile_that_names_all_gets_no_more():
    asked = profile(temperature=["thermal:x"], frequency=["thermal:x"], power=["rapl:x"], throttle=["thermal:x"])
    assert names_of(meters_for(asked)) == ["host", "thermal", "rapl"]


def test_a_meter_that_is_not_registered_is_left_out_and_told():
    asked = profile(power=["rpi:pmic_read_adc"])
    assert "rpi" not in names_of(meters_for(asked))
    assert missing(asked, NAMES) == {
        "rpi:pmic_read_adc": "no meter is called 'rpi'; there are: cooling, cpufreq, host, hwmon, nvml, rapl, thermal"
    }


@pytest.mark.parametrize(
    ("key", "text", "found"),
    [
        ("temperature", "thermal:gpu-thermal", ["temperature_c.gpu-thermal"]),
        (
            "temperature",
            "thermal:cpu-thermal",
            ["temperature_c.cpu-thermal", "temperature_c.cpu-thermal.thermal_zone3"],
        ),
        ("temperature", "thermal:*-thermal", [name for name in NAMES if "-thermal" in name]),
        ("temperature", "hwmon:coretemp", ["temperature_c.coretemp/Package_id_0", "temperature_c.coretemp/Core_0"]),
        ("temperature", "hwmon:coretemp/Package id 0", ["temperature_c.coretemp/Package_id_0"]),
        ("frequency", "cpufreq:policy0", ["frequency_hz.policy0", "frequency_max_hz.policy0"]),
        ("power", "rapl:package-0", ["energy_j.package-0"]),
        ("throttle", "nvml:gpu0", ["throttled.gpu0.hw_slowdown", "throttled.gpu0.sw_power_cap", "cooling_state.gpu0"]),
    ],
)
def test_a_name_of_a_profile_finds_its_sensors(key, text, found):
    assert list(sensors_for(profile(**{key: [text]}), NAMES)) == found


def test_what_is_not_there_is_told_with_what_is():
    asked = profile(frequency=["cpufreq:policy9", "cpufreq:policy4"], power=["hwmon:ina3221/VDD_IN"])
    assert missing(asked, NAMES) == {
        "cpufreq:policy9": "no frequency sensor is called 'policy9' here; there are: policy0, policy4",
        "hwmon:ina3221/VDD_IN": "no power sensor is called 'ina3221/VDD_IN' here; there are: package-0, package-0/core",
    }


def test_a_glob_asks_for_what_is_there():
    assert missing(profile(temperature=["thermal:*"]), ()) == {}


@pytest.mark.parametrize("text", ["thermal", "thermal:", ":cpu", "thermal: "])
def test_a_name_of_another_form_is_refused_by_file_and_key(text):
    with pytest.raises(UsageError, match=r"test\.toml: telemetry\.power names .* not METER:SENSOR"):
        wanted(profile(power=[text]))


def test_the_profiles_of_this_package_name_sensors_in_the_right_form():
    for one in load_profiles().values():
        wanted(one)


def test_without_entry_points_nothing_is_read(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [])
    assert meters_for(profile()) == ()
