"""The chips of hwmon: temperatures, power and energy by the chip's name and the channel's label.

Source: Documentation/hwmon/sysfs-interface.rst and Documentation/ABI/testing/sysfs-class-hwmon of Linux:
``temp*_input`` in thousandths of a degree, ``power*_input`` (now) or ``power*_average`` in microwatts, ``energy*_input``
in microjoules. The number in ``hwmonN`` moves from boot to boot, so a chip goes by its name; of several chips of one
name the first by the address of its device keeps it, the others get theirs behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_edgert.devices.telemetry.files import FileMeter, FileSensor, exists, folders, text_of
from pytest_edgert.devices.telemetry.quantities import as_place, tell_apart

_CHANNEL = re.compile(r"(?P<kind>temp|power|energy)(?P<number>\d+)_(?P<what>input|average)")
_QUANTITY = {"temp": ("temperature_c", 1000), "power": ("power_w", 1_000_000), "energy": ("energy_j", 1_000_000)}


def _chips(sysroot: Path) -> Sequence[FileSensor]:
    found = sorted((_address(chip), chip) for chip in folders(sysroot, "/sys/class/hwmon", "hwmon*"))
    channels = [(address, chip, file) for address, chip in found for file in _channels(chip)]
    names = tell_apart((_name(chip, file), address) for address, chip, file in channels)
    return [
        FileSensor(name, file, over=_QUANTITY[_parts(file)[0]][1])
        for name, (_, _, file) in zip(names, channels, strict=True)
    ]


def _address(chip: Path) -> str:
    """Return what stays from boot to boot: the address of the chip's device on its bus; else its number."""
    try:
        return (chip / "device").resolve(strict=True).name
    except (OSError, RuntimeError):  # RuntimeError is a loop of links, until Python 3.13
        return chip.name


def _channels(chip: Path) -> Iterator[Path]:
    """Give the files of a chip to read; power as it is now rather than its mean, where the chip tells both."""
    for file in folders(chip, "", "*_*"):
        found = _CHANNEL.fullmatch(file.name)
        if found is None or (found["what"] == "average" and found["kind"] != "power"):
            continue
        if found["what"] == "input" or not exists(file.with_name(f"power{found['number']}_input")):
            yield file


def _parts(file: Path) -> tuple[str, str]:
    kind, number, _ = re.split(r"(\d+)", file.name, maxsplit=1)
    return kind, number


def _name(chip: Path, file: Path) -> str:
    kind, number = _parts(file)
    label = as_place(text_of(chip / f"{kind}{number}_label"), f"{kind}{number}")
    return f"{_QUANTITY[kind][0]}.{as_place(text_of(chip / 'name'), chip.name)}/{label}"


METER = FileMeter(
    "hwmon",
    _chips,
    "No chip of hwmon tells a temperature, power or energy (/sys/class/hwmon/hwmon*).",
    "A virtual machine has none; on others the chip's driver is to be loaded, sensors-detect finds it.",
)
