"""What shows that a device is being cooled: the states of cooling devices, and the throttle counts of x86.

Sources: ``/sys/class/thermal/cooling_device*/{type,cur_state}``, 0 when it rests, in Documentation/ABI/testing/
sysfs-class-thermal of Linux; ``/sys/devices/system/cpu/cpu*/thermal_throttle/{core,package}_throttle_count``, counted
since boot, in arch/x86 (drivers/thermal/intel/therm_throt.c). Threads of one core, and cores of one package, show one
count: it is read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_edgert.devices.telemetry.files import FileMeter, FileSensor, exists, folders, number_of, text_of
from pytest_edgert.devices.telemetry.quantities import as_place, tell_apart


def _coolers(sysroot: Path) -> Sequence[FileSensor]:
    return [*_devices(sysroot), *_throttle_counts(sysroot)]


def _devices(sysroot: Path) -> Iterator[FileSensor]:
    found = folders(sysroot, "/sys/class/thermal", "cooling_device*")
    places = [as_place(text_of(folder / "type"), folder.name) for folder in found]
    names = tell_apart((f"cooling_state.{place}", folder.name) for place, folder in zip(places, found, strict=True))
    for name, folder in zip(names, found, strict=True):
        yield FileSensor(name, folder / "cur_state")


def _throttle_counts(sysroot: Path) -> Iterator[FileSensor]:
    cores: set[str] = set()
    packages: set[int] = set()
    for cpu in folders(sysroot, "/sys/devices/system/cpu", "cpu[0-9]*"):
        counts, topology = cpu / "thermal_throttle", cpu / "topology"
        threads = text_of(topology / "thread_siblings_list") or cpu.name
        if exists(counts / "core_throttle_count") and threads not in cores:
            cores.add(threads)
            yield FileSensor(f"throttle_count.{cpu.name}", counts / "core_throttle_count")
        package = number_of(topology / "physical_package_id") or 0
        if exists(counts / "package_throttle_count") and package not in packages:
            packages.add(package)
            yield FileSensor(f"throttle_count.package-{package}", counts / "package_throttle_count")


METER = FileMeter(
    "cooling",
    _coolers,
    "There is neither a cooling device (/sys/class/thermal/cooling_device*) nor a count of throttling "
    "(/sys/devices/system/cpu/cpu*/thermal_throttle).",
    "A virtual machine has none; what throttles is then not seen from inside.",
)
