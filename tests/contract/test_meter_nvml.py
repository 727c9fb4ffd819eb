"""NVML: the real package without a driver, and behaviour on a stand-in of its names and units."""

import os
import sys
from types import SimpleNamespace

import fake_nvml
import pytest

from pytest_edgert.devices.telemetry import nvml
from pytest_edgert.records import PresenceState

REASONS = ("sw_power_cap", "hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown")


@pytest.fixture
def driver(tmp_path):
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: 580\n")
    return tmp_path


@pytest.fixture
def gpu(monkeypatch):
    return fake_nvml.install(monkeypatch)


def told(root):
    return {one.name: one for one in nvml.METER.sensors(root)}


# The real package


@pytest.mark.parametrize("name", [figure.functions[0] for figure in nvml.FIGURES] + [nvml.REASONS[0], *nvml.PROCESSES])
def test_the_present_call_of_each_figure_is_in_the_real_package(name):
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed: pip install pytest-edgert[nvml]")
    assert callable(getattr(pynvml, name))


def test_every_constant_is_in_the_real_package_and_in_the_stand_in():
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed: pip install pytest-edgert[nvml]")
    names = [constant for figure in nvml.FIGURES for constant in figure.constants]
    names += ["NVML_ERROR_GPU_IS_LOST", "NVML_ERROR_UNINITIALIZED"]
    fake = fake_nvml.FakeNvml()
    assert {name: getattr(pynvml, name) for name in names} == {name: getattr(fake, name) for name in names}
    assert pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST).value == pynvml.NVML_ERROR_GPU_IS_LOST


def test_the_bits_of_the_reasons_are_those_of_the_real_package():
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed: pip install pytest-edgert[nvml]")
    real = {
        "sw_power_cap": pynvml.nvmlClocksEventReasonSwPowerCap,
        "hw_slowdown": pynvml.nvmlClocksEventReasonHwSlowdown,
        "sw_thermal_slowdown": pynvml.nvmlClocksEventReasonSwThermalSlowdown,
        "hw_thermal_slowdown": pynvml.nvmlClocksEventReasonHwThermalSlowdown,
        "hw_power_brake_slowdown": pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown,
    }
    assert dict(nvml.THROTTLES) == real


def test_the_real_package_without_its_library_is_unusable_with_its_own_words(driver):
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed: pip install pytest-edgert[nvml]")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        pass
    else:
        pynvml.nvmlShutdown()
        pytest.skip("a driver of NVIDIA is here")
    (one,) = nvml.METER.sensors(driver)
    assert (one.name, one.state) == ("*", PresenceState.UNUSABLE)
    assert "Shared Library Not Found" in one.reason
    assert "nvidia-smi" in one.remedy
    reader = nvml.METER.open(driver)
    assert reader.read() == {}
    reader.close()
    reader.close()


def test_without_a_driver_nothing_is_imported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    (one,) = nvml.METER.sensors(tmp_path)
    assert (one.state, one.reason) == (PresenceState.ABSENT, "There is no driver of NVIDIA on this machine.")
    assert nvml.METER.open(tmp_path).read() == {}


def test_a_driver_without_the_package_says_what_to_install(driver, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    (one,) = nvml.METER.sensors(driver)
    assert one.state is PresenceState.UNUSABLE
    assert one.remedy == 'pip install "pytest-edgert[nvml]"'


def test_another_package_of_that_name_is_refused(driver, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(__file__="/elsewhere/pynvml.py"))
    (one,) = nvml.METER.sensors(driver)
    assert "/elsewhere/pynvml.py" in one.reason


# The stand-in


def test_a_gpu_is_read_in_our_units(driver, gpu):
    readings = nvml.METER.open(driver).read()
    assert readings == {
        "temperature_c.gpu0": 54.0,
        "frequency_hz.gpu0/sm": 1.41e9,
        "frequency_max_hz.gpu0/sm": 1.98e9,
        "frequency_hz.gpu0/mem": 2.619e9,
        "frequency_max_hz.gpu0/mem": 2.619e9,
        "power_w.gpu0": 71.234,
        "energy_j.gpu0": 5000.5,
        **{f"throttled.gpu0.{reason}": 0.0 for reason in REASONS},
        "device_memory_bytes.gpu0": 512 * 2**20,
    }
    assert {name: one.state for name, one in told(driver).items()} == dict.fromkeys(readings, PresenceState.USABLE)


def test_idling_and_clocks_that_were_set_are_no_throttling(driver, gpu):
    gpu.answers["nvmlDeviceGetCurrentClocksEventReasons"] = lambda: 0x1 | 0x2 | 0x10 | 0x100
    readings = nvml.METER.open(driver).read()
    assert {readings[f"throttled.gpu0.{reason}"] for reason in REASONS} == {0.0}


@pytest.mark.parametrize(("bit", "reason"), list(zip((0x4, 0x8, 0x20, 0x40, 0x80), REASONS, strict=True)))
def test_each_reason_to_slow_down_is_told_by_its_name(driver, gpu, bit, reason):
    gpu.answers["nvmlDeviceGetCurrentClocksEventReasons"] = lambda: bit | 0x1
    readings = nvml.METER.open(driver).read()
    assert [name for name in REASONS if readings[f"throttled.gpu0.{name}"]] == [reason]


def test_a_sensor_that_answers_not_supported_is_absent_and_never_read(driver, gpu):
    gpu.answers["nvmlDeviceGetTotalEnergyConsumption"] = lambda: fake_nvml.NVMLError(fake_nvml.NOT_SUPPORTED)
    assert told(driver)["energy_j.gpu0"].state is PresenceState.ABSENT
    assert told(driver)["energy_j.gpu0"].reason == "NVML answers: Not Supported."
    readings = nvml.METER.open(driver).read()
    assert "energy_j.gpu0" not in readings
    assert readings["power_w.gpu0"] == 71.234


def test_an_older_driver_is_asked_by_its_older_calls(driver, gpu):
    gpu.answers["nvmlDeviceGetTemperatureV"] = lambda sensor: fake_nvml.NVMLError(fake_nvml.FUNCTION_NOT_FOUND)
    gpu.nvmlDeviceGetTemperature = lambda handle, sensor: 61
    del gpu.nvmlDeviceGetCurrentClocksEventReasons
    gpu.nvmlDeviceGetCurrentClocksThrottleReasons = lambda handle: 0x40
    readings = nvml.METER.open(driver).read()
    assert readings["temperature_c.gpu0"] == 61
    assert readings["throttled.gpu0.hw_thermal_slowdown"] == 1.0


def test_several_gpus_are_told_apart(driver, monkeypatch):
    fake_nvml.install(monkeypatch, gpus=2)
    assert {"temperature_c.gpu0", "temperature_c.gpu1"} <= set(nvml.METER.open(driver).read())


def test_memory_is_none_where_this_process_is_not_listed_or_its_use_not_told(driver, gpu):
    mine = SimpleNamespace(pid=os.getpid(), usedGpuMemory=None)
    for listed in ([SimpleNamespace(pid=1, usedGpuMemory=10**9)], [], [mine]):
        gpu.answers["nvmlDeviceGetComputeRunningProcesses"] = lambda listed=listed: listed
        assert nvml.METER.open(driver).read()["device_memory_bytes.gpu0"] is None


def test_a_gpu_that_is_lost_is_none_from_then_on_and_told(driver, gpu):
    reader = nvml.METER.open(driver)
    gpu.lost = True
    assert set(reader.read().values()) == {None}
    gpu.lost = False
    assert set(reader.read().values()) == {None}
    assert reader.troubles()["temperature_c.gpu0"] == "NVML answers: GPU is lost."


def test_one_refused_reading_is_none_and_the_next_counts(driver, gpu):
    reader = nvml.METER.open(driver)
    gpu.answers["nvmlDeviceGetPowerUsage"] = lambda: fake_nvml.NVMLError(999)
    assert reader.read()["power_w.gpu0"] is None
    gpu.answers["nvmlDeviceGetPowerUsage"] = lambda: 70_000
    assert reader.read()["power_w.gpu0"] == 70.0
    assert reader.troubles() == {}


def test_energy_that_goes_back_is_none_and_told(driver, gpu):
    reader = nvml.METER.open(driver)
    reader.read()
    gpu.answers["nvmlDeviceGetTotalEnergyConsumption"] = lambda: 10
    assert reader.read()["energy_j.gpu0"] is None
    assert "went back" in reader.troubles()["energy_j.gpu0"]


def test_implausible_answers_are_none(driver, gpu):
    gpu.answers["nvmlDeviceGetTemperatureV"] = lambda sensor: 255
    gpu.answers["nvmlDeviceGetPowerUsage"] = lambda: 2**32 - 1
    readings = nvml.METER.open(driver).read()
    assert (readings["temperature_c.gpu0"], readings["power_w.gpu0"]) == (None, None)


def test_nvml_is_held_open_once_a_reader_and_let_go_once(driver, gpu):
    first, second = nvml.METER.open(driver), nvml.METER.open(driver)
    assert gpu.opened == 2
    first.close()
    first.close()
    assert gpu.opened == 1
    second.close()
    nvml.METER.sensors(driver)
    assert gpu.opened == 0


def test_no_gpu_is_absent_with_a_reason(driver, monkeypatch):
    fake_nvml.install(monkeypatch, gpus=0)
    (one,) = nvml.METER.sensors(driver)
    assert (one.state, one.reason) == (PresenceState.ABSENT, "NVML knows no GPU with a sensor.")
