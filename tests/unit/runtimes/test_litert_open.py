"""Opening with the real LiteRT: what is refused, in which words; options; placement."""

from __future__ import annotations

from pathlib import Path

import pytest
from tflite_models import Graph, Tensor, counting_model, float_model, int8_model, one_operator, save, stateful_model

from pytest_edgert.errors import ArtefactError, EdgertError, TargetMissingError, UnsupportedModelError, UsageError
from pytest_edgert.records import Evidence, PresenceState
from pytest_edgert.runtimes.litert import RUNTIME
from pytest_edgert.runtimes.litert_modules import INTERPRETERS, NOT_DRIVEN, import_interpreter
from pytest_edgert.runtimes.litert_placement import Node, delegated, read_placement

VARIANTS = ["xnnpack", "builtin", "reference"]


def refusal(path: Path, kind: type[EdgertError], **options: object) -> EdgertError:
    with pytest.raises(kind) as caught:
        RUNTIME.open(path, "cpu", options)
    assert path.name in caught.value.message
    assert caught.value.remedy
    return caught.value


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").touch()
    assert "is empty" in refusal(tmp_path / "m.tflite", ArtefactError).message


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").mkdir()
    refusal(tmp_path / "m.tflite", ArtefactError)


@pytest.mark.parametrize("kernels", VARIANTS)
@pytest.mark.parametrize(
    ("operator", "named"),
    [
        ("edgetpu-custom-op", "edgetpu-custom-op of m.tflite: the file is compiled for the Edge TPU"),
        ("ethos-u", "ethos-u of m.tflite: the file is compiled by Vela for an Arm Ethos-U"),
        ("SignalWindow", "TensorFlow Lite Micro's signal library"),
        ("Swirl", "the custom operator Swirl of m.tflite"),
        ("FlexErf", "operators of TensorFlow itself"),
    ],
)
def test_a_custom_operator_is_refused_in_one_sentence_that_names_it(
    tmp_path: Path, operator: str, named: str, kernels: str
) -> None:
    error = refusal(save(tmp_path / "m.tflite", one_operator(operator)), UnsupportedModelError, kernels=kernels)
    assert named in error.message
    assert len(error.message) < 120
    assert error.__cause__ is not None


@pytest.mark.parametrize("kernels", VARIANTS)
def test_a_version_of_an_operator_that_the_runtime_lacks_is_named(tmp_path: Path, kernels: str) -> None:
    path = save(tmp_path / "m.tflite", one_operator("ABS", version=99))
    assert "ABS (version 99)" in refusal(path, UnsupportedModelError, kernels=kernels).message


def test_a_node_that_cannot_be_prepared_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "m.tflite", one_operator("ABS", "bool"))
    assert "(ABS)" in refusal(path, UnsupportedModelError, kernels="reference").message


def test_a_quantised_dimension_that_is_none_is_told(tmp_path: Path) -> None:
    graph = int8_model()
    graph.tensors[1].axis = 3
    said = refusal(save(tmp_path / "m.tflite", graph), UnsupportedModelError).message
    assert "refuses the quantisation of m.tflite" in said


@pytest.mark.parametrize("dtype", ["string", "int4", "bfloat16"])
def test_types_that_are_not_exchanged_are_refused_by_name(tmp_path: Path, dtype: str) -> None:
    path = save(tmp_path / "m.tflite", one_operator(dtype=dtype))
    assert f"input 'x' is {dtype}" in refusal(path, UnsupportedModelError).message


def test_state_that_cannot_be_reset_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.tflite", *counting_model())
    assert "ASSIGN_VARIABLE" in refusal(path, UnsupportedModelError).message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"treads": 1}, "threads"),
        ({"threads": 0}, "threads"),
        ({"kernels": "referense"}, "reference"),
        ({"shape.x": "3"}, "contradicts"),
        ({"shape.x": "2x5"}, "contradicts"),
        ({"shape.z": "3"}, "no input"),
    ],
)
def test_an_option_that_is_wrong_is_refused(tmp_path: Path, options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        RUNTIME.open(save(tmp_path / "m.tflite", float_model()), "cpu", options)


@pytest.mark.parametrize("kernels", VARIANTS)
def test_module_kernels_and_threads_are_told(tmp_path: Path, kernels: str) -> None:
    path = save(tmp_path / "m.tflite", float_model())
    detail = RUNTIME.open(path, "cpu", {"kernels": kernels, "threads": 2}).placement.detail
    assert (detail["kernels"], detail["threads"], detail["module"]) == (kernels, 2, import_interpreter()[1])


def test_placement_counts_the_nodes_and_says_what_xnnpack_took(tmp_path: Path) -> None:
    placement = RUNTIME.open(save(tmp_path / "m.tflite", float_model()), "cpu", {}).placement
    assert (placement.evidence, placement.nodes, placement.share) == (Evidence.TRACED, {"cpu": 2}, 1.0)
    assert (placement.detail["delegated_nodes"], placement.detail["own_kernels"]) == (1, "ADD x1")


@pytest.mark.parametrize("kernels", ["builtin", "reference"])
def test_variants_have_no_delegate(tmp_path: Path, kernels: str) -> None:
    detail = RUNTIME.open(save(tmp_path / "m.tflite", float_model()), "cpu", {"kernels": kernels}).placement.detail
    assert (detail["delegated_nodes"], detail["delegate_calls"]) == (0, 0)


def test_a_state_is_no_node_of_a_delegate(tmp_path: Path) -> None:
    detail = RUNTIME.open(save(tmp_path / "m.tflite", stateful_model()), "cpu", {}).placement.detail
    assert detail["own_kernels"] == "SVDF x1"


def test_delegated_nodes_are_those_between_the_ends_of_a_delegate() -> None:
    nodes = [
        Node("CONV_2D", (0, 1), (2,)),
        Node("ADD", (2, 0), (3,)),
        Node("SOFTMAX", (3,), (4,)),
        Node("ABS", (4,), (5,)),
        Node("DELEGATE", (0, 1), (3,)),
        Node("DELEGATE", (4,), (5,)),
    ]
    assert delegated(nodes) == {0, 1, 3}


def test_a_build_that_does_not_tell_its_nodes_only_plans() -> None:
    assert read_placement(object(), {"threads": 1}).evidence is Evidence.PLANNED


@pytest.mark.parametrize("accelerator", NOT_DRIVEN)
def test_what_is_not_driven_is_absent_and_missing_with_a_remedy(tmp_path: Path, accelerator: str) -> None:
    told = {presence.name: presence for presence in RUNTIME.accelerators()}
    assert told[accelerator].state is PresenceState.ABSENT
    with pytest.raises(TargetMissingError, match="yet") as caught:
        RUNTIME.open(save(tmp_path / "m.tflite", Graph([Tensor("x")], [], [0], [0])), accelerator, {})
    assert caught.value.remedy


def test_the_version_says_which_module_it_is() -> None:
    assert RUNTIME.version().endswith(tuple(f" ({package})" for package in INTERPRETERS))


def test_where_no_module_can_be_imported_each_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_edgert.runtimes.litert_modules.INTERPRETERS", {"no_such_a": "no_such_a.i"})
    with pytest.raises(TargetMissingError, match="no_such_a: ModuleNotFoundError") as caught:
        RUNTIME.version()
    assert "pip install" in caught.value.remedy
    assert RUNTIME.accelerators()[0].state is PresenceState.ABSENT
