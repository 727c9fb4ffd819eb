"""JUnit: the verdict's word first in the message, and as a property."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from verdict_cases import LEAVE

Write = Callable[..., None]
JunitCase = Callable[..., ET.Element]


@pytest.fixture
def case(project: pytest.Pytester, write_models: Write) -> JunitCase:
    """Run one test and return its JUnit element."""
    write_models("digits.onnx")

    def run(body: str, *arguments: str) -> ET.Element:
        project.makepyfile(f"{LEAVE}\ndef test_it(edge_session):\n    {body}\n")
        project.runpytest("--junitxml=junit.xml", *arguments)
        found = ET.parse(project.path / "junit.xml").getroot().find(".//testcase")  # noqa: S314 - our own file
        assert found is not None
        return found

    return run


def properties(element: ET.Element) -> dict[str | None, str | None]:
    return {one.get("name"): one.get("value") for one in element.iter("property")}


@pytest.mark.parametrize("verdict", ["PASS", "MEASURED", "FAIL", "INCONCLUSIVE", "INVALID", "INFRA", "NOTRUN"])
def test_the_verdict_is_a_property(case: JunitCase, verdict: str) -> None:
    assert properties(case(f"leave({verdict!r})"))["edgert.verdict"] == verdict


@pytest.mark.parametrize("verdict", ["FAIL", "INFRA"])
@pytest.mark.parametrize("style", ["--tb=auto", "--tb=long"])
def test_the_word_comes_first_in_the_message(case: JunitCase, verdict: str, style: str) -> None:
    failure = case(f"leave({verdict!r})", style).find("failure")
    assert failure is not None
    assert str(failure.get("message")).startswith(f"{verdict}: latency of digits.onnx on onnxruntime:cpu")


def test_figures_are_properties(case: JunitCase) -> None:
    assert properties(case("leave('MEASURED', check='size')"))["edgert.size.artefact_bytes"] == "64300.0"


def test_an_error_without_a_record_has_the_property_too(case: JunitCase) -> None:
    assert properties(case("raise WorkerCrashedError('gone')"))["edgert.verdict"] == "INFRA"


@pytest.mark.slow
def test_the_property_crosses_xdist(case: JunitCase) -> None:
    assert properties(case("leave('INFRA')", "-n2", "--edge-seed=1"))["edgert.verdict"] == "INFRA"
