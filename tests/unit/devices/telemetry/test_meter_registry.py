import importlib.metadata
from importlib.metadata import EntryPoint

import pytest

from pytest_edgert.devices.telemetry.registry import GROUP, load_meter, meter_references
from pytest_edgert.errors import UsageError


def test_the_meters_of_this_package_are_registered():
    assert list(meter_references()) == ["cooling", "cpufreq", "host", "hwmon", "nvml", "rapl", "thermal"]


def test_two_meters_of_one_name_are_refused_by_both_references(monkeypatch):
    points = [EntryPoint("mine", "a:METER", GROUP), EntryPoint("mine", "b:METER", GROUP)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    with pytest.raises(UsageError, match=r"'mine': a:METER .* b:METER"):
        meter_references()


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("no_such_module:METER", "cannot be loaded: ModuleNotFoundError"),
        ("pytest_edgert.devices.telemetry.thermal:NONE", "cannot be loaded: AttributeError"),
        ("pytest_edgert.clock:monotonic_ns", "is not a meter: it has no name, sensors, open"),
        ("", "cannot be loaded: ValueError"),
    ],
)
def test_what_is_no_meter_is_refused_in_words(reference, said):
    with pytest.raises(UsageError, match=said):
        load_meter(reference)
