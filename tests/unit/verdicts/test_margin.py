import pytest

from pytest_edgert.errors import UsageError
from pytest_edgert.verdicts.margin import Margin, parse_margin


@pytest.mark.parametrize(
    ("text", "share"),
    [("5%", 0.05), (" 5 % ", 0.05), ("0.05", 0.05), (".5", 0.5), ("150%", 1.5), ("0", 0.0), ("0%", 0.0)],
)
def test_a_margin_is_a_percentage_or_a_number_below_one(text, share):
    assert parse_margin(text, "here") == Margin(pytest.approx(share), "here")


@pytest.mark.parametrize("text", ["-5%", "-0.05", "", "%", "five", "nan", "inf%", "5ms", "5 %%", "1e-2", "0,05"])
def test_anything_else_is_refused_with_its_source(text):
    with pytest.raises(UsageError, match=r"^here: .* is not a margin of 0 or more") as caught:
        parse_margin(text, "here")
    assert "5%" in caught.value.remedy


@pytest.mark.parametrize("text", ["5", "1", "100"])
def test_a_number_of_one_or_more_needs_its_unit(text):
    with pytest.raises(UsageError, match="has no unit"):
        parse_margin(text, "here")


def test_a_margin_beyond_all_numbers_is_refused():
    with pytest.raises(UsageError, match="can be measured"):
        parse_margin("9" * 400 + "%", "here")


def test_the_limit_is_one_and_the_share():
    assert Margin(0.05).limit == 1.05
