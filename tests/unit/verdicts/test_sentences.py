import pytest

from pytest_edgert.records import Quantile
from pytest_edgert.verdicts.sentences import duration_text, interval_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00487, "4.87 ms"),
        (1.0, "1 s"),
        (60.0, "60 s"),
        (1234.0, "1230 s"),
        (87.5e-6, "87.5 µs"),
        (3e-9, "3 ns"),
        (0.0, "0 ns"),
    ],
)
def test_a_duration_has_three_digits_in_the_unit_that_suits_it(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.00487, 0.00509, "in [4.87, 5.09] ms"),
        (None, 0.00509, "at most 5.09 ms"),
        (0.00487, None, "at least 4.87 ms"),
        (None, None, "not bounded yet"),
    ],
)
def test_an_interval_says_which_ends_it_has(low, high, text):
    assert interval_text(Quantile(99, 0.005, low, high), 0.005) == text


def test_an_end_beside_the_limit_gets_digits_until_it_looks_different():
    assert interval_text(Quantile(99, 0.005, 0.0049, 0.0050004), 0.005) == "in [4.9, 5.0004] ms"


def test_an_end_on_the_limit_looks_like_it():
    assert interval_text(Quantile(99, 0.005, 0.0049, 0.005), 0.005) == "in [4.9, 5] ms"


def test_an_interval_far_from_the_limit_keeps_its_own_unit():
    assert interval_text(Quantile(95, 9e-5, 8e-5, 1e-4), 1.0) == "in [80, 100] µs"
