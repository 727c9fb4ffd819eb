from __future__ import annotations

import pytest

from pytest_edgert.errors import UsageError
from pytest_edgert.units import parse_duration, parse_energy, parse_rate, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5ms", 5e-3), ("1us", 1e-6), ("1µs", 1e-6), ("1μs", 1e-6), ("2 s", 2.0), ("10min", 600.0), (".5h", 1800.0)],
)
def test_durations_become_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "size"), [("64MB", 64_000_000), ("1MiB", 1_048_576), ("1kB", 1000), ("1KB", 1000)])
def test_sizes_become_whole_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_rates_are_per_second() -> None:
    assert parse_rate("60/min") == pytest.approx(1.0)


def test_energies_become_joules() -> None:
    assert parse_energy("20mJ") == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a quantity"),
        ("fast", "is not a quantity"),
        ("5 ms ms", "is not a quantity"),
        ("5", "has no unit"),
        ("5parsec", "unknown unit 'parsec'"),
        ("5Ms", "unknown unit 'Ms'"),
        ("-1ms", "above zero"),
        ("0ms", "above zero"),
        ("nanms", "unknown unit|not a quantity|finite"),
        ("nan ms", "finite"),
        ("inf s", "finite"),
        ("1e999s", "finite"),
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_duration(text, "--latency-budget")
    assert str(caught.value).startswith("--latency-budget: ")
    assert "5ms" in caught.value.remedy
