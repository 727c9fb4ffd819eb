"""What sensors say against a figure: planted signs are found, sentences name them, and calm runs are left alone."""

import numpy as np
import pytest

from pytest_edgert.records import Verdict
from pytest_edgert.series import Series, make_series
from pytest_edgert.verdicts.trust import (
    Rules,
    distrusted,
    fastest_breaks,
    first_value,
    slept,
    told_by_texts,
    voiding,
    within,
)

S = 10**9
WINDOW = (1 * S, 9 * S)


def series(**columns):
    """Return a series of ten readings a second apart; underscores before the place stand for its dot."""
    rows = [(i * S, {name.replace("__", "."): values[i] for name, values in columns.items()}) for i in range(10)]
    return make_series(rows)


def kinds(found):
    return [doubt.kind for doubt in found]


def test_a_calm_run_is_not_doubted():
    calm = series(
        temperature_c__cpu=[50.0] * 10,
        frequency_hz__policy0=[2.4e9] * 10,
        throttle_count__cpu0=[7.0] * 10,
        throttled__gpu0=[0.0] * 10,
        cooling_state__Processor=[0.0] * 10,
        cpu_busy_s__machine=[float(i) for i in range(10)],
        cpu_s__process=[float(i) for i in range(10)],
        run_delay_s__process=[0.0] * 10,
        cpu_steal_s__machine=[0.0] * 10,
    )
    for verdict in Verdict:
        assert distrusted(calm, WINDOW, verdict) == ()


def test_no_sensor_is_no_doubt():
    assert distrusted(Series(), WINDOW, Verdict.FAIL) == ()
    assert distrusted(make_series([(0, {"throttled.gpu0": None})]), WINDOW, Verdict.PASS) == ()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"throttled__gpu0": [0.0] * 5 + [1.0] * 5}, "gpu0 was throttled in 56%"),
        ({"throttle_count__cpu0": [3.0] * 5 + [5.0] * 5}, "cpu0 counted 2 throttle events"),
        ({"cooling_state__Processor": [0.0] * 5 + [3.0] * 5}, "Processor went from step 0 to 3"),
    ],
)
def test_throttling_inside_the_window_voids_a_peak_figure_and_may_pass(columns, said):
    (doubt,) = distrusted(series(**columns), WINDOW, Verdict.PASS)
    assert (doubt.kind, doubt.voids, doubt.passing) == ("throttling", True, True)
    assert said in doubt.sentence
    assert doubt.remedy
    assert voiding((doubt,), Verdict.PASS) is doubt
    assert distrusted(series(**columns), WINDOW, Verdict.PASS, peak=False) == ()


def test_throttling_outside_the_window_is_nothing():
    early = series(throttled__gpu0=[1.0] + [0.0] * 9)
    assert distrusted(early, (2 * S, 9 * S), Verdict.PASS) == ()
    assert distrusted(early, (S // 2, 9 * S), Verdict.PASS) != ()


def test_a_fan_that_turns_faster_is_no_throttling():
    assert distrusted(series(cooling_state__Fan=[0.0] * 5 + [3.0] * 5), WINDOW, Verdict.PASS) == ()


def test_a_profile_may_allow_events_of_a_counter():
    counted = series(throttle_count__oc3=[0.0] * 5 + [9.0] * 5)
    assert distrusted(counted, WINDOW, Verdict.PASS, Rules(throttle_events={"throttle_count.oc3": 9})) == ()
    assert kinds(distrusted(counted, WINDOW, Verdict.PASS, Rules(throttle_events={"throttle_count.oc3": 8}))) == [
        "throttling"
    ]


def test_a_temperature_above_that_of_the_profile_voids():
    hot = series(temperature_c__tj=[80.0] * 9 + [86.0])
    (doubt,) = distrusted(hot, WINDOW, Verdict.PASS, Rules(temp_max_c={"temperature_c.tj": 85.0}))
    assert doubt.voids
    assert "tj reached 86 °C, above the 85 °C" in doubt.sentence


def test_a_clock_that_moved_is_told_with_both_ends():
    (doubt,) = distrusted(series(frequency_hz__policy0=[2.4e9] * 5 + [1.2e9] * 5), WINDOW, Verdict.PASS)
    assert (doubt.kind, doubt.voids) == ("frequency", False)
    assert "between 1.2 and 2.4 GHz" in doubt.sentence


def busy(others, waited):
    return series(
        cpu_busy_s__machine=[(1 + others) * i for i in range(10)],
        cpu_s__process=[1.0 * i for i in range(10)],
        run_delay_s__process=[waited * i for i in range(10)],
    )


@pytest.mark.parametrize(
    ("others", "waited", "verdict", "expected"),
    [
        (1.0, 0.3, Verdict.FAIL, [True]),
        (1.0, 0.3, Verdict.PASS, [False]),
        (1.0, 0.02, Verdict.FAIL, [False]),
        (1.0, 0.0, Verdict.FAIL, []),
        (0.0, 0.3, Verdict.FAIL, []),
    ],
)
def test_a_busy_host_voids_a_fail_that_it_may_have_caused_and_never_a_pass(others, waited, verdict, expected):
    found = distrusted(busy(others, waited), WINDOW, verdict)
    assert [doubt.voids for doubt in found] == expected
    assert all(doubt.kind == "busy-host" and "waited" in doubt.sentence for doubt in found)


def test_a_fail_that_load_cannot_explain_stands_on_a_busy_host_which_is_told():
    (doubt,) = distrusted(busy(1.0, 0.3), WINDOW, Verdict.FAIL, by_load=False)
    assert (doubt.kind, doubt.voids) == ("busy-host", False)


@pytest.mark.parametrize(
    ("durations", "limits", "expected"),
    [
        ([2] * 100, [1], True),
        ([1] * 11 + [9] * 89, [1], False),
        ([1] * 9 + [9] * 91, [1], True),
        ([], [1], False),
        ([2], [], False),
    ],
)
def test_the_fastest_tenth_tells_whether_load_explains_a_fail(durations, limits, expected):
    assert fastest_breaks(np.array(durations), limits) is expected


def test_time_stolen_by_the_hypervisor_is_told():
    (doubt,) = distrusted(series(cpu_steal_s__machine=[0.2 * i for i in range(10)]), WINDOW, Verdict.FAIL)
    assert (doubt.kind, doubt.voids) == ("stolen", True)


def test_a_sensor_that_vanishes_leaves_what_it_said():
    gone = series(temperature_c__cpu=[50.0, 55.0, 62.0] + [None] * 7, throttled__gpu0=[None] * 10)
    assert kinds(distrusted(gone, (0, 9 * S), Verdict.PASS)) == ["warming"]


def test_what_voids_comes_first():
    both = series(frequency_hz__p=[2e9] * 5 + [1e9] * 5, throttled__gpu0=[0.0] * 5 + [1.0] * 5)
    assert kinds(distrusted(both, WINDOW, Verdict.PASS)) == ["throttling", "frequency"]


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.INVALID])
def test_a_verdict_that_is_none_is_not_voided(verdict):
    assert voiding(distrusted(series(throttled__gpu0=[1.0] * 10), WINDOW, verdict), verdict) is None


def test_the_governor_is_told_unless_it_is_the_one_wanted():
    assert told_by_texts({"governor": "performance"}) == told_by_texts({"governor": None}) == told_by_texts({}) == ()
    (doubt,) = told_by_texts({"governor": "powersave"})
    assert "powersave" in doubt.sentence
    assert told_by_texts({"governor": "schedutil"}, Rules(governor="schedutil")) == ()


def test_a_first_sample_far_above_the_rest_is_told():
    assert first_value(np.array([100, 10, 11, 10, 10])) != ()
    assert first_value(np.array([90, 10, 11, 10, 10])) == ()
    assert first_value(np.array([100, 10, 200, 10, 10])) == ()
    assert first_value(np.array([100])) == ()


def test_a_machine_that_slept_voids():
    assert slept(0.0) == ()
    (doubt,) = slept(3.0)
    assert doubt.voids
    assert "3 s" in doubt.sentence


def test_the_readings_around_a_window_are_the_last_before_and_the_first_after_it():
    assert list(within(series(a__b=[1.0] * 10), (int(2.5 * S), int(4.5 * S))).times_ns) == [2 * S, 3 * S, 4 * S, 5 * S]
