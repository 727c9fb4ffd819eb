"""Which meters are read on a device: what its profile names as "meter:sensor", and a default where it names nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pytest_edgert.devices.schema import Profile, Telemetry
from pytest_edgert.devices.telemetry.quantities import as_place, place_of
from pytest_edgert.devices.telemetry.registry import meter_references
from pytest_edgert.errors import UsageError

#: Quantities by key of a profile's ``[telemetry]`` table.
_QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "temperature": ("temperature_c",),
    "frequency": ("frequency_hz", "frequency_max_hz"),
    "power": ("power_w", "energy_j"),
    "throttle": ("throttled", "throttle_count", "cooling_state"),
}

#: Meters read for a key that the profile leaves out. All are cheap; without their sensor they cost nothing.
_BY_DEFAULT: Mapping[str, tuple[str, ...]] = {
    "temperature": ("thermal", "hwmon", "nvml"),
    "frequency": ("cpufreq", "nvml"),
    "power": ("rapl", "hwmon", "nvml"),
    "throttle": ("cooling", "nvml"),
}
#: Read everywhere: without load and waiting for a core no latency can be trusted.
_ALWAYS = "host"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sensor that a profile names.

    Args:
        key: Key of the ``[telemetry]`` table: "temperature".
        meter: The meter that tells it.
        place: Its place, or a glob of places; what begins with it and goes on behind a "." is meant too, and when
            there is none, what goes on behind a "/".
    """

    key: str
    meter: str
    place: str

    def __str__(self) -> str:
        return f"{self.meter}:{self.place}"

    def among(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the sensors of these names that are meant."""
        known = [name for name in names if name.partition(".")[0] in _QUANTITIES[self.key]]
        for ending in (".", "/"):
            patterns = (self.place, f"{self.place}{ending}*")
            found = tuple(name for name in known if any(fnmatchcase(place_of(name), one) for one in patterns))
            if found:
                return found
        return ()


def wanted(profile: Profile) -> tuple[Wanted, ...]:
    """Return the sensors that a profile names.

    Raises:
        UsageError: A name is not of the form "meter:sensor".
    """
    return tuple(_parsed(profile, key, text) for key in _QUANTITIES for text in _named(profile.telemetry, key))


def meters_for(profile: Profile) -> tuple[str, ...]:
    """Return the references of the meters to read on a device, "module:attribute"; only those registered here.

    That is `host`, each meter that the profile names, and the default meters of each key that it leaves out. A meter is
    read as a whole: the profile says what must be there, not what else is left unread.

    Raises:
        UsageError: As `wanted`, or two distributions register one meter.
    """
    known = meter_references()
    names = dict.fromkeys([_ALWAYS, *(one.meter for one in wanted(profile)), *_defaults(profile.telemetry)])
    return tuple(known[name] for name in names if name in known)


def sensors_for(profile: Profile, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the sensors `names` that a profile names, in the order of the profile."""
    known = tuple(names)
    return tuple(dict.fromkeys(name for one in wanted(profile) for name in one.among(known)))


def missing(profile: Profile, names: Iterable[str]) -> dict[str, str]:
    """Return what a profile names and is not among the sensors `names`, each with the reason.

    A glob such as "thermal:*" asks for what is there, and is never missing.
    """
    known, meters = tuple(names), meter_references()
    absent = [one for one in wanted(profile) if "*" not in one.place and not one.among(known)]
    return {str(one): _why(one, known, meters) for one in absent}


def _why(one: Wanted, names: tuple[str, ...], meters: Mapping[str, str]) -> str:
    if one.meter not in meters:
        return f"no meter is called {one.meter!r}; there are: {', '.join(meters)}"
    there = [place_of(name) for name in names if name.partition(".")[0] in _QUANTITIES[one.key]]
    return f"no {one.key} sensor is called {one.place!r} here; there are: {', '.join(dict.fromkeys(there)) or 'none'}"


def _named(telemetry: Telemetry, key: str) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(telemetry, key)
    return found


def _defaults(telemetry: Telemetry) -> Iterator[str]:
    for key, meters in _BY_DEFAULT.items():
        if not _named(telemetry, key):
            yield from meters


def _parsed(profile: Profile, key: str, text: str) -> Wanted:
    meter, colon, place = text.partition(":")
    if not (meter and colon and place.strip()):
        raise UsageError(
            f"{profile.path}: telemetry.{key} names {text!r}, which is not METER:SENSOR.",
            'Write such as "thermal:cpu-thermal"; `edgert doctor` shows the sensors of this machine.',
        )
    return Wanted(key, meter, as_place(place, place))
