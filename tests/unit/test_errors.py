from __future__ import annotations

import pytest

from pytest_edgert import errors
from pytest_edgert.errors import EdgertError, WorkerCrashedError, from_wire, to_wire
from pytest_edgert.records import Verdict

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EdgertError)]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_crosses_the_wire_as_itself(kind: type[EdgertError]) -> None:
    back = from_wire(to_wire(kind("What was found.", "What to do.")))
    assert type(back) is kind
    assert (back.message, back.remedy) == ("What was found.", "What to do.")


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_leads_to_a_verdict_that_is_not_green(kind: type[EdgertError]) -> None:
    assert not Verdict(kind.verdict).green


def test_a_lost_worker_is_infra_and_never_the_models_failure() -> None:
    assert WorkerCrashedError("gone").verdict == "INFRA"


def test_an_unknown_kind_becomes_the_base_class() -> None:
    assert type(from_wire({"kind": "FromTheFuture", "message": "m", "remedy": ""})) is EdgertError


def test_a_subclass_made_elsewhere_travels_as_the_base_class() -> None:
    class OwnError(EdgertError):
        pass

    assert to_wire(OwnError("m"))["kind"] == "EdgertError"


@pytest.mark.parametrize(("remedy", "text"), [("Do this.", "It broke. Do this."), ("", "It broke.")])
def test_the_text_ends_with_the_remedy(remedy: str, text: str) -> None:
    assert str(EdgertError("It broke.", remedy)) == text
