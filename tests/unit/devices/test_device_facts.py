"""Facts and conditions, read from small folders that stand for the root of a machine, and from this one."""

import os
from pathlib import Path

import pytest

from pytest_edgert.devices.facts import conditions, read_facts

XEON = """processor\t: 0
model name\t: Intel(R) Xeon(R) Gold
flags\t\t: fpu avx2 avx512f avx512_vnni amx_int8 {more}

processor\t: 1
model name\t: another
"""
ARM = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd asimdhp fphp asimddp
CPU implementer\t: 0x41
CPU part\t: {part}
"""


@pytest.fixture
def machine(tmp_path):
    def write(files):
        for path, text in files.items():
            target = tmp_path / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return tmp_path

    return write


def test_nothing_told_is_none_and_never_zero(tmp_path):
    facts = read_facts(tmp_path)
    untold = ("board", "cpu_features", "cores_quota", "memory_bytes", "governor", "frequency_hz", "virtualised")
    assert {facts[name] for name in untold} == {None}
    assert set(conditions(tmp_path).values()) == {None}


def test_this_machine_tells_its_system_and_its_cores():
    facts = read_facts()
    assert facts["os"] == "linux"
    assert facts["arch"] == os.uname().machine
    assert facts["kernel"] == os.uname().release
    assert facts["cores_usable"] == len(os.sched_getaffinity(0))
    assert facts["memory_bytes"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_facts_are_plain_values():
    values = [*read_facts().values(), *conditions().values()]
    assert {type(value) for value in values} <= {str, int, float, bool, type(None)}


def test_the_first_block_of_an_x86_cpuinfo_counts(machine):
    facts = read_facts(machine({"/proc/cpuinfo": XEON.format(more="")}))
    assert facts["cpu_model"] == "Intel(R) Xeon(R) Gold"
    assert facts["cpu_features"] == "avx2 avx512f avx512_vnni amx_int8"


@pytest.mark.parametrize(("more", "virtual"), [("hypervisor", True), ("", False)])
def test_x86_tells_whether_a_hypervisor_runs_below(machine, more, virtual):
    assert read_facts(machine({"/proc/cpuinfo": XEON.format(more=more)}))["virtualised"] is virtual


@pytest.mark.parametrize(("part", "model"), [("0xd0b", "Arm Cortex-A76"), ("0xfff", "Arm part 0xfff")])
def test_an_arm_core_is_named_by_its_part(machine, part, model):
    facts = read_facts(machine({"/proc/cpuinfo": ARM.format(part=part)}))
    assert facts["cpu_model"] == model
    assert facts["cpu_features"] == "neon fp16 dotprod"


def test_a_device_tree_names_the_board_without_its_nul(machine):
    root = machine({"/proc/device-tree/model": "Raspberry Pi 5\0", "/sys/class/dmi/id/product_name": "other"})
    assert read_facts(root)["board"] == "Raspberry Pi 5"


def test_dmi_names_the_board_by_maker_and_product(machine):
    root = machine({"/sys/class/dmi/id/sys_vendor": "Dell Inc.\n", "/sys/class/dmi/id/product_name": "XPS 13\n"})
    assert read_facts(root)["board"] == "Dell Inc. XPS 13"


def test_frequencies_are_hertz(machine):
    policy = "/sys/devices/system/cpu/cpufreq/policy0"
    root = machine({f"{policy}/scaling_cur_freq": "1500000\n", f"{policy}/scaling_governor": "performance\n"})
    facts = read_facts(root)
    assert (facts["frequency_hz"], facts["governor"]) == (1_500_000_000, "performance")


def test_memory_is_bytes(machine):
    assert (
        read_facts(machine({"/proc/meminfo": "MemTotal:        8000 kB\nMemFree: 1 kB\n"}))["memory_bytes"] == 8192000
    )


def test_the_system_is_named_as_people_know_it(machine):
    assert read_facts(machine({"/etc/os-release": 'ID=debian\nPRETTY_NAME="Debian 12"\n'}))["os_name"] == "Debian 12"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"/proc/self/cgroup": "0::/a/b", "/sys/fs/cgroup/a/cpu.max": "150000 100000"}, 1.5),
        (
            {
                "/proc/self/cgroup": "0::/a",
                "/sys/fs/cgroup/a/cpu.max": "max 100000",
                "/sys/fs/cgroup/cpu.max": "50000 100000",
            },
            0.5,
        ),
        ({"/proc/self/cgroup": "0::/", "/sys/fs/cgroup/cpu.max": "max 100000"}, None),
        (
            {
                "/proc/self/cgroup": "4:cpu,cpuacct:/a",
                "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "200000",
                "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
            },
            2.0,
        ),
        (
            {
                "/proc/self/cgroup": "4:cpu:/",
                "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            None,
        ),
    ],
)
def test_the_tightest_quota_of_the_control_groups_counts(machine, files, cores):
    assert read_facts(machine(files))["cores_quota"] == cores


def test_conditions_tell_load_and_every_zone_in_degrees(machine):
    zones = "/sys/class/thermal/thermal_zone"
    root = machine(
        {
            "/proc/loadavg": "0.50 0.40 0.30 1/100 999\n",
            f"{zones}0/type": "cpu-thermal\n",
            f"{zones}0/temp": "45500\n",
            f"{zones}1/type": "gpu-thermal\n",
            f"{zones}2/type": "cpu-thermal\n",
            f"{zones}2/temp": "40000\n",
        }
    )
    readings = conditions(root)
    assert readings["load_1min"] == 0.5
    assert readings["temperature_c.cpu-thermal"] == 45.5
    assert readings["temperature_c.gpu-thermal"] is None
    assert readings["temperature_c.cpu-thermal.thermal_zone2"] == 40.0


def test_an_unreadable_sensor_is_none(machine):
    root = machine({"/sys/class/thermal/thermal_zone0/type": "cpu\n"})
    Path(root, "sys/class/thermal/thermal_zone0/temp").mkdir()
    assert conditions(root)["temperature_c.cpu"] is None
