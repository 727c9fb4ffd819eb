from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.contracts import Target, parse_target
from pytest_edgert.errors import UsageError
from pytest_edgert.golden import names, update
from pytest_edgert.golden.names import MAX_CHARACTERS, check_name, golden_name, variant_names

texts = st.lists(st.one_of(st.text(max_size=60), st.from_regex(r"[a-zA-B@/.-]{1,9}", fullmatch=True)), max_size=4)


@pytest.mark.parametrize("module", [names, update])
def test_the_examples_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@settings(deadline=None)
@given(parts=texts)
def test_every_name_is_a_short_safe_file_name(parts: list[str]) -> None:
    name = golden_name(*parts)
    assert check_name(name) == name
    assert len(name) <= MAX_CHARACTERS
    assert "@" not in name


@pytest.mark.slow
@settings(deadline=None)
@given(left=texts, right=texts)
def test_different_subjects_have_names_that_differ_beyond_case(left: list[str], right: list[str]) -> None:
    if [part for part in left if part] != [part for part in right if part]:
        assert golden_name(*left).lower() != golden_name(*right).lower()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("a-b", "c"), ("a", "b-c")),
        (("a--b",), ("a", "b")),
        (("a-", "b"), ("a", "-b")),
        (("Test",), ("test",)),
        (("a/b",), ("a", "b")),
        (("x" * 200 + "1",), ("x" * 200 + "2",)),
    ],
)
def test_subjects_that_look_alike_have_different_names(left: tuple[str, ...], right: tuple[str, ...]) -> None:
    assert golden_name(*left).lower() != golden_name(*right).lower()


def test_a_name_is_the_same_in_every_run() -> None:
    assert golden_name("Test Größe", "m.onnx") == "Test-Gr-e--m.onnx-a718edc7e1"


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("onnxruntime:cpu", ("n@onnxruntime-cpu", "n@onnxruntime", "n")),
        ("onnxruntime", ("n@onnxruntime", "n")),
        ("litert+builtin", ("n@litert+builtin", "n@litert", "n")),
    ],
)
def test_variants_come_most_specific_first(target: str, wanted: tuple[str, ...]) -> None:
    assert variant_names("n", parse_target(target)) == wanted


def test_no_target_has_no_variant() -> None:
    assert variant_names("n", Target("")) == ("n",)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".a", "a@", "a@b@c", "a\n", "ü", "a" * 200, "a\0b", "-a"])
def test_an_unsafe_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a golden's name"):
        check_name(name)
