import numpy as np
import pytest

from pytest_edgert.codec import encode
from pytest_edgert.errors import ProtocolError
from pytest_edgert.measure.samples import LatencySamples
from pytest_edgert.measure.soaks import SoakParts, SoakSamples, pick, segment_s
from pytest_edgert.records import Segment

SEGMENT = Segment(0.0, 0.5, 3, 0.001, 0.002, 0.003, {"temperature_c.cpu": 50.0, "power_w.gpu": None})
SOAK = SoakSamples(LatencySamples(np.array([3, 1, 2]), np.array([10, 20, 30]), 7, 11, 13, "done"), (SEGMENT,), 90, 5)


def test_a_soak_survives_the_wire():
    back = SoakSamples.from_wire(SOAK.meta(), SOAK.samples.tensors())
    assert back.meta() == SOAK.meta()
    assert back.segments == (SEGMENT,)


@pytest.mark.parametrize("change", [{"segments": [{"start_s": 1.0}]}, {"segments": 5}, {"inferences": "many"}])
def test_a_soak_of_another_form_is_refused(change):
    with pytest.raises(ProtocolError):
        SoakSamples.from_wire({**SOAK.meta(), **change}, SOAK.samples.tensors())


def test_the_parts_of_a_soak_keep_its_segments():
    parts = SoakParts()
    for turn in range(3):
        head = {"first_ns": 1, "warm_up_n": 1, "warm_up_ns": 1, "queue": turn, "segment": encode(SEGMENT)}
        parts.add(head, {"durations_ns": np.array([turn]), "starts_ns": np.array([turn])})
    assert parts.segments == [SEGMENT] * 3
    assert parts.samples("lost").durations_ns.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("duration_s", "length_s"), [(1, 0.5), (300, 2.5), (600, 5), (3600, 10), (86400, 10)])
def test_segments_are_a_hundred_and_twentieth_within_bounds(duration_s, length_s):
    assert segment_s(duration_s) == length_s


def test_few_samples_are_all_kept():
    assert pick(5, 5, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]


def test_one_of_each_stretch_is_kept_and_each_sample_is_as_likely():
    counts = np.zeros(100)
    for seed in range(4000):
        picked = pick(100, 30, np.random.default_rng(seed))
        assert len(picked) == 30
        assert (np.diff(picked) > 0).all()
        counts[picked] += 1
    assert counts / 4000 == pytest.approx(np.full(100, 0.3), abs=0.08)  # stretches of 3 and of 4


def test_a_period_is_neither_missed_nor_met_every_time():
    spikes = np.arange(100_000) % 10 == 0
    share = spikes[pick(100_000, 10_000, np.random.default_rng(1))].mean()
    assert share == pytest.approx(0.1, abs=0.01)
