"""Energy by RAPL: ``/sys/class/powercap/intel-rapl*:*/{name,energy_uj,max_energy_range_uj}``, in microjoules.

Source: Documentation/ABI/testing/sysfs-class-powercap and Documentation/power/powercap/powercap.rst of Linux; AMD's
processors show theirs under the same names. A subzone is part of its zone (``package-0/core``), and ``psys`` holds the
packages: never add what is inside to what holds it. The counter wraps at its range, after minutes to hours under load.
Since Linux 5.10 only root may read it (CVE-2020-8694: the readings can betray keys).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_edgert.devices.telemetry.files import FileMeter, FileSensor, exists, folders, number_of, text_of
from pytest_edgert.devices.telemetry.quantities import as_place, tell_apart

_FOLDER = "/sys/class/powercap"
_DENIED = (
    "Run as root, or let an administrator allow it until the next boot: chmod a+r /sys/class/powercap/*/energy_uj. "
    "Only root may since CVE-2020-8694: the readings can betray keys to other users of the machine."
)


def _zones(sysroot: Path) -> Sequence[FileSensor]:
    found = [folder for folder in folders(sysroot, _FOLDER, "*:*") if exists(folder / "energy_uj")]
    own = {folder.name: as_place(text_of(folder / "name"), folder.name) for folder in found}
    counted = [folder for folder in found if not _counted_elsewhere(folder.name, own)]
    names = tell_apart((f"energy_j.{_place(folder.name, own)}", folder.name) for folder in counted)
    return list(_sensors(names, counted))


def _sensors(names: Sequence[str], found: Sequence[Path]) -> Iterator[FileSensor]:
    for name, folder in zip(names, found, strict=True):
        span = number_of(folder / "max_energy_range_uj")
        wraps_at = span / 1_000_000 if span is not None and span > 0 else None
        yield FileSensor(name, folder / "energy_uj", over=1_000_000, wraps_at=wraps_at, denied=_DENIED)


def _place(zone: str, own: dict[str, str]) -> str:
    """Return a zone's place with that of the zone that holds it: "intel-rapl:0:1" lies in "intel-rapl:0"."""
    holder = zone.rpartition(":")[0]
    return f"{own[holder]}/{own[zone]}" if holder in own else own[zone]


def _counted_elsewhere(zone: str, own: dict[str, str]) -> bool:
    """Return whether the registers of a package are shown by a second driver too ("intel-rapl-mmio:0")."""
    driver, _, rest = zone.partition(":")
    return driver.endswith("-mmio") and own.get(f"{driver.removesuffix('-mmio')}:{rest}") == own[zone]


METER = FileMeter(
    "rapl",
    _zones,
    f"There is no energy counter of the processor ({_FOLDER}/intel-rapl*).",
    "It needs an x86 processor with RAPL, not virtual, and the module intel_rapl_msr: modprobe intel_rapl_msr.",
)
