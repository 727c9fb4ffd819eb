"""What a device's profile says of measuring: into the plan of a latency check, what voids it, and what must hold first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgert import clock
from pytest_edgert.errors import NotRunError
from pytest_edgert.records import LatencyPlan, Plain

if TYPE_CHECKING:
    from pytest_edgert.devices.schema import Conditions, Profile
    from pytest_edgert.verdicts.trust import Rules

#: Longest wait for conditions where the profile gives none, and pause between two looks, in seconds.
_WAIT_S, _LOOK_S = 180.0, 1.0
#: Conditions that need a tool or a sensor of the board, by their keys.
_OF_THE_BOARD = (
    "power_mode",
    "pcie_link",
    "undervoltage",
    "thermal_status_max",
    "battery_level_min",
    "charging",
    "screen",
)


def plan_on(profile: Profile, plan: LatencyPlan) -> LatencyPlan:
    """Return a plan with what the profile's ``[measure]`` and ``[telemetry]`` tables say put in.

    A floor of the profile (inferences of warm-up, time that evidence spans) never lowers the plan's own.
    """
    from pytest_edgert.devices.telemetry.wanted import meters_for

    measure = profile.measure
    return replace(
        plan,
        warm_up_n=max(plan.warm_up_n, measure.warmup or 0),
        min_s=max(plan.min_s, measure.min_time_s or 0.0),
        stride_s=measure.stride_s or 0.0,
        meters=meters_for(profile),
        telemetry_s=profile.telemetry.interval_s or plan.telemetry_s,
    )


def power_of(profile: Profile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the references of the meters to read energy from, and the sensors that the profile says make up the device.

    Raises:
        UsageError: The profile names a sensor in another form than "meter:sensor".
    """
    from pytest_edgert.devices.telemetry.wanted import meters_for, wanted

    return meters_for(profile), tuple(str(one) for one in wanted(profile) if one.key == "power")


def rules_of(profile: Profile) -> Rules:
    """Return what voids a measurement on this device, in the names of our sensors."""
    from pytest_edgert.verdicts.trust import Rules

    void, hottest = profile.invalidate, profile.invalidate.temp_max
    return Rules(
        temp_max_c={} if hottest is None else {f"temperature_c.{hottest.zone}": hottest.celsius},
        throttle_events={f"throttle_count.{name}": events for name, events in void.throttle_events.items()},
        governor=profile.conditions.cpu_governor or "performance",
    )


def await_conditions(
    wanted: Conditions,
    read: Callable[[], Mapping[str, Plain]],
    progress: Callable[[str], None],
    *,
    sleep_s: Callable[[float], None] = clock.sleep_s,
    now_ns: Callable[[], int] = clock.monotonic_ns,
) -> None:
    """Return when everything holds that the profile wants before a figure counts.

    Args:
        wanted: The profile's ``[conditions]``.
        read: Reads load, governor and temperatures, by the names of `devices.facts.conditions`.
        progress: Takes one line while waiting, "" at the end.
        sleep_s: Waits on the clock.
        now_ns: The clock.

    Raises:
        NotRunError: A condition did not hold within ``cooldown_timeout``, or nothing here can tell whether it does.
    """
    untold = [key for key in _OF_THE_BOARD if getattr(wanted, key) is not None]
    if untold:
        raise NotRunError(
            f"The profile's condition {untold[0]!r} cannot be checked on this device by this version.",
            "Take it out of [conditions], or use a profile without it.",
        )
    limit_s = _WAIT_S if wanted.cooldown_timeout_s is None else wanted.cooldown_timeout_s
    give_up_ns = now_ns() + round(limit_s * 1e9)
    while unmet := list(_unmet(wanted, read())):
        if now_ns() >= give_up_ns:
            raise NotRunError(
                f"The profile's conditions did not hold within {limit_s:g} s: {'; '.join(unmet)}.",
                "Let the device idle and cool, or change [conditions] of its profile.",
            )
        progress(f"waiting for the device: {'; '.join(unmet)}")
        sleep_s(_LOOK_S)
    progress("")


def _unmet(wanted: Conditions, readings: Mapping[str, Plain]) -> Iterator[str]:
    load, governor = readings.get("load_1min"), readings.get("governor")
    if wanted.max_load1 is not None and not (isinstance(load, (int, float)) and load <= wanted.max_load1):
        yield f"load_1min is {_told(load)}, at most {wanted.max_load1:g} is wanted"
    if wanted.cpu_governor is not None and governor != wanted.cpu_governor:
        yield f"the governor is {_told(governor)}, {wanted.cpu_governor} is wanted"
    coolest = wanted.max_start_temp
    if coolest is not None:
        now_c = readings.get(f"temperature_c.{coolest.zone}")
        if not (isinstance(now_c, (int, float)) and now_c <= coolest.celsius):
            yield f"{coolest.zone} is at {_told(now_c)} °C, at most {coolest.celsius:g} is wanted"


def _told(found: Plain) -> str:
    return "not told" if found is None else f"{found:g}" if isinstance(found, float) else str(found)
