import subprocess
import sys

import pytest

from pytest_edgert.errors import UsageError
from pytest_edgert.records import Budget
from pytest_edgert.verdicts.budgets import budgets_from_table, parse_budgets


def test_a_bare_duration_is_p95():
    assert parse_budgets("5ms", "--latency-budget") == (Budget(95.0, 0.005, "--latency-budget"),)


@pytest.mark.parametrize("text", ["p50=2ms, p99=5ms", "p50=2ms,p99=5ms", " P50 = 2 ms , p99.0=5000us "])
def test_percentiles_keep_the_order_written(text):
    assert parse_budgets(text, "x") == (Budget(50.0, 0.002, "x"), Budget(99.0, 0.005, "x"))


def test_a_bare_duration_stands_beside_percentiles():
    assert [budget.name for budget in parse_budgets("5ms,p99.9=8ms", "x")] == ["p95", "p99.9"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5", "has no unit"),
        ("-1ms", "above zero"),
        ("0ms", "above zero"),
        ("5parsec", "unknown unit 'parsec'"),
        ("p101=5ms", "p101; a percentile lies above 0 and below 100"),
        ("p0=5ms", "asks for p0"),
        ("p100=5ms", "asks for p100"),
        ("nan", "has no unit"),
        ("nanms", "finite"),
        ("infs", "finite"),
        ("1e308h", "not a duration that can be measured"),
        ("1e-400s", "above zero"),
        ("p95=", "no duration after p95="),
        ("p95", "'p95' is not a quantity"),
        ("=5ms", "'' where a percentile belongs"),
        ("95=5ms", "'95' where a percentile belongs"),
        ("p=5ms", "'p' where a percentile belongs"),
        ("mean=5ms", "'mean' where a percentile belongs"),
        ("", "holds no budget"),
        ("  ", "holds no budget"),
        ("5ms,", "no duration"),
        ("5ms,p95=6ms", "p95 twice"),
        ("p50=1ms,p50.0=2ms", "p50 twice"),
        ("p50=2ms,p99=1ms", "contradicts itself: p99 may take 0.001 s and p50, which is never longer, 0.002 s"),
        ("p95=5ms=6ms", "unknown unit"),
    ],
)
def test_a_bad_budget_is_one_error_that_names_source_text_and_remedy(text, says):
    with pytest.raises(UsageError) as caught:
        parse_budgets(text, "--latency-budget")
    assert says in caught.value.message
    assert caught.value.message.startswith("--latency-budget")
    assert text.strip() in caught.value.message
    assert caught.value.remedy


def test_a_table_follows_the_same_rules():
    assert budgets_from_table({"p95": "5ms", "p99": "8ms"}, "g.toml") == (
        Budget(95.0, 0.005, "g.toml"),
        Budget(99.0, 0.008, "g.toml"),
    )


@pytest.mark.parametrize(
    "table", [{"p95": 5}, {"p95": "5"}, {"p101": "5ms"}, {"mean": "5ms"}, {"p5": "1s", "p5.0": "2s"}]
)
def test_a_bad_table_is_refused_with_its_source(table):
    with pytest.raises(UsageError, match=r"g\.toml"):
        budgets_from_table(table, "g.toml")


def test_reading_budgets_imports_no_numpy():
    code = "import sys, pytest_edgert.verdicts.budgets; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
