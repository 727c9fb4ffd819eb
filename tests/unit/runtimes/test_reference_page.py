"""The page of the oracle lists every operator that it has a rule for, in the row of its trust, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_edgert.runtimes.reference.nodes import Reach
from pytest_edgert.runtimes.reference.onnx_graph import CONTROL, OPERATORS
from pytest_edgert.runtimes.reference.quantized import MICROSOFT
from pytest_edgert.runtimes.reference.tflite_graph import OPERATORS as TFLITE

PAGE = (Path(__file__).parents[3] / "docs/runtimes/reference.md").read_text(encoding="utf-8")


def listed(start: str, end: str) -> set[str]:
    part = PAGE[PAGE.index(start) + len(start) :]
    return set(re.findall(r"`(\w+)`", part[: part.index(end)]))


@pytest.mark.parametrize("trust", ["own-exact", "own-float64"])
def test_the_row_of_a_trust_lists_the_operators_that_have_it(trust):
    leaves = trust == "own-float64"
    wanted = {name for (domain, name), one in OPERATORS.items() if not domain and (one.reach is Reach.LEAVES) is leaves}
    wanted |= {name for name, one in MICROSOFT.items() if leaves and one.reach is Reach.LEAVES}
    assert listed(f"| `{trust}` | ", "\n") == wanted


def test_every_operator_of_com_microsoft_is_on_the_page():
    assert set(MICROSOFT) <= listed("## What is exact", "## Where ONNX leaves it open")


def test_no_operator_with_a_rule_is_said_to_be_left_to_the_package_onnx():
    own = {name for _, name in OPERATORS} | CONTROL
    assert listed("| `onnx-reference` | ", "\n") & own == {"MaxPool"}  # with indices


def test_every_operator_of_tflite_is_on_the_page():
    assert {one.name for one in TFLITE.values()} == {
        name for name in listed("Operators: `ADD`", "## Options") | {"ADD"} if name.isupper() and name != "VAR_HANDLE"
    }
