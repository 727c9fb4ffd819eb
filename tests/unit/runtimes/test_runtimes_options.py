from __future__ import annotations

import pytest

from pytest_edgert.contracts import RuntimeInfo
from pytest_edgert.errors import UsageError
from pytest_edgert.runtimes.options import (
    bind_shapes,
    check_names,
    nearest,
    read_choice,
    read_count,
    read_dimensions,
    read_flag,
    read_shapes,
)
from pytest_edgert.tensors import Signature, TensorSpec

INFO = RuntimeInfo("r", (), (), (), (), options={"threads": "", "optimization": "", "shape.INPUT": ""})
SIGNATURE = Signature(
    (TensorSpec("image", "float32", ("batch", 3, None)), TensorSpec("mask", "bool", ("batch",))),
    (TensorSpec("y", "float32", ("batch", "other")),),
)


def test_known_names_and_families_pass() -> None:
    check_names(INFO, {"threads": 1, "shape.image": "1x3", "shape.a.b/c:0": "1"})


@pytest.mark.parametrize("name", ["thread", "shape", "shape.", "shapes.image"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no option"):
        check_names(INFO, {name: 1})


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UsageError, match="Did you mean 'threads'"):
        check_names(INFO, {"thread": 1})


def test_without_a_near_name_all_are_told() -> None:
    assert nearest("qqqq", ["a", "b"]) == "Known: a, b."


@pytest.mark.parametrize(("value", "count"), [(4, 4), ("4", 4), (None, None)])
def test_a_count_is_read(value: object, count: int | None) -> None:
    assert read_count({} if value is None else {"threads": value}, "threads") == count


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "four", "", "²"])
def test_what_is_no_count_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="threads"):
        read_count({"threads": value}, "threads")


@pytest.mark.parametrize(("value", "flag"), [(True, True), ("true", True), ("False", False), (0, False), ("on", True)])
def test_a_flag_is_read(value: object, flag: bool) -> None:
    assert read_flag({"f": value}, "f") is flag


@pytest.mark.parametrize("value", ["maybe", 2, ""])
def test_what_is_no_flag_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="true or false"):
        read_flag({"f": value}, "f")


def test_a_choice_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="'basic'"):
        read_choice({"o": "bsic"}, "o", ["all", "basic"], "all")


@pytest.mark.parametrize(("text", "shape"), [("1x3x224", (1, 3, 224)), ("8", (8,)), ("", ()), ("0X2", (0, 2))])
def test_a_shape_is_read(text: str, shape: tuple[int, ...]) -> None:
    assert read_shapes({"shape.image": text}) == {"image": shape}


@pytest.mark.parametrize("text", ["1xx3", "-1x3", "ax3", "1,3", "1.5"])
def test_what_is_no_shape_is_refused_by_input(text: str) -> None:
    with pytest.raises(UsageError, match="image"):
        read_shapes({"shape.image": text})


def test_a_name_is_bound_wherever_it_stands() -> None:
    bound = bind_shapes(SIGNATURE, {"image": (2, 3, 7)})
    assert [spec.shape for spec in bound.inputs + bound.outputs] == [(2, 3, 7), (2,), (2, "other")]


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"image": (1, 4, 5)}, "contradicts"),
        ({"image": (1, 3)}, "contradicts"),
        ({"imag": (1, 3, 5)}, "no input"),
        ({"image": (1, 3, 5), "mask": (2,)}, "'batch'"),
    ],
)
def test_shapes_that_contradict_the_model_are_refused(shapes: dict[str, tuple[int, ...]], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bind_shapes(SIGNATURE, shapes)


@pytest.mark.parametrize("value", [-1, 1.5, True, "two", "", "²"])
def test_what_is_no_length_is_refused_by_name(value: object) -> None:
    with pytest.raises(UsageError, match="seq"):
        read_dimensions({"dimension.seq": value})


def test_a_dimension_is_bound_by_its_name_wherever_it_stands() -> None:
    bound = bind_shapes(SIGNATURE, {}, read_dimensions({"dimension.batch": "4"}))
    assert [spec.shape for spec in bound.inputs + bound.outputs] == [(4, 3, None), (4,), (4, "other")]


@pytest.mark.parametrize("first", [None, "N", "batch"])
def test_batch_is_every_free_first_dimension(first: str | None) -> None:
    signature = Signature((TensorSpec("x", "float32", (first, 3)),), (TensorSpec("y", "float32", (first, 9)),))
    assert bind_shapes(signature, {}, {"batch": 2}).inputs[0].shape == (2, 3)


def test_batch_may_say_what_is_fixed_already() -> None:
    signature = Signature((TensorSpec("x", "float32", (1, 3)),), ())
    assert bind_shapes(signature, {}, {"batch": 1}) == signature
    with pytest.raises(UsageError, match=r"no free dimension 'batch'\. All its dimensions are fixed"):
        bind_shapes(signature, {}, {"batch": 2})


def test_an_unknown_dimension_names_those_that_are_free() -> None:
    with pytest.raises(UsageError, match=r"no free dimension 'bacth'. Its free dimensions: batch\."):
        bind_shapes(SIGNATURE, {}, {"bacth": 2})


def test_a_dimension_that_contradicts_a_shape_is_refused() -> None:
    with pytest.raises(UsageError, match="'batch' of input 'mask' is bound to 2 and to 4"):
        bind_shapes(SIGNATURE, {"mask": (2,)}, {"batch": 4})
