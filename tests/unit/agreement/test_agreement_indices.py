"""Which outputs hold indices into which scores, as someone says or as a graph tells."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pytest_edgert.agreement.compare import compare_outputs
from pytest_edgert.agreement.explain.evidence import Context
from pytest_edgert.agreement.indices import asked_indices, recognised, told_indices
from pytest_edgert.agreement.match import Matching, Pair
from pytest_edgert.agreement.policy import POLICY
from pytest_edgert.errors import UsageError
from pytest_edgert.records import Evidence, Placement, Verdict
from pytest_edgert.tensors import Quantization, Signature, TensorSpec

OWN = Signature(
    (),
    (
        TensorSpec("labels", "int64", (1,)),
        TensorSpec("scores", "float32", (1, 3)),
        TensorSpec("steps", "int8", (1, 3), Quantization((1.0,), (0,))),
        TensorSpec("words", "string", (1,)),
    ),
)
THEIRS = Signature((), tuple(TensorSpec(f"{spec.name}_2", spec.dtype, spec.shape) for spec in OWN.outputs))
MATCHING = Matching("outputs", tuple(Pair(s.name, f"{s.name}_2", "map") for s in OWN.outputs))


def asked(**names: str) -> dict[str, str]:
    return asked_indices(names, MATCHING, OWN, THEIRS, "net.edge.toml:3")


def placed(**indices: str) -> Placement:
    return Placement("cpu", Evidence.TRACED, detail={"indices": json.dumps(indices)})


def test_names_of_either_side_are_understood() -> None:
    assert asked(labels="scores") == {"labels": "scores"}
    assert asked(labels_2="steps_2") == {"labels": "steps"}


@pytest.mark.parametrize(
    ("name", "scores", "words"),
    [
        ("label", "scores", r"net.edge.toml:3: 'label' is no output that is compared; there are 'labels', "),
        ("labels", "score", "'score' is no output"),
        ("scores", "steps", "output 'scores' is float32 and holds no indices"),
        ("steps", "scores", "quantised int8 and holds no indices"),
        ("labels", "words", "string and holds no scores"),
        ("labels", "labels_2", "into itself"),
    ],
)
def test_a_map_of_what_is_not_there_or_holds_no_indices_is_refused(name: str, scores: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        asked(**{name: scores})


def test_what_either_graph_tells_is_recognised_where_both_outputs_are_compared() -> None:
    nothing = Placement("cpu", Evidence.TRACED)
    assert told_indices(nothing) == {}
    assert recognised(MATCHING, nothing, placed(labels_2="scores_2")) == {"labels": "scores"}
    assert recognised(MATCHING, placed(labels="steps"), placed(labels_2="scores_2")) == {"labels": "steps"}
    assert recognised(MATCHING, placed(labels="gone", other="scores"), nothing) == {}


def test_one_row_of_scores_for_each_inference_is_not_taken_for_one_long_row() -> None:
    matching = Matching("outputs", (Pair("i", "i", "name"), Pair("s", "s", "name")))
    row = POLICY["float32"]
    scores = np.float32([0.5, 0.50001, 0.1, 0.5, 0.50001, 0.1])
    tolerances = {"i": POLICY["integer"], "s": row}

    def judge(index: list[int]) -> Verdict:
        return compare_outputs(
            {"i": np.array(index), "s": scores},
            {"i": np.array([1, 1]), "s": scores.copy()},
            matching,
            tolerances,
            indices={"i": "s"},
            context=Context(n_feeds=2),
        ).verdict

    assert judge([1, 0]) is Verdict.PASS
    assert judge([1, 2]) is Verdict.FAIL
    assert judge([1, 4]) is Verdict.FAIL
