from __future__ import annotations

import sys
from datetime import datetime, timedelta

import pytest

from pytest_edgert import clock


def test_the_monotonic_clock_never_goes_back() -> None:
    readings = [clock.monotonic_ns() for _ in range(1000)]
    assert readings == sorted(readings)


def test_utc_is_told_as_iso_8601_with_its_offset() -> None:
    assert datetime.fromisoformat(clock.utc_now()).utcoffset() == timedelta(0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has CLOCK_BOOTTIME")
def test_time_asleep_is_told_and_is_not_negative() -> None:
    asleep = clock.suspended_ns()
    assert asleep is not None
    # The two clocks are read one after the other.
    assert asleep > -1_000_000


def test_the_resolution_is_above_zero() -> None:
    assert clock.resolution_ns() > 0


def test_the_fake_moves_only_when_told() -> None:
    fake = clock.FakeClock()
    assert (fake.now_ns(), fake.now_ns()) == (0, 0)
    fake.sleep_s(1.5)
    assert fake.now_ns() == 1_500_000_000
