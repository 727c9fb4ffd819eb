"""What this machine says of itself, read from files below `sysroot`: facts that stay, and conditions that move.

None stands for "nothing tells", never 0. No subprocess and no vendor library: a whole pass takes a few
milliseconds. Where no ``/proc`` is (macOS, Windows) only what the standard library knows is told.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_edgert.contracts import Meter
from pytest_edgert.devices.match import below
from pytest_edgert.devices.telemetry import cpufreq, host, thermal
from pytest_edgert.records import Plain

#: CPU features that change the speed or the arithmetic of an inference: the kernel's word and ours.
_FEATURES: Mapping[str, str] = {
    "avx2": "avx2",
    "fma": "fma",
    "f16c": "f16c",
    "avx512f": "avx512f",
    "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16",
    "avx512_fp16": "avx512_fp16",
    "avx_vnni": "avx_vnni",
    "amx_tile": "amx_tile",
    "amx_int8": "amx_int8",
    "amx_bf16": "amx_bf16",
    "asimd": "neon",
    "fphp": "fp16",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "bf16": "bf16",
    "sve": "sve",
    "sve2": "sve2",
}

#: "CPU part" of Arm's own cores (implementer 0x41), from arch/arm64/include/asm/cputype.h of Linux.
_ARM_PARTS: Mapping[str, str] = {
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd42": "Cortex-A78AE",
    "0xd44": "Cortex-X1",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}

#: Makers, as DMI names them, of machines that are never real; clouds also sell bare metal and are not here.
_VIRTUAL_MAKERS = frozenset({"QEMU", "VMware, Inc.", "Xen", "innotek GmbH"})

_CPUFREQ = "/sys/devices/system/cpu/cpufreq/policy0"
_DMI = "/sys/class/dmi/id"


def read_facts(sysroot: Path = Path("/")) -> dict[str, Plain]:
    """Return what does not change while a test runs.

    Args:
        sysroot: Folder that stands for ``/``.

    Returns:
        ``os``, ``os_name``, ``kernel``, ``arch``, ``board``, ``cpu_model``, ``cpu_features`` (separated by
        blanks), ``cores_usable`` (by affinity), ``cores_quota`` (CPUs that the cgroup grants), ``memory_bytes``,
        ``governor``, ``frequency_hz`` (of CPU 0 now), ``frequency_max_hz``, ``virtualised``; None where
        nothing tells.
    """
    cpu, clocks = _first_cpu(sysroot), _now(cpufreq.METER, sysroot)
    return {
        "os": (_line(sysroot, "/proc/sys/kernel/ostype") or sys.platform).lower(),
        "os_name": _os_name(sysroot),
        "kernel": _line(sysroot, "/proc/sys/kernel/osrelease") or platform.release() or None,
        "arch": _line(sysroot, "/proc/sys/kernel/arch") or platform.machine(),
        "board": _board(sysroot),
        "cpu_model": _cpu_model(cpu),
        "cpu_features": _cpu_features(cpu),
        "cores_usable": _cores_usable(),
        "cores_quota": _cores_quota(sysroot),
        "memory_bytes": _memory_bytes(sysroot),
        "governor": _line(sysroot, f"{_CPUFREQ}/scaling_governor"),
        "frequency_hz": clocks.get("frequency_hz.policy0"),
        "frequency_max_hz": clocks.get("frequency_max_hz.policy0"),
        "virtualised": _virtualised(sysroot, cpu),
    }


def conditions(sysroot: Path = Path("/")) -> dict[str, Plain]:
    """Return what moves and may disturb a measurement, cheap enough to read beside one.

    Load, clocks and temperatures are the readings of the meters `host`, `cpufreq` and `thermal`.

    Returns:
        ``load_1min`` (runnable tasks, mean over one minute), ``governor``, ``frequency_hz`` (of CPU 0 now), and one
        ``temperature_c.ZONE`` per thermal zone; None where nothing tells.
    """
    readings = {name: value for meter in (host, cpufreq, thermal) for name, value in _now(meter.METER, sysroot).items()}
    return {
        "load_1min": readings.get("load_1min"),
        "governor": _line(sysroot, f"{_CPUFREQ}/scaling_governor"),
        "frequency_hz": readings.get("frequency_hz.policy0"),
        **{name: value for name, value in readings.items() if name.startswith("temperature_c.")},
    }


def _now(meter: Meter, sysroot: Path) -> Mapping[str, float | None]:
    reader = meter.open(sysroot)
    try:
        return reader.read()
    finally:
        reader.close()


def _read(path: Path) -> str | None:
    """Return a small text file without NULs and surrounding blanks; None when absent, unreadable or empty."""
    try:
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip() or None
    except OSError:
        return None


def _line(sysroot: Path, path: str) -> str | None:
    return _read(below(sysroot, path))


def _integer(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _os_name(sysroot: Path) -> str | None:
    for line in (_line(sysroot, "/etc/os-release") or "").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip("\"'") or None
    return None


def _board(sysroot: Path) -> str | None:
    tree = _line(sysroot, "/proc/device-tree/model")
    if tree is not None:
        return tree
    words = [_line(sysroot, f"{_DMI}/{name}") for name in ("sys_vendor", "product_name")]
    return " ".join(word for word in words if word) or None


def _first_cpu(sysroot: Path) -> dict[str, str]:
    """Return the first block of ``/proc/cpuinfo``; the kernel makes the file block by block, so no more is read."""
    text = b""
    try:
        with below(sysroot, "/proc/cpuinfo").open("rb", buffering=0) as file:
            while b"\n\n" not in text and (part := file.read(4096)):
                text += part
    except OSError:
        return {}
    lines = text.decode(errors="replace").split("\n\n", 1)[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_model(cpu: Mapping[str, str]) -> str | None:
    named = cpu.get("model name") or cpu.get("Model") or cpu.get("Hardware")
    if named:
        return named
    if cpu.get("CPU implementer") == "0x41":
        part = cpu.get("CPU part", "")
        return f"Arm {_ARM_PARTS.get(part, f'part {part}')}"
    return platform.processor() or None


def _cpu_features(cpu: Mapping[str, str]) -> str | None:
    told = cpu.get("flags") or cpu.get("Features")
    if told is None:
        return None
    words = set(told.split())
    return " ".join(ours for kernels, ours in _FEATURES.items() if kernels in words)


def _cores_usable() -> int | None:
    affinity = getattr(os, "sched_getaffinity", None)
    return os.cpu_count() if affinity is None else len(affinity(0))


def _cores_quota(sysroot: Path) -> float | None:
    quotas = [quota for quota in _quotas(sysroot) if quota is not None]
    return min(quotas, default=None)


def _quotas(sysroot: Path) -> Iterator[float | None]:
    """Give the CPU quota of this process's control group and of each group above it, versions 2 and 1."""
    for line in (_line(sysroot, "/proc/self/cgroup") or "").splitlines():
        number, controllers, group = line.split(":", 2)
        for place in (group, *(str(parent) for parent in Path(group).parents)):
            if number == "0":
                limit, _, period = (_line(sysroot, f"/sys/fs/cgroup/{place}/cpu.max") or "").partition(" ")
                yield _quota(limit, period)
            elif "cpu" in controllers.split(","):
                folder = f"/sys/fs/cgroup/cpu/{place}"
                names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
                yield _quota(*(_line(sysroot, f"{folder}/{name}") or "" for name in names))


def _quota(limit: str, period: str) -> float | None:
    granted, length = _integer(limit), _integer(period)
    return None if not granted or not length or granted < 0 else granted / length


def _memory_bytes(sysroot: Path) -> int | None:
    for line in (_line(sysroot, "/proc/meminfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key == "MemTotal":
            kibibytes = _integer(value.split()[0])
            return None if kibibytes is None else kibibytes * 1024
    return None


def _virtualised(sysroot: Path, cpu: Mapping[str, str]) -> bool | None:
    """Return whether a hypervisor runs below; x86 tells surely, elsewhere only a yes can be told."""
    if "flags" in cpu:
        return "hypervisor" in cpu["flags"].split()
    signs = ("/sys/hypervisor/type", "/proc/device-tree/hypervisor/compatible")
    emulated = _line(sysroot, f"{_DMI}/sys_vendor") in _VIRTUAL_MAKERS
    return True if emulated or any(_line(sysroot, sign) for sign in signs) else None
