"""The clocks of the CPU: ``/sys/devices/system/cpu/cpufreq/policy*/{scaling_cur_freq,scaling_max_freq}``, in kHz.

Source: Documentation/admin-guide/pm/cpufreq.rst of Linux, "Policy Interface in sysfs". The maximum is the policy's,
which falls while the kernel cools by clocks. Where the hardware scales by itself, the current frequency is the
driver's last request or a mean, not a measured clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_edgert.devices.telemetry.files import FileMeter, FileSensor, exists, folders


def _policies(sysroot: Path) -> Sequence[FileSensor]:
    return [one for folder in folders(sysroot, "/sys/devices/system/cpu/cpufreq", "policy*") for one in _clocks(folder)]


def _clocks(folder: Path) -> Iterator[FileSensor]:
    for quantity, file in (("frequency_hz", "scaling_cur_freq"), ("frequency_max_hz", "scaling_max_freq")):
        if exists(folder / file):
            yield FileSensor(f"{quantity}.{folder.name}", folder / file, times=1000)


METER = FileMeter(
    "cpufreq",
    _policies,
    "The kernel tells no clock of the CPU (/sys/devices/system/cpu/cpufreq/policy*).",
    "A virtual machine has none; on a board the kernel needs CONFIG_CPU_FREQ and the driver of its clocks.",
)
