import numpy as np
import pytest

from pytest_edgert.series import Series, make_series
from pytest_edgert.verdicts.sensors import FEWEST, counted_twice, refused


def series(**columns):
    """Return a series of columns by sensor; an underscore pair in a keyword stands for the dot."""
    named = {name.replace("__", "."): values for name, values in columns.items()}
    rows = zip(*named.values(), strict=True)
    return make_series([(moment, dict(zip(named, row, strict=True))) for moment, row in enumerate(rows)])


def test_power_that_moves_and_energy_that_counts_are_evidence():
    noisy = 5 + np.random.default_rng(1).normal(0, 0.01, 20)
    assert refused(series(power_w__board=noisy, energy_j__package=np.cumsum(noisy))) == {}


def test_a_constant_power_over_enough_readings_is_refused():
    found = refused(series(power_w__board=[5.0] * FEWEST))
    assert found == {"power_w.board": "It said 5 W in all 10 readings: a sensor that measures does not."}


def test_a_constant_power_over_fewer_readings_is_too_short_to_tell():
    assert refused(series(power_w__board=[5.0] * (FEWEST - 1))) == {}


def test_gaps_do_not_hide_a_constant():
    values = [5.0 if index % 2 else None for index in range(2 * FEWEST)]
    assert list(refused(series(power_w__board=values))) == ["power_w.board"]


def test_a_zero_that_never_moves_is_refused_too():
    assert list(refused(series(power_w__board=[0.0] * FEWEST))) == ["power_w.board"]


@pytest.mark.parametrize("n", [2, 50])
def test_energy_that_never_moves_is_refused(n):
    assert "it counts nothing" in refused(series(energy_j__p=[7.0] * n))["energy_j.p"]


def test_a_sensor_that_never_answered_is_refused():
    found = refused(series(power_w__a=[None] * 3, energy_j__b=[None] * 3))
    assert found == {"power_w.a": "It gave no reading.", "energy_j.b": "It gave no reading."}


def test_energy_whose_counter_broke_on_the_way_is_refused():
    assert "no reading at the end" in refused(series(energy_j__p=[1.0, 2.0, 3.0, None]))["energy_j.p"]


def test_only_power_and_energy_are_judged():
    assert refused(series(temperature_c__x=[40.0] * 20, throttle_count__cpu0=[0.0] * 20)) == {}


def test_an_empty_series_refuses_nothing():
    assert refused(Series()) == {}
    assert counted_twice(Series()) == {}


def test_energy_of_a_part_and_of_what_psys_holds_is_counted_once():
    rows = [
        (
            0,
            {
                "energy_j.package-0": 1.0,
                "energy_j.package-0/core": 1.0,
                "energy_j.psys": 1.0,
                "energy_j.chip/rail": 1.0,
            },
        )
    ]
    found = counted_twice(make_series(rows))
    assert found == {
        "energy_j.package-0": "energy_j.psys holds it.",
        "energy_j.package-0/core": "energy_j.package-0 holds it.",
    }
