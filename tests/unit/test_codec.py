from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import jsonschema
import pytest

from pytest_edgert.codec import decode, encode, json_schema


class Colour(str, Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Part:
    """A part."""

    value: float
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole."""

    colour: Colour
    parts: tuple[Part, ...] = ()
    facts: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    best: Part | None = None


WHOLE = Whole(Colour.RED, (Part(1.5), Part(2.0, "b")), {"n": 1, "on": True, "x": 0.5, "none": None}, Part(0.1))


def test_a_record_survives_json() -> None:
    assert decode(Whole, json.loads(json.dumps(encode(WHOLE)))) == WHOLE


def test_types_of_plain_values_survive() -> None:
    facts = decode(Whole, json.loads(json.dumps(encode(WHOLE)))).facts
    assert [type(value) for value in facts.values()] == [int, bool, float, type(None)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_lacks_becomes_null_and_comes_back_as_nan(value: float) -> None:
    encoded = encode(Part(value))
    assert encoded["value"] is None
    assert math.isnan(decode(Part, encoded).value)


def test_an_integer_is_taken_for_a_float() -> None:
    assert type(decode(Part, {"value": 1}).value) is float


def test_values_that_are_not_plain_are_refused() -> None:
    with pytest.raises(TypeError, match="plain values only, got object"):
        encode({"a": object()})


def test_a_numpy_scalar_is_refused() -> None:
    numpy = pytest.importorskip("numpy")
    with pytest.raises(TypeError, match="plain values only"):
        encode(Part(numpy.float32(1.0)))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"value": "1"}, TypeError),
        ({"value": 1.0, "other": 2}, KeyError),
        ({"value": 1.0, "label": 3}, TypeError),
        ({}, TypeError),
    ],
)
def test_other_data_is_refused(data: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        decode(Part, data)


def test_an_unknown_word_of_an_enum_is_refused() -> None:
    with pytest.raises(ValueError, match="green"):
        decode(Whole, {"colour": "green"})


def test_what_is_encoded_follows_the_schema() -> None:
    schema = json_schema(Whole, "whole")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(encode(WHOLE))


@pytest.mark.parametrize(
    "change", [{"colour": "green"}, {"parts": [{"value": "1", "label": None}]}, {"more": 1}, {"best": 3}]
)
def test_the_schema_refuses_other_data(change: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema(Whole, "whole")).validate({**encode(WHOLE), **change})
