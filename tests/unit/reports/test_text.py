from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hand_made import latency_record, size_record

from pytest_edgert.records import Amount, BudgetVerdict, CheckRecord, Quantile, Verdict
from pytest_edgert.reports import text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (4.71e-3, "4.71 ms"),
        (0.9999e-3, "1 ms"),
        (0.00123456, "1.23 ms"),
        (5e-7, "500 ns"),
        (5e-11, "0.05 ns"),
        (12.0, "12 s"),
        (119.0, "119 s"),
        (600.0, "10 min"),
        (0.0, "0 s"),
        (-2e-3, "-2 ms"),
        (None, "?"),
        (math.nan, "?"),
        (math.inf, "infinite"),
    ],
)
def test_a_duration_has_three_digits_and_the_unit_people_read(seconds: float | None, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("size_bytes", "words"), [(64300, "64.3 kB"), (6_100_000, "6.1 MB"), (12, "12 B"), (0, "0 B"), (None, "?")]
)
def test_a_size_is_told_in_si_units(size_bytes: float | None, words: str) -> None:
    assert text.size(size_bytes) == words


@pytest.mark.parametrize(("per_s", "words"), [(212.0, "212 /s"), (12_345.0, "12.3 k/s"), (0.25, "0.25 /s")])
def test_a_rate_is_told_per_second(per_s: float, words: str) -> None:
    assert text.rate(per_s) == words


@pytest.mark.parametrize(
    ("value", "words"), [(1.0, "100 %"), (0.99999, "99.9 %"), (0.5, "50 %"), (0.0, "0 %"), (math.nan, "?")]
)
def test_a_share_is_never_rounded_up_to_all(value: float, words: str) -> None:
    assert text.share(value) == words


def test_an_open_interval_says_that_the_samples_cannot_bound_it() -> None:
    assert text.quantile(Quantile(99.0, 9e-3, 8e-3, None)) == "p99 9 ms [8 ms, ?]"


def test_an_amount_names_its_floor() -> None:
    amount = Amount("accelerator", 0.9, "share", 1.0, at_least=True)
    assert text.amount(amount) == "accelerator 90 %, at least 100 %"


@pytest.mark.parametrize(
    ("name", "found", "words"),
    [
        ("temperature_c", 61.5, "temperature 61.5 °C"),
        ("frequency_hz", 2.4e9, "frequency 2.4 GHz"),
        ("temperature_c.cpu", 61.5, "temperature cpu 61.5 °C"),
        ("governor", None, "governor no sensor"),
        ("throttled", False, "throttled false"),
    ],
)
def test_a_reading_is_told_with_the_unit_that_ends_its_name(name: str, found: object, words: str) -> None:
    assert text.reading(name, found) == words  # type: ignore[arg-type]


def test_the_headline_stands_alone_with_the_verdict_first() -> None:
    assert text.headline(latency_record()) == "FAIL: latency of digits.onnx on onnxruntime:cpu: p95 is above 5 ms."


@pytest.mark.parametrize(
    "told",
    [
        "p95 7.12 ms [6.9 ms, 7.3 ms], budget 5 ms (from --latency-budget=5ms): FAIL",
        "1,200 of 1,500 samples above it (5 % may be)",
        "n = 1,500 in 7.2 s, effective n = 750",
        "stopped because: the evidence was clear",
        "overrides p95 <= 8 ms from digits.edge.toml",
        "conditions: temperature 55 °C → 61 °C, load_1min 2\n",
        "on linux-x86_64, runtime 1.2.3, threads=2",
        "also p50 4 ms [3.9 ms, 4.1 ms]; p99 9 ms [8 ms, ?]",
        "What to do: Quantise the model or raise the budget.",
    ],
)
def test_a_failing_latency_check_tells_all_a_person_needs(told: str) -> None:
    assert told in "\n".join(text.sentences(latency_record()))


def test_what_could_not_be_judged_says_what_its_word_means() -> None:
    assert "  INVALID means: the measurement cannot be trusted." in text.sentences(latency_record(Verdict.INVALID))


def test_the_figure_of_a_table_is_the_percentile_of_the_budget_that_decided() -> None:
    record = latency_record()
    assert record.latency is not None
    good = BudgetVerdict(record.latency.budgets[0].budget, Verdict.PASS, Quantile(50.0, 4e-3, 3.9e-3, 4.1e-3), 0)
    both = replace(record, latency=replace(record.latency, budgets=(good, *record.latency.budgets)))
    assert text.figure(both) == "p95 7.12 ms [6.9 ms, 7.3 ms]"


def test_the_figure_without_a_budget_is_p95() -> None:
    record = latency_record(Verdict.MEASURED)
    assert record.latency is not None
    assert text.figure(replace(record, latency=replace(record.latency, budgets=()))).startswith("p95 ")


def test_the_figure_of_amounts_is_the_one_that_decided() -> None:
    amounts = (Amount("cold", 0.1, "s", 1.0), Amount("first", 0.2, "s", 0.1))
    record = replace(size_record(Verdict.FAIL), amounts=amounts)
    assert text.figure(record) == "first 200 ms, limit 100 ms"


def test_a_check_without_figures_has_an_empty_figure() -> None:
    assert text.figure(CheckRecord("signature", size_record().cell, Verdict.PASS, "fine.")) == ""
