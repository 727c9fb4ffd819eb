"""The form of a profile: what is read, and what is refused with file, key and remedy."""

import re
from pathlib import Path

import pytest

from pytest_edgert.devices.schema import Accelerator, ZoneLimit, read_profile
from pytest_edgert.errors import UsageError

PATH = Path("boards/board.toml")
LEAST = {"schema": 1, "id": "board", "title": "A board"}
FULL = {
    **LEAST,
    "aliases": ["b1"],
    "arch": "aarch64",
    "os": "linux",
    "match": {"file": {"/proc/device-tree/model": "*Board*"}, "any_file": ["/dev/a", "/dev/b"], "pci": ["1e60:2864"]},
    "accelerator": [
        {
            "name": "hailo",
            "kind": "npu",
            "probe": "hailo",
            "exclusive": True,
            "runtimes": ["hailort"],
            "expect": {"device_architecture": "HAILO8L"},
            "version_pins": {"hailort": ">=4.18,<5"},
        }
    ],
    "conditions": {
        "power_mode": {"probe": "nvpmodel -q", "equals": "15W"},
        "max_start_temp": {"zone": "tj-thermal", "celsius": 55},
        "max_load1": 1,
        "cooldown_timeout": "180s",
    },
    "telemetry": {"temperature": ["thermal:cpu"], "interval": "100ms"},
    "invalidate": {"throttle_events": {"oc1_event_cnt": 0}, "rpi_throttled_mask": 15},
    "measure": {"warmup": 20, "min_time": "3s", "clock": "device"},
    "transport": {"kinds": ["local", "ssh"], "workdir": "/opt/edgert"},
    "recovery": {"health": ["file:/dev/a"], "reset": ["reboot"]},
}


def test_the_least_profile_matches_any_system_and_is_reached_locally():
    profile = read_profile(LEAST, PATH)
    assert (profile.arch, profile.os, profile.match.rules) == ("", "", 0)
    assert profile.transport.kinds == ("local",)


def test_a_full_profile_is_read_into_frozen_values():
    profile = read_profile(FULL, PATH)
    assert profile.path == PATH
    assert profile.names == ("board", "b1")
    assert profile.accelerator == (
        Accelerator(
            name="hailo",
            kind="npu",
            probe="hailo",
            runtimes=("hailort",),
            exclusive=True,
            expect={"device_architecture": "HAILO8L"},
            version_pins={"hailort": ">=4.18,<5"},
        ),
    )
    assert profile.conditions.max_start_temp == ZoneLimit("tj-thermal", 55.0)


def test_durations_are_read_into_seconds():
    profile = read_profile(FULL, PATH)
    assert profile.conditions.cooldown_timeout_s == 180.0
    assert profile.telemetry.interval_s == pytest.approx(0.1)
    assert profile.measure.min_time_s == 3.0


def test_a_whole_number_stands_for_a_number():
    assert read_profile(FULL, PATH).conditions.max_load1 == 1.0


def test_rules_are_counted_for_specificity():
    assert read_profile(FULL, PATH).match.rules == 3


@pytest.mark.parametrize(
    ("table", "key", "right"),
    [
        ({"alias": ["x"]}, "alias", "aliases"),
        ({"conditions": {"cpu_govenor": "performance"}}, "conditions.cpu_govenor", "cpu_governor"),
        ({"accelerator": [{"name": "g", "kind": "gpu", "prob": "x"}]}, "accelerator[0].prob", "probe"),
        (
            {"conditions": {"max_start_temp": {"zone": "t", "celcius": 1}}},
            "conditions.max_start_temp.celcius",
            "celsius",
        ),
        ({"telemetry": {"interval_s": "1s"}}, "telemetry.interval_s", "interval"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_right_one(table, key, right):
    with pytest.raises(UsageError, match=re.escape(f"{PATH}: unknown key {key!r}. Did you mean {right!r}?")):
        read_profile({**LEAST, **table}, PATH)


def test_an_unknown_key_near_to_nothing_lists_the_known_ones():
    with pytest.raises(UsageError, match="Known keys here: health, reset"):
        read_profile({**LEAST, "recovery": {"zzz": 1}}, PATH)


def test_the_path_is_no_key_of_a_profile():
    with pytest.raises(UsageError, match="unknown key 'path'"):
        read_profile({**LEAST, "path": "x"}, PATH)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"title": 3}, "key 'title' is 3, wanted a text"),
        ({"aliases": "b1"}, "key 'aliases' is 'b1', wanted a list"),
        ({"aliases": [1]}, "key 'aliases[0]' is 1, wanted a text"),
        ({"os": "Linux"}, "key 'os' is 'Linux', wanted one of linux, android"),
        ({"match": []}, "key 'match' is [], wanted a table"),
        ({"match": {"file": "x"}}, "key 'match.file' is 'x', wanted a table"),
        ({"measure": {"warmup": 2.5}}, "key 'measure.warmup' is 2.5, wanted a whole number"),
        ({"measure": {"warmup": True}}, "key 'measure.warmup' is True, wanted a whole number"),
        ({"measure": {"clock": "link"}}, "key 'measure.clock' is 'link', wanted one of device"),
        ({"conditions": {"charging": 1}}, "key 'conditions.charging' is 1, wanted true or false"),
        (
            {"conditions": {"cooldown_timeout": 180}},
            "key 'conditions.cooldown_timeout' is 180, wanted a text with a unit",
        ),
        ({"accelerator": [{"kind": "cpu"}]}, "key 'accelerator[0].name' is missing"),
        (
            {"accelerator": [{"name": "x", "kind": "fpga"}]},
            "key 'accelerator[0].kind' is 'fpga', wanted one of cpu, gpu",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_wanted(table, said):
    with pytest.raises(UsageError, match=re.escape(f"{PATH}: {said}")):
        read_profile({**LEAST, **table}, PATH)


def test_a_wrong_duration_names_file_and_key():
    with pytest.raises(UsageError, match=re.escape(f"{PATH}: key 'measure.min_time': '5parsec'")):
        read_profile({**LEAST, "measure": {"min_time": "5parsec"}}, PATH)


@pytest.mark.parametrize("schema", [None, 2, "1"])
def test_another_schema_is_refused(schema):
    with pytest.raises(UsageError, match="this version reads schema 1"):
        read_profile({**LEAST, "schema": schema}, PATH)


@pytest.mark.parametrize("key", ["id", "title"])
def test_a_missing_key_is_named(key):
    with pytest.raises(UsageError, match=f"key '{key}' is missing"):
        read_profile({k: v for k, v in LEAST.items() if k != key}, PATH)
