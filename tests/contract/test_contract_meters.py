"""Every registered meter under the contract suite, each on the smallest tree in which it finds sensors."""

from __future__ import annotations

from pathlib import Path

import fake_nvml
import meter_trees
import pytest

from pytest_edgert.devices.telemetry.registry import load_meter, meter_references
from pytest_edgert.testing import MeterContract


class TestThermal(MeterContract):
    reference = "pytest_edgert.devices.telemetry.thermal:METER"
    tree = meter_trees.THERMAL


class TestCooling(MeterContract):
    reference = "pytest_edgert.devices.telemetry.cooling:METER"
    tree = meter_trees.COOLING


class TestCpufreq(MeterContract):
    reference = "pytest_edgert.devices.telemetry.cpufreq:METER"
    tree = meter_trees.CPUFREQ


class TestHwmon(MeterContract):
    reference = "pytest_edgert.devices.telemetry.hwmon:METER"
    tree = meter_trees.HWMON


class TestRapl(MeterContract):
    reference = "pytest_edgert.devices.telemetry.rapl:METER"
    tree = meter_trees.RAPL


class TestHost(MeterContract):
    reference = "pytest_edgert.devices.telemetry.host:METER"
    tree = meter_trees.HOST


class TestNvml(MeterContract):
    reference = "pytest_edgert.devices.telemetry.nvml:METER"
    tree = meter_trees.NVML

    @pytest.fixture(autouse=True)
    def _stand_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.nvml = fake_nvml.install(monkeypatch)

    def vanish(self, sysroot: Path) -> None:
        self.nvml.lost = True


def test_every_registered_meter_is_under_contract() -> None:
    contracts = [found for name, found in globals().items() if name.startswith("Test")]
    assert {contract.reference for contract in contracts} == set(meter_references().values())


def test_every_meter_is_registered_under_its_name() -> None:
    assert {name: load_meter(reference).name for name, reference in meter_references().items()} == {
        name: name for name in meter_references()
    }
