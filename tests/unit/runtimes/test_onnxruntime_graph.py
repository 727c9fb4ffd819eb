from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import external, model, one_node, quantized, save, value

from pytest_edgert.errors import ArtefactError
from pytest_edgert.runtimes.onnxruntime_graph import (
    check_external_data,
    input_symbols,
    is_quantized,
    read_quantization,
)
from pytest_edgert.tensors import Quantization

INT8, UINT8, INT16, UINT16 = TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16


def test_shapes_are_those_that_onnx_reads(tmp_path: Path) -> None:
    built = model(
        [helper.make_node("Identity", ["a"], ["y"])],
        [value("a", ["batch", 3, None, 0]), value("b", []), value("c", [2**40], TensorProto.STRING)],
        [value("y", None)],
    )
    assert input_symbols(save(built, tmp_path)) == {"a": ("batch", 3, None, 0), "b": (), "c": (2**40,)}


@pytest.mark.parametrize("content", [b"\xff" * 40, b"<html>", b"\x3a\xff\xff\xff\xff\x0f", b"\x00"])
def test_other_bytes_have_no_inputs(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert input_symbols(tmp_path / "m.onnx") == {}
    assert read_quantization(tmp_path / "m.onnx", {"x"}) == {}


def test_every_truncation_is_survived(tmp_path: Path) -> None:
    whole = quantized().SerializeToString() + external("w.bin").SerializeToString()
    refused = []
    for length in range(1, len(whole)):
        path = tmp_path / "m.onnx"
        path.write_bytes(whole[:length])
        input_symbols(path)
        read_quantization(path, {"x", "y"})
        try:
            check_external_data(path)
        except ArtefactError:
            refused.append(length)
    assert refused


@pytest.mark.parametrize("kind", [INT8, UINT8, INT16, UINT16])
@pytest.mark.parametrize("as_constant_nodes", [False, True])
def test_parameters_of_one_tensor(tmp_path: Path, kind: int, as_constant_nodes: bool) -> None:
    path = save(quantized(kind, (0.25,), (7,), as_constant_nodes=as_constant_nodes), tmp_path)
    expected = Quantization((0.25,), (7,))
    assert read_quantization(path, {"x", "y"}) == {"x": expected, "y": expected}


@pytest.mark.parametrize("axis", [1, -1])
def test_parameters_of_one_axis(tmp_path: Path, axis: int) -> None:
    path = save(quantized(INT8, (0.5, 0.25, 1.0), (-3, 0, 127), axis), tmp_path)
    assert read_quantization(path, {"x"}) == {"x": Quantization((0.5, 0.25, 1.0), (-3, 0, 127), axis)}


def test_parameters_held_as_packed_fields(tmp_path: Path) -> None:
    built = quantized(INT8, (0.5, 0.25, 1.0), (-3, 0, 127), 1)
    del built.graph.initializer[:]
    built.graph.initializer.extend(
        [
            helper.make_tensor("s", TensorProto.FLOAT, [3], [0.5, 0.25, 1.0]),
            helper.make_tensor("z", INT8, [3], [-3, 0, 127]),
        ]
    )
    assert read_quantization(save(built, tmp_path), {"y"}) == {"y": Quantization((0.5, 0.25, 1.0), (-3, 0, 127), 1)}


def test_a_missing_zero_point_is_zero(tmp_path: Path) -> None:
    built = quantized()
    del built.graph.node[0].input[2]
    assert read_quantization(save(built, tmp_path), {"x"}) == {"x": Quantization((0.5,), (0,))}


def test_the_default_axis_is_one(tmp_path: Path) -> None:
    built = quantized(INT8, (0.5, 0.25, 1.0), (0, 0, 0), 1)
    for node in built.graph.node:
        del node.attribute[:]
    assert read_quantization(save(built, tmp_path), {"x"})["x"].axis == 1


def test_readers_that_disagree_leave_it_out(tmp_path: Path) -> None:
    built = quantized()
    built.graph.initializer.append(numpy_helper.from_array(np.float32(9), "other"))
    built.graph.node.append(helper.make_node("DequantizeLinear", ["x", "other", "z"], ["unused"]))
    assert set(read_quantization(save(built, tmp_path), {"x", "y"})) == {"y"}


def test_computed_parameters_are_left_out(tmp_path: Path) -> None:
    built = quantized()
    built.graph.input.append(value("s", []))
    built.graph.initializer.pop(0)
    assert read_quantization(save(built, tmp_path), {"x", "y"}) == {}


def test_a_float_graph_has_none(tmp_path: Path) -> None:
    assert read_quantization(save(one_node("Relu"), tmp_path), {"x", "y"}) == {}


def in_constant_node(weight: TensorProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Constant", [], ["w"], value=weight), helper.make_node("Add", ["x", "w"], ["y"])]
    return model(nodes, [value("x", [2])], [value("y", [2])])


def in_branch(weight: TensorProto) -> onnx.ModelProto:
    branch = helper.make_graph([helper.make_node("Identity", ["w"], ["b"])], "b", [], [value("b", [2])], [weight])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    return model([node], [value("c", [], TensorProto.BOOL)], [value("y", [2])])


@pytest.mark.parametrize("wrap", [in_constant_node, in_branch])
def test_external_data_is_found_wherever_a_tensor_may_be(tmp_path: Path, wrap) -> None:
    weight = external("../w.bin").graph.initializer[0]
    with pytest.raises(ArtefactError, match="outside its folder"):
        check_external_data(save(wrap(weight), tmp_path))


def test_text_that_only_looks_like_a_location_is_no_matter(tmp_path: Path) -> None:
    built = one_node("Relu")
    built.doc_string = "\n\x08location"
    check_external_data(save(built, tmp_path))


def test_a_marker_across_two_chunks_is_seen(tmp_path: Path) -> None:
    built = external("../w.bin")
    for filler in range(2**20 - 160, 2**20 - 40):
        built.producer_name = "p" * filler
        path = save(built, tmp_path)
        if path.read_bytes().find(b"\n\x08location") in range(2**20 - 9, 2**20):
            break
    else:
        pytest.fail("no filler puts the marker across the chunks")
    with pytest.raises(ArtefactError):
        check_external_data(path)


@pytest.mark.parametrize("operator", ["DequantizeLinear", "QLinearConv", "MatMulInteger", "DynamicQuantizeLinear"])
def test_an_operator_on_quantised_tensors_makes_a_quantised_artefact(tmp_path: Path, operator: str) -> None:
    built = model(
        [helper.make_node(operator, ["a", "b"], ["y"])], [value("a", [1]), value("b", [1])], [value("y", [1])]
    )
    assert is_quantized(save(built, tmp_path)) is True


def test_float_operators_do_not_and_other_bytes_tell_nothing(tmp_path: Path) -> None:
    built = model([helper.make_node("Conv", ["a", "b"], ["y"])], [value("a", [1]), value("b", [1])], [value("y", [1])])
    assert is_quantized(save(built, tmp_path)) is False
    (tmp_path / "m.onnx").write_bytes(b"\xff" * 40)
    assert is_quantized(tmp_path / "m.onnx") is None
