"""Sensors read beside the loop: first, last and now and then between, never while an inference is timed."""

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.job.latency import measure_latency
from pytest_edgert.records import Arrival, LatencyPlan, Pattern


class Ticking(FakeClock):
    def now_ns(self):
        self.time_ns += 1000
        return self.time_ns


class Thermometer:
    """A meter and its reader on a clock that the test sets; a reading takes `takes_s`."""

    name = "thermometer"

    def sensors(self, sysroot):
        return ()

    def open(self, sysroot):
        self.times = []
        return self

    def read(self):
        self.times.append(self.clock.time_ns)
        self.clock.sleep_s(self.takes_s)
        return {"temperature_c.board": 40.0 + len(self.times)}

    def close(self):
        pass


METER = Thermometer()
PATTERNS = [Arrival(), Arrival(Pattern.EVERY, 0.01)]


def measured(arrival, *, inference_s=0.002, takes_s=0.003, **changes):
    METER.clock, METER.takes_s = Ticking(), takes_s
    plan = LatencyPlan(arrival=arrival, meters=(f"{__name__}:METER",), telemetry_s=0.5, **{"measure_s": 5.0, **changes})

    class Session:
        def infer(self, feeds):
            METER.clock.sleep_s(inference_s)

    clocks = {"now_ns": METER.clock.now_ns, "sleep_s": METER.clock.sleep_s}
    return measure_latency(Session(), {}, plan, lambda fields: None, **clocks)


@pytest.mark.parametrize("arrival", PATTERNS)
def test_readings_come_at_the_interval_and_frame_the_samples(arrival):
    series = measured(arrival).series
    assert series.names == ("temperature_c.board", "reading_s.watch")
    assert len(series.times_ns) == pytest.approx(5.0 / 0.5 + 2, abs=2)
    assert np.diff(series.times_ns)[:-1].min() > 0.49e9


@pytest.mark.parametrize("arrival", PATTERNS)
def test_the_first_and_the_last_reading_frame_even_the_shortest_measurement(arrival):
    samples = measured(arrival, fixed_n=1)
    assert len(samples.durations_ns) == 1
    assert len(samples.series.times_ns) >= 2
    assert samples.series.times_ns[0] < samples.starts_ns[0] < samples.series.times_ns[-1]


@pytest.mark.parametrize("arrival", PATTERNS)
def test_no_inference_is_longer_for_a_reading(arrival):
    samples = measured(arrival)
    assert samples.durations_ns.max() < 2.05e6


def test_a_reading_waits_for_slack_that_holds_it():
    samples = measured(PATTERNS[1])
    ends = samples.starts_ns + samples.service_ns
    for moment in samples.series.times_ns[2:-1]:
        following = samples.intended_ns[samples.intended_ns > moment].min()
        assert following - moment > 3e6
        assert not ((samples.starts_ns < moment) & (moment < ends)).any()


def test_without_any_slack_readings_are_late_and_the_arrivals_stand_still_meanwhile():
    samples = measured(Arrival(Pattern.EVERY, 0.002), inference_s=0.0019)
    gaps = np.diff(samples.series.times_ns)[1:-1]
    assert gaps.min() > 1.9e9
    assert samples.durations_ns.max() < 2.2e6


def test_a_meter_that_cannot_be_loaded_is_told():
    plan = LatencyPlan(meters=("nowhere:METER",), measure_s=0.1, warm_up_s=0.0)
    clock = Ticking()

    class Session:
        def infer(self, feeds):
            clock.sleep_s(0.001)

    samples = measure_latency(Session(), {}, plan, lambda fields: None, now_ns=clock.now_ns, sleep_s=clock.sleep_s)
    assert "nowhere" in samples.troubles["nowhere:METER"]
    assert len(samples.durations_ns)
