"""The reader of .tflite files: what it finds, and that damage is found before LiteRT sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tflite_models import (
    Graph,
    Operator,
    Tensor,
    counting_model,
    float_model,
    int8_model,
    one_operator,
    save,
    stateful_model,
)

from pytest_edgert.errors import ArtefactError
from pytest_edgert.runtimes.litert_file import Port, read_file


def test_ports_are_the_tensors_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = read_file(save(tmp_path / "m.tflite", float_model()))
    assert found.inputs == (Port("x", 0, "float32", "x"), Port("q", 4, "int32", "q"))
    assert found.outputs == (Port("y", 3, "float32", "y"), Port("p", 6, "int32", "p"))


def test_a_signature_names_the_ports_and_the_file_orders_them(tmp_path: Path) -> None:
    names = ("serving_default", {"count": 4, "image": 0}, {"a": 6, "b": 3}, 0)
    found = read_file(save(tmp_path / "m.tflite", float_model(), signatures=[names]))
    assert [port.name for port in found.inputs] == ["image", "count"]
    assert [port.name for port in found.outputs] == ["b", "a"]
    assert found.signature == "serving_default"


def test_the_default_signature_is_preferred_and_one_of_another_subgraph_left_out(tmp_path: Path) -> None:
    main, other = one_operator(), one_operator()
    signatures = [
        ("train", {"t": 0}, {"loss": 1}, 1),
        ("infer", {"i": 0}, {"o": 1}, 0),
        ("serving_default", {"x0": 0}, {"y0": 1}, 0),
    ]
    found = read_file(save(tmp_path / "m.tflite", main, other, signatures=signatures))
    assert (found.signature, found.inputs[0].name, found.outputs[0].name) == ("serving_default", "x0", "y0")


def test_a_tensor_that_a_signature_names_twice_is_there_twice(tmp_path: Path) -> None:
    names = ("s", {"x": 0}, {"probabilities": 1, "scores": 1}, 0)
    found = read_file(save(tmp_path / "m.tflite", one_operator(), signatures=[names]))
    assert [(port.name, port.index) for port in found.outputs] == [("probabilities", 1), ("scores", 1)]


def test_no_name_is_there_twice_and_none_is_empty(tmp_path: Path) -> None:
    tensors = [Tensor(""), Tensor("a"), Tensor("a")]
    operators = [Operator("ABS", [0], [1]), Operator("ABS", [0], [2])]
    found = read_file(save(tmp_path / "m.tflite", Graph(tensors, operators, [0], [1, 2])))
    assert [port.name for port in found.inputs] == ["input_0"]
    assert [port.name for port in found.outputs] == ["a", "a#1"]


def test_types_that_numpy_lacks_have_their_own_names(tmp_path: Path) -> None:
    assert read_file(save(tmp_path / "m.tflite", one_operator(dtype="int4"))).inputs[0].dtype == "int4"


def test_variables_are_told(tmp_path: Path) -> None:
    assert read_file(save(tmp_path / "m.tflite", stateful_model())).has_variables
    assert not read_file(save(tmp_path / "m.tflite", float_model())).has_variables


def test_a_written_resource_variable_is_told(tmp_path: Path) -> None:
    assert read_file(save(tmp_path / "m.tflite", *counting_model())).assigns_variables


def test_a_resource_variable_that_is_only_set_up_once_is_none(tmp_path: Path) -> None:
    main, once = counting_model()
    main.operators = main.operators[:-1]
    assert not read_file(save(tmp_path / "m.tflite", main, once)).assigns_variables


@pytest.mark.slow
@pytest.mark.parametrize(
    "graphs", [(float_model(),), (int8_model(),), counting_model()], ids=["float", "int8", "state"]
)
def test_every_truncation_is_refused(tmp_path: Path, graphs: tuple[Graph, ...]) -> None:
    path = tmp_path / "m.tflite"
    whole = save(path, *graphs, signatures=[("s", {"a": 0}, {"b": 3}, 0)]).read_bytes()
    opened = []
    for length in range(1, len(whole) - 3):  # the last three bytes may be padding
        path.write_bytes(whole[:length])
        try:
            read_file(path)
        except ArtefactError as error:
            assert "m.tflite" in error.message  # noqa: PT017 - every one of a thousand must say which file
        else:
            opened.append(length)
    assert opened == []


@pytest.mark.parametrize("content", [b"\x93foreign" * 9, b"TFL3" * 9, b"\xff" * 4 + b"TFL3" + b"\xff" * 64, b"\0" * 99])
def test_a_foreign_file_is_refused_with_its_cause(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"no \.tflite model") as caught:
        read_file(tmp_path / "m.tflite")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (Graph([Tensor("x"), Tensor("y")], [Operator("ABS", [0], [7])], [0], [1]), "tensor 7 of 2"),
        (Graph([Tensor("x"), Tensor("y")], [Operator("ABS", [0], [1])], [3], [1]), "tensor 3 of 2"),
        (Graph([Tensor("x"), Tensor("y")], [Operator("ABS", [-2], [1])], [0], [1]), "tensor -2 of 2"),
    ],
)
def test_an_index_of_nothing_is_refused(tmp_path: Path, graph: Graph, said: str) -> None:
    with pytest.raises(ArtefactError, match=said):
        read_file(save(tmp_path / "m.tflite", graph))


def test_a_model_without_a_subgraph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="no subgraph"):
        read_file(save(tmp_path / "m.tflite"))


def test_a_missing_file_is_an_artefact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="gone"):
        read_file(tmp_path / "gone.tflite")
