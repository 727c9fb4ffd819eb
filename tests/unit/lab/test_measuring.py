"""A profile's tables on measuring, and waiting for its conditions on a fake clock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.devices.schema import Conditions, Profile, read_profile
from pytest_edgert.errors import NotRunError
from pytest_edgert.measuring import await_conditions, plan_on, rules_of
from pytest_edgert.records import LatencyPlan, Plain


def profile(**tables: object) -> Profile:
    return read_profile({"schema": 1, "id": "x", "title": "X", "os": "linux", **tables}, Path("x.toml"))


def test_the_plan_takes_stride_floors_and_interval_of_the_profile() -> None:
    told = profile(measure={"warmup": 30, "min_time": "3s", "stride": "5ms"}, telemetry={"interval": "100ms"})
    plan = plan_on(told, LatencyPlan())
    assert (plan.warm_up_n, plan.min_s, plan.stride_s, plan.telemetry_s) == (30, 3.0, 0.005, 0.1)
    assert any("telemetry.host" in reference for reference in plan.meters)


def test_a_floor_of_the_profile_lowers_nothing() -> None:
    plan = plan_on(profile(measure={"warmup": 2, "min_time": "3s"}), LatencyPlan(min_s=10.0))
    assert (plan.warm_up_n, plan.min_s, plan.stride_s) == (10, 10.0, 0.0)


def test_the_rules_name_our_sensors() -> None:
    rules = rules_of(
        profile(
            invalidate={"throttle_events": {"oc1_event_cnt": 2}, "temp_max": {"zone": "tj-thermal", "celsius": 85}},
            conditions={"cpu_governor": "schedutil"},
        )
    )
    assert rules.temp_max_c == {"temperature_c.tj-thermal": 85.0}
    assert rules.throttle_events == {"throttle_count.oc1_event_cnt": 2}
    assert rules.governor == "schedutil"
    assert rules_of(profile()).governor == "performance"


class Cooling:
    """A device that cools by one kelvin each second of a fake clock."""

    def __init__(self, start_c: float | None) -> None:
        self.clock = FakeClock()
        self.start_c = start_c
        self.lines: list[str] = []

    def read(self) -> Mapping[str, Plain]:
        now_c = None if self.start_c is None else self.start_c - self.clock.time_ns / 1e9
        return {"temperature_c.cpu": now_c, "load_1min": 0.4, "governor": "powersave"}

    def wait(self, **wanted: object) -> None:
        conditions = profile(conditions=wanted).conditions
        await_conditions(conditions, self.read, self.lines.append, sleep_s=self.clock.sleep_s, now_ns=self.clock.now_ns)


def test_it_waits_until_the_device_has_cooled_and_says_so() -> None:
    device = Cooling(70.0)
    device.wait(max_start_temp={"zone": "cpu", "celsius": 60}, max_load1=0.5, cooldown_timeout="30s")
    assert device.clock.time_ns == 10 * 10**9
    assert "cpu is at 70 °C, at most 60 is wanted" in device.lines[0]
    assert device.lines[-1] == ""


@pytest.mark.parametrize(
    ("start_c", "wanted", "said"),
    [
        (200.0, {"max_start_temp": {"zone": "cpu", "celsius": 60}}, "cpu is at 170 °C"),
        (None, {"max_start_temp": {"zone": "cpu", "celsius": 60}}, "cpu is at not told"),
        (50.0, {"cpu_governor": "performance"}, "the governor is powersave, performance is wanted"),
        (50.0, {"max_load1": 0.1}, "load_1min is 0.4, at most 0.1"),
    ],
)
def test_conditions_that_never_hold_are_no_run(start_c: float | None, wanted: dict[str, object], said: str) -> None:
    with pytest.raises(NotRunError, match=said):
        Cooling(start_c).wait(**wanted, cooldown_timeout="30s")


def test_a_condition_that_nothing_here_can_tell_is_no_run_at_once() -> None:
    device = Cooling(50.0)
    with pytest.raises(NotRunError, match="undervoltage"):
        device.wait(undervoltage=False)
    assert device.clock.time_ns == 0


def test_without_conditions_nothing_is_waited_for() -> None:
    await_conditions(Conditions(), dict, lambda line: None)
