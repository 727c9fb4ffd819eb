"""The soak job on a fake clock: the whole run in segments, bounded samples, sensors beside it."""

import numpy as np
import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.job import soak as job
from pytest_edgert.job.soak import measure_soak
from pytest_edgert.measure.samples import OVERRUN
from pytest_edgert.measure.soaks import SoakParts
from pytest_edgert.records import Arrival, LatencyPlan, Pattern

EVERY = Arrival(Pattern.EVERY, 0.01)


class Ticking(FakeClock):
    """A fake clock on which reading it takes a microsecond, so that a spin ends."""

    def now_ns(self):
        self.time_ns += 1000
        return self.time_ns


class Memory:
    """A meter and its reader: resident memory that grows by a byte a reading."""

    name = "memory"

    def sensors(self, sysroot):
        return ()

    def open(self, sysroot):
        self.n = 0
        return self

    def read(self):
        self.n += 1
        return {"rss_bytes.process": float(self.n)}

    def close(self):
        pass


METER = Memory()


def soaked(duration_s, seconds=30.0, arrival=EVERY, **keywords):
    clock = Ticking()

    class Session:
        n = 0

        def infer(self, feeds):
            clock.sleep_s(duration_s(self.n))
            self.n += 1

    reports = []
    plan = LatencyPlan(measure_s=seconds, arrival=arrival, meters=(f"{__name__}:METER",))
    clocks = {"now_ns": clock.now_ns, "sleep_s": clock.sleep_s}
    return measure_soak(Session(), {}, plan, reports.append, **clocks, **keywords), clock, reports


@pytest.mark.parametrize("arrival", [Arrival(), EVERY])
def test_the_segments_cover_the_whole_run_and_count_every_inference(arrival):
    soak, clock, _ = soaked(lambda i: 0.004, arrival=arrival)
    ends = [segment.start_s + segment.duration_s for segment in soak.segments]
    assert [segment.start_s for segment in soak.segments[1:]] == pytest.approx(ends[:-1])
    assert soak.segments[0].start_s == 0
    assert ends[-1] == pytest.approx(30.0, abs=0.1)
    assert len(soak.segments) == pytest.approx(60, abs=5)
    assert sum(segment.n for segment in soak.segments) == soak.inferences == len(soak.samples.durations_ns)
    assert soak.samples.stop_reason == "30 s were over"
    assert clock.time_ns < 32.5e9


def test_a_slowdown_stands_in_the_segments_where_it_came():
    soak, _, _ = soaked(lambda i: 0.002 if i < 1500 else 0.003)
    medians = [segment.p50_s for segment in soak.segments]
    assert medians[0] == pytest.approx(0.002, rel=0.01)
    assert medians[-1] == pytest.approx(0.003, rel=0.01)
    assert sorted(medians) == medians


def test_sensors_are_read_beside_it_and_stand_in_the_segments():
    soak, _, _ = soaked(lambda i: 0.002)
    series = soak.samples.series
    assert len(series.times_ns) == pytest.approx(60, abs=5)
    told = [segment.readings["rss_bytes.process"] for segment in soak.segments]
    assert told == sorted(told)
    assert told[-1] == series.values[-1, 0]


@pytest.mark.parametrize("arrival", [Arrival(), EVERY])
def test_samples_are_thinned_evenly_to_a_bounded_number(monkeypatch, arrival):
    monkeypatch.setattr(job, "MOST_KEPT", 600)
    soak, _, _ = soaked(lambda i: 0.002, arrival=arrival)
    n = len(soak.samples.durations_ns)
    assert 550 <= n <= 600
    assert soak.inferences > 2000
    halves = np.array_split(soak.samples.starts_ns, 2)
    assert np.ptp(halves[0]) == pytest.approx(np.ptp(halves[1]), rel=0.1)
    assert (np.diff(soak.samples.starts_ns) > 0).all()
    if soak.samples.service_ns is not None:
        found = soak.samples.starts_ns + soak.samples.service_ns - soak.samples.intended_ns
        assert (soak.samples.durations_ns == found).all()


def test_a_segment_ends_early_when_it_is_full(monkeypatch):
    monkeypatch.setattr(job, "_MOST_IN_SEGMENT", 100)
    soak, _, _ = soaked(lambda i: 0.001, 5.0, Arrival())
    assert max(segment.n for segment in soak.segments) < 150
    assert sum(segment.duration_s for segment in soak.segments) == pytest.approx(5.0, abs=0.1)


def test_each_segment_is_handed_on_with_its_samples():
    parts = SoakParts()
    soak, _, _ = soaked(lambda i: 0.002, keep=parts.add)
    whole = parts.whole(soak.meta(), soak.samples.tensors())
    kept_here, _, _ = soaked(lambda i: 0.002)
    assert tuple(parts.segments) == soak.segments == kept_here.segments
    for name in ("durations_ns", "starts_ns", "service_ns", "intended_ns"):
        assert (getattr(whole.samples, name) == getattr(kept_here.samples, name)).all()
    assert whole.samples.series.names == ("rss_bytes.process", "reading_s.watch")


def test_what_is_handed_on_is_not_kept():
    soak, _, _ = soaked(lambda i: 0.002, keep=lambda meta, tensors: None)
    assert len(soak.samples.durations_ns) == 0
    assert soak.inferences > 2000


def test_what_came_before_a_loss_has_been_handed_on():
    parts = SoakParts()

    def breaks(i):
        if i == 1200:
            raise ConnectionResetError("device lost")
        return 0.002

    with pytest.raises(ConnectionResetError):
        soaked(breaks, keep=parts.add)
    kept = parts.samples("lost")
    assert len(parts.segments) >= 20
    assert 950 < len(kept.durations_ns) < 1200


def test_an_arrival_faster_than_the_runtime_ends_the_soak():
    soak, clock, _ = soaked(lambda i: 0.002 if i < 1000 else 0.013, 600.0)
    assert soak.samples.stop_reason == OVERRUN
    assert clock.time_ns < 60e9
    assert soak.samples.queue > 50


def test_progress_comes_at_most_four_times_a_second():
    _, clock, reports = soaked(lambda i: 0.002)
    assert 60 < len(reports) <= 4 * clock.time_ns / 1e9
    assert reports[-1]["n"] > 2500
