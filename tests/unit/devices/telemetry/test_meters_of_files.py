"""The meters whose sensors are files: names, units, and what they make of a hostile sysfs. Trees: contract/meter_trees."""

import contextlib
import errno
import os
import tempfile
from pathlib import Path

import pytest

from pytest_edgert.devices.telemetry import cooling, cpufreq, files, hwmon, rapl, thermal
from pytest_edgert.records import PresenceState

ZONE = "/sys/class/thermal/thermal_zone"
RAPL = "/sys/class/powercap/intel-rapl"
HWMON = "/sys/class/hwmon/hwmon"
CPU = "/sys/devices/system/cpu/cpu"


@pytest.fixture
def machine(tmp_path):
    def write(tree):
        for path, text in tree.items():
            target = tmp_path / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(str(text))
        return tmp_path

    return write


def readings(meter, root):
    reader = meter.METER.open(root)
    found = reader.read()
    reader.close()
    return found


# Names and units


def test_thermal_zones_are_read_in_degrees_by_their_type(machine):
    root = machine({f"{ZONE}0/type": "cpu-thermal\n", f"{ZONE}0/temp": "45530\n", f"{ZONE}1/temp": "-1000\n"})
    assert readings(thermal, root) == {"temperature_c.cpu-thermal": 45.53, "temperature_c.thermal_zone1": -1.0}


def test_zones_of_one_type_are_told_apart_in_the_order_of_their_numbers(machine):
    tree = {f"{ZONE}{number}/type": "acpitz\n" for number in (0, 2, 10)}
    root = machine({**tree, **{f"{ZONE}{number}/temp": f"{number}000\n" for number in (0, 2, 10)}})
    assert readings(thermal, root) == {
        "temperature_c.acpitz": 0.0,
        "temperature_c.acpitz.thermal_zone2": 2.0,
        "temperature_c.acpitz.thermal_zone10": 10.0,
    }


def test_a_type_of_odd_characters_makes_a_name_without_blanks(machine):
    root = machine({f"{ZONE}0/type": " Sensör  1\0\n", f"{ZONE}0/temp": "1000\n"})
    assert list(readings(thermal, root)) == ["temperature_c.Sens_r_1"]


def test_clocks_are_read_in_hertz_by_their_policy(machine):
    folder = "/sys/devices/system/cpu/cpufreq/policy"
    root = machine({f"{folder}0/scaling_cur_freq": 1500000, f"{folder}0/scaling_max_freq": 2400000})
    assert readings(cpufreq, root) == {"frequency_hz.policy0": 1.5e9, "frequency_max_hz.policy0": 2.4e9}


def test_cooling_devices_tell_their_step(machine):
    folder = "/sys/class/thermal/cooling_device"
    root = machine({f"{folder}0/type": "pwm-fan", f"{folder}0/cur_state": "2\n"})
    assert readings(cooling, root) == {"cooling_state.pwm-fan": 2.0}


def test_throttle_counts_are_read_once_a_core_and_once_a_package(machine):
    tree = {}
    for number, (siblings, package) in enumerate([("0,2", 0), ("1,3", 1), ("0,2", 0), ("1,3", 1)]):
        tree[f"{CPU}{number}/thermal_throttle/core_throttle_count"] = 10 + number
        tree[f"{CPU}{number}/thermal_throttle/package_throttle_count"] = 20 + number
        tree[f"{CPU}{number}/topology/thread_siblings_list"] = siblings
        tree[f"{CPU}{number}/topology/physical_package_id"] = package
    assert readings(cooling, machine(tree)) == {
        "throttle_count.cpu0": 10.0,
        "throttle_count.package-0": 20.0,
        "throttle_count.cpu1": 11.0,
        "throttle_count.package-1": 21.0,
    }


def test_without_topology_every_cpu_counts(machine):
    root = machine({f"{CPU}{number}/thermal_throttle/core_throttle_count": number for number in range(3)})
    assert readings(cooling, root) == {f"throttle_count.cpu{number}": float(number) for number in range(3)}


# hwmon


def test_chips_go_by_their_name_and_label_and_not_by_their_number(machine):
    root = machine(
        {f"{HWMON}7/name": "coretemp", f"{HWMON}7/temp1_label": "Package id 0", f"{HWMON}7/temp1_input": 61000}
    )
    assert readings(hwmon, root) == {"temperature_c.coretemp/Package_id_0": 61.0}


def test_a_channel_without_label_goes_by_its_file(machine):
    root = machine({f"{HWMON}0/name": "ina238", f"{HWMON}0/power1_input": 4250000, f"{HWMON}0/energy1_input": 5000000})
    assert readings(hwmon, root) == {"energy_j.ina238/energy1": 5.0, "power_w.ina238/power1": 4.25}


def test_power_now_counts_before_its_mean_and_a_mean_before_nothing(machine):
    root = machine(
        {
            f"{HWMON}0/name": "amdgpu",
            f"{HWMON}0/power1_average": 1000000,
            f"{HWMON}0/power1_input": 2000000,
            f"{HWMON}0/power2_average": 3000000,
        }
    )
    assert readings(hwmon, root) == {"power_w.amdgpu/power1": 2.0, "power_w.amdgpu/power2": 3.0}


def test_chips_of_one_name_go_by_the_address_of_their_device_whatever_their_number(machine):
    def booted(numbers):
        root = machine({})
        for number, address in zip(numbers, ("1-0041", "1-0040"), strict=True):
            device = root / "sys/bus/i2c/devices" / address
            device.mkdir(parents=True, exist_ok=True)
            root = machine(
                {f"{HWMON}{number}/name": "ina3221", f"{HWMON}{number}/power1_input": f"{address[-1]}000000"}
            )
            link = root / f"sys/class/hwmon/hwmon{number}/device"
            with contextlib.suppress(FileNotFoundError):
                link.unlink()
            link.symlink_to(device)
        return readings(hwmon, root)

    expected = {"power_w.ina3221/power1": 0.0, "power_w.ina3221/power1.1-0041": 1.0}
    assert booted((0, 1)) == expected
    assert booted((1, 0)) == expected


def test_two_channels_of_one_label_are_told_apart(machine):
    tree = {f"{HWMON}0/name": "nvme"}
    for number in (1, 2, 3):
        tree |= {f"{HWMON}0/temp{number}_label": "Sensor", f"{HWMON}0/temp{number}_input": number * 1000}
    assert sorted(readings(hwmon, machine(tree)).values()) == [1.0, 2.0, 3.0]


def test_what_is_no_reading_of_a_chip_is_left_alone(machine):
    root = machine(
        {f"{HWMON}0/name": "x", f"{HWMON}0/temp1_max": 1, f"{HWMON}0/in0_input": 1, f"{HWMON}0/temp1_average": 1}
    )
    assert readings(hwmon, root) == {}


# RAPL


def rapl_zone(number, name, energy, span=1_000_000):
    return {
        f"{RAPL}:{number}/name": name,
        f"{RAPL}:{number}/energy_uj": energy,
        f"{RAPL}:{number}/max_energy_range_uj": span,
    }


def test_zones_are_joules_and_a_part_is_named_behind_its_whole(machine):
    root = machine({**rapl_zone("0", "package-0", 2_500_000, 10**9), **rapl_zone("0:1", "dram", 250_000)})
    assert readings(rapl, root) == {"energy_j.package-0": 2.5, "energy_j.package-0/dram": 0.25}


def test_the_second_driver_of_a_package_is_not_counted_again(machine):
    other = {
        path.replace("intel-rapl:", "intel-rapl-mmio:"): text for path, text in rapl_zone("0", "package-0", 5).items()
    }
    root = machine({**rapl_zone("0", "package-0", 1_000_000), **other})
    assert readings(rapl, root) == {"energy_j.package-0": 1.0}


def test_a_counter_that_wraps_goes_on(machine):
    root = machine(rapl_zone("0", "package-0", 900_000))
    reader = rapl.METER.open(root)
    told = [reader.read()["energy_j.package-0"]]
    for energy in (100_000, 800_000, 50_000):
        machine(rapl_zone("0", "package-0", energy))
        told.append(reader.read()["energy_j.package-0"])
    assert told == pytest.approx([0.9, 1.1, 1.8, 2.05])
    assert reader.troubles() == {}


def test_a_counter_that_goes_back_by_other_than_its_wrap_is_none_from_then_on_and_told(machine):
    root = machine(rapl_zone("0", "package-0", 500_000))
    reader = rapl.METER.open(root)
    told = []
    for energy in (500_000, 400_000, 600_000):
        machine(rapl_zone("0", "package-0", energy))
        told.append(reader.read()["energy_j.package-0"])
    assert told == [0.5, None, None]
    assert "went back from 0.5 to 0.4" in reader.troubles()["energy_j.package-0"]


def test_without_a_range_every_step_back_is_told(machine):
    root = machine(rapl_zone("0", "package-0", 900_000, "unknown"))
    reader = rapl.METER.open(root)
    reader.read()
    machine(rapl_zone("0", "package-0", 1_000))
    assert reader.read() == {"energy_j.package-0": None}
    assert reader.troubles()


def test_a_reading_beyond_the_range_is_none_and_the_next_counts_again(machine):
    root = machine(rapl_zone("0", "package-0", 900_000))
    reader = rapl.METER.open(root)
    told = []
    for energy in (900_000, 2_000_000, 950_000):
        machine(rapl_zone("0", "package-0", energy))
        told.append(reader.read()["energy_j.package-0"])
    assert told == [0.9, None, 0.95]


@contextlib.contextmanager
def nobody():
    """Be nobody where the tests are root, so that the kernel really refuses."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_energy_that_only_root_may_read_says_so_and_how_to_get_it():
    with tempfile.TemporaryDirectory() as folder:  # Not tmp_path, whose parents are closed to others.
        root = Path(folder)
        root.chmod(0o755)
        for path, text in rapl_zone("0", "package-0", 5).items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(str(text))
        (root / f"{RAPL}:0/energy_uj".lstrip("/")).chmod(0o000)
        with nobody():
            (told,) = rapl.METER.sensors(root)
            assert readings(rapl, root) == {}
    assert (told.name, told.state) == ("energy_j.package-0", PresenceState.UNUSABLE)
    assert "Permission denied" in told.reason
    assert "chmod a+r" in told.remedy
    assert "CVE-2020-8694" in told.remedy


# A hostile sysfs


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EINVAL, errno.EIO, errno.ENODATA])
def test_a_sensor_that_sleeps_is_none_and_reads_again_when_it_wakes(machine, monkeypatch, number):
    root = machine({f"{ZONE}0/type": "gpu", f"{ZONE}0/temp": "40000\n"})
    reader = thermal.METER.open(root)
    honest = files.raw

    def asleep(path, longest):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "raw", asleep)
    assert reader.read() == {"temperature_c.gpu": None}
    monkeypatch.setattr(files, "raw", honest)
    assert reader.read() == {"temperature_c.gpu": 40.0}
    assert reader.troubles() == {}


def test_a_sensor_that_sleeps_at_first_is_opened_all_the_same_and_told_unusable(machine):
    root = machine({f"{ZONE}0/type": "gpu", f"{ZONE}0/temp": ""})
    (told,) = thermal.METER.sensors(root)
    assert (told.state, told.name) == (PresenceState.UNUSABLE, "temperature_c.gpu")
    assert "no whole number" in told.reason
    reader = thermal.METER.open(root)
    machine({f"{ZONE}0/temp": "41000\n"})
    assert reader.read() == {"temperature_c.gpu": 41.0}


def test_a_sensor_that_vanished_stays_none_and_is_told(machine):
    root = machine({f"{ZONE}0/type": "gpu", f"{ZONE}0/temp": "40000\n"})
    reader = thermal.METER.open(root)
    Path(root, f"{ZONE}0/temp".lstrip("/")).unlink()
    assert reader.read() == {"temperature_c.gpu": None}
    machine({f"{ZONE}0/temp": "40000\n"})
    assert reader.read() == {"temperature_c.gpu": None}
    assert "vanished" in reader.troubles()["temperature_c.gpu"]


@pytest.mark.parametrize(
    "text", ["-274000", "-60001", "200001", "2147483647", "1e4", "４０", "4_0", "+40", "40 C", "N/A"]
)
def test_a_temperature_that_cannot_be_is_none(machine, text):
    root = machine({f"{ZONE}0/type": "x", f"{ZONE}0/temp": f"{text}\n"})
    assert readings(thermal, root) == {"temperature_c.x": None}


@pytest.mark.parametrize("text", ["-60000", "200000", "0"])
def test_a_temperature_at_the_edge_of_what_can_be_counts(machine, text):
    root = machine({f"{ZONE}0/type": "x", f"{ZONE}0/temp": text})
    assert readings(thermal, root) == {"temperature_c.x": int(text) / 1000}


@pytest.mark.parametrize("file", ["power1_input", "energy1_input"])
def test_negative_power_and_energy_are_none(machine, file):
    root = machine({f"{HWMON}0/name": "x", f"{HWMON}0/{file}": "-5000000"})
    assert set(readings(hwmon, root).values()) == {None}


def test_energy_of_more_digits_than_a_counter_has_is_none(machine):
    root = machine({f"{HWMON}0/name": "x", f"{HWMON}0/energy1_input": "9" * 60})
    assert readings(hwmon, root) == {"energy_j.x/energy1": None}


def test_a_pipe_in_place_of_a_sensor_does_not_hang(machine):
    root = machine({f"{ZONE}0/type": "x"})
    os.mkfifo(root / f"{ZONE}0/temp".lstrip("/"))
    assert readings(thermal, root) == {"temperature_c.x": None}
