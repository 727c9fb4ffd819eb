"""The thermal zones of Linux: ``/sys/class/thermal/thermal_zone*/{type,temp}``, in thousandths of a degree.

Source: Documentation/ABI/testing/sysfs-class-thermal of Linux. A zone that sleeps answers EAGAIN or EINVAL.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_edgert.devices.telemetry.files import FileMeter, FileSensor, folders, text_of
from pytest_edgert.devices.telemetry.quantities import as_place, tell_apart


def _zones(sysroot: Path) -> Sequence[FileSensor]:
    zones = folders(sysroot, "/sys/class/thermal", "thermal_zone*")
    places = [as_place(text_of(zone / "type"), zone.name) for zone in zones]
    names = tell_apart((f"temperature_c.{place}", zone.name) for place, zone in zip(places, zones, strict=True))
    return [FileSensor(name, zone / "temp", over=1000) for name, zone in zip(names, zones, strict=True)]


METER = FileMeter(
    "thermal",
    _zones,
    "There is no thermal zone (/sys/class/thermal/thermal_zone*).",
    "A virtual machine has none; on a board the kernel needs CONFIG_THERMAL and the driver of its sensor.",
)
