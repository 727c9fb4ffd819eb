"""Meters are asked in a worker, and one that crashes it costs only itself."""

from pathlib import Path

import pytest

from pytest_edgert.probing import probe_meters

HOST = "pytest_edgert.devices.telemetry.host:METER"


@pytest.fixture(autouse=True)
def _odd_meters(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "worker"))


def test_meters_are_told_in_order_with_a_reading():
    first, second = probe_meters(["odd_meter:METER", HOST])
    assert first.readings == {"temperature_c.odd": 40.5, "power_w.odd": None}
    assert second.readings["rss_bytes.process"] > 0


@pytest.mark.slow
def test_a_meter_that_crashes_its_worker_says_so_and_the_others_are_read():
    good, crashing, host = probe_meters(["odd_meter:METER", "odd_meter:CRASHING", HOST])
    assert good.readings
    assert host.readings
    assert crashing.meter == "odd_meter:CRASHING"
    assert "SIGSEGV" in crashing.reason
