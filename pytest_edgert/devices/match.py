"""Whether a profile describes this machine: rules over files and facts, and the most specific match of all.

Only files are read, all of them below `sysroot`, so that a test can point every rule at a folder of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from pytest_edgert.devices.schema import Profile
from pytest_edgert.errors import DeviceError
from pytest_edgert.records import Plain

#: No identity file of a device is longer; more is not read.
_LONGEST_TEXT = 64 * 1024


def matches(profile: Profile, facts: Mapping[str, Plain], sysroot: Path = Path("/")) -> list[str]:
    """Return each rule of a profile that does not hold here, in words; empty when the profile matches."""
    return [
        *_fact_rules(profile, facts),
        *_file_rules(profile, sysroot),
        *_pci_rules(profile, sysroot),
        *_property_rules(profile),
    ]


def recognise(profiles: Mapping[str, Profile], facts: Mapping[str, Plain], sysroot: Path = Path("/")) -> Profile:
    """Return the most specific profile that matches this machine.

    Specific is who has more rules in ``[match]``, then who names an architecture, then who names a system.
    Among equals the earlier folder of the lookup order wins.

    Args:
        profiles: Profiles by id, in lookup order.
        facts: What `read_facts` told.
        sysroot: Folder that stands for ``/``.

    Raises:
        DeviceError: No profile matches, or two of one folder match equally well.
    """
    unmet = {profile.id: matches(profile, facts, sysroot) for profile in profiles.values()}
    holding = [profile for profile in profiles.values() if not unmet[profile.id]]
    if not holding:
        reasons = "; ".join(f"{name}: {', '.join(rules)}" for name, rules in unmet.items())
        raise DeviceError(
            f"No device profile matches this machine ({reasons or 'there are no profiles'}).",
            "Write a profile for it into device_profiles/, or name one by --edge-device=PATH.",
        )
    best = max(holding, key=_specificity)
    rivals = [p for p in holding if _specificity(p) == _specificity(best) and p.path.parent == best.path.parent]
    if len(rivals) > 1:
        raise DeviceError(
            f"Several device profiles match this machine equally well: {', '.join(str(p.path) for p in rivals)}.",
            f"Name one by --edge-device={best.id}, or give one of them a further [match] rule.",
        )
    return best


def _specificity(profile: Profile) -> tuple[int, bool, bool]:
    return profile.match.rules, bool(profile.arch), bool(profile.os)


def _fact_rules(profile: Profile, facts: Mapping[str, Plain]) -> Iterator[str]:
    for name, wanted in (("os", profile.os), ("arch", profile.arch)):
        if wanted and facts.get(name) != wanted:
            yield f"{name} is {facts.get(name)}, wanted {wanted}"


def _file_rules(profile: Profile, sysroot: Path) -> Iterator[str]:
    for path, pattern in profile.match.file.items():
        text, trouble = _read_text(below(sysroot, path))
        if text is None:
            yield f"{path} is {trouble}, wanted {pattern!r}"
        elif not fnmatchcase(text, pattern):
            yield f"{path} is {text!r}, wanted {pattern!r}"
    candidates = profile.match.any_file
    if candidates and not any(_exists(below(sysroot, path)) for path in candidates):
        yield f"none of {', '.join(candidates)} is there"


def _pci_rules(profile: Profile, sysroot: Path) -> Iterator[str]:
    if not profile.match.pci:
        return
    present = set(_pci_identities(sysroot))
    for identity in profile.match.pci:
        if identity.lower() not in present:
            yield f"no PCI device {identity} is there"


def _property_rules(profile: Profile) -> Iterator[str]:
    for name, pattern in profile.match.prop.items():
        yield f"property {name} cannot be read, wanted {pattern!r} (Android devices are not reached yet)"


def _pci_identities(sysroot: Path) -> Iterator[str]:
    for folder in sorted(below(sysroot, "/sys/bus/pci/devices").glob("*")):
        vendor, device = (_read_text(folder / name)[0] for name in ("vendor", "device"))
        if vendor and device:
            yield f"{vendor.removeprefix('0x')}:{device.removeprefix('0x')}".lower()


def below(sysroot: Path, path: str) -> Path:
    """Return an absolute path of the device as a path below `sysroot`."""
    return sysroot / path.lstrip("/")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _read_text(path: Path) -> tuple[str | None, str]:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_TEXT)
    except FileNotFoundError:
        return None, "absent"
    except OSError as error:
        return None, f"unreadable ({error.strerror})"
    # A device tree ends its texts with NUL and separates the words of `compatible` by NUL.
    return content.replace(b"\0", b" ").decode(errors="replace").strip(), ""
