from __future__ import annotations

import sys

import pytest

from pytest_edgert.plugin.toml_lines import key_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TEXT = '''# a comment with = and [brackets]
artefacts = [
    "a.onnx",  # one ]
    "b = 3",
]
latency = { p95 = "5ms", p99 = "8ms" }
a."b.c".d = 1

note = """
size = 3
\\""" still text"""
path = 'C:\\'
[device.pi-5]
size = { artefact = "6MB" }
  [ device . "x y" ]
load.cold = "2s"
[[rows]]
name = { deep = { deeper = [ { last = 1 } ] } }
'''


def paths(table: object, parents: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if isinstance(table, list):
        return set().union(*(paths(item, parents) for item in table))
    if not isinstance(table, dict):
        return set()
    return {path for key, value in table.items() for path in ({(*parents, key)} | paths(value, (*parents, key)))}


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("artefacts",), 2),
        (("latency", "p99"), 6),
        (("a", "b.c", "d"), 7),
        (("note",), 9),
        (("path",), 12),
        (("device", "pi-5"), 13),
        (("device", "pi-5", "size", "artefact"), 14),
        (("device", "x y", "load", "cold"), 16),
        (("rows", "name", "deep", "deeper", "last"), 18),
    ],
)
def test_a_key_has_its_line(path: tuple[str, ...], line: int) -> None:
    assert key_lines(TEXT)[path] == line


def test_every_key_is_found_and_no_other() -> None:
    assert set(key_lines(TEXT)) == paths(tomllib.loads(TEXT))


def test_windows_line_ends_count_once() -> None:
    assert key_lines("a = 1\r\nb = 2\r\n") == {("a",): 1, ("b",): 2}


@pytest.mark.parametrize("text", ["", "= [", '"', "[a", "a = {b", "a = [1,", "]]]"])
def test_text_that_is_no_toml_ends_too(text: str) -> None:
    assert isinstance(key_lines(text), dict)
