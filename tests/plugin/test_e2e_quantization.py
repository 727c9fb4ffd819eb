"""The check `quantization` through the gate: who it is for, what it says, and that a defect is named."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from e2e_runs import ON_FAKE, ON_ORT, EdgeProject
from onnx import TensorProto, helper, numpy_helper

from pytest_edgert.records import CheckRecord, Verdict
from pytest_edgert.reports.items import Outcome

pytestmark = pytest.mark.slow

GATE = ("--edge-model=net.onnx", ON_ORT, "-k", "quantization")
#: Of each filter the largest weight is 127.
WEIGHTS = np.random.default_rng(0).integers(-127, 128, (4, 3, 2, 2)).astype(np.int8)
WEIGHTS[:, 0, 0, 0] = 127


def write_int8(edge: EdgeProject, *, operator: str = "Relu", **changes: object) -> None:
    """Write DQ(Q(x)) → Conv → an operator → DQ(Q(y)); constants by name can be told otherwise."""
    constants = {
        "w": WEIGHTS,
        "sw": np.full(4, 0.01, np.float32),
        "zw": np.zeros(4, np.int8),
        "sx": np.float32(0.1),
        "sy": np.float32(1),
        "z": np.int8(0),
    }
    held = [numpy_helper.from_array(np.asarray(changes.get(k, v)), k) for k, v in constants.items()]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "sx", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wd"], axis=0),
        helper.make_node("Conv", ["xd", "wd"], ["c"]),
        helper.make_node(operator, ["c"], ["r"]),
        helper.make_node("QuantizeLinear", ["r", "sy", "z"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "sy", "z"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 7, 7])
    graph = helper.make_graph(nodes, "g", [x], [y], held)
    edge.write_proto("net.onnx", helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8))


def amounts(record: CheckRecord) -> Mapping[str, float]:
    return {one.name: one.value for one in record.amounts}


def test_an_int8_model_is_measured_and_its_cell_has_the_figure(edge: EdgeProject) -> None:
    write_int8(edge)
    result = edge.run(*GATE)
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    record = edge.record("quantization")
    assert record.verdict is Verdict.MEASURED
    assert 0.25 < amounts(record)["rmse"] < 0.3
    assert {one.name for one in record.quantization} >= {"w", "xq", "yq"}
    result.stdout.fnmatch_lines(["  quantization  MEASURED rmse 0.2*"])


@pytest.mark.parametrize("more", [(), ("--edge-accept",)], ids=["", "accept"])
def test_a_float_model_is_not_applicable_also_where_its_target_was_named(
    edge: EdgeProject, more: tuple[str, ...]
) -> None:
    edge.write_onnx()
    result = edge.run("--edge-model=net.onnx", ON_ORT, "-k", "quantization or size", *more)
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == 0
    item = edge.items["net.onnx::quantization[net.onnx-onnxruntime:cpu]"]
    assert (item.outcome, item.applies) == (Outcome.SKIPPED, False)
    assert item.reason == "net.onnx is not quantised: no tensor of it lies on an integer grid."
    result.stdout.fnmatch_lines(
        [
            "  quantization  not applicable",
            "not applicable 1: net.onnx is not *",
            "*ran 1 / skipped 0 / not applicable 1",
        ]
    )


def test_a_format_that_is_not_read_is_not_applicable(edge: EdgeProject) -> None:
    edge.write_fake()
    result = edge.run("--edge-model=net.fake", ON_FAKE, "-k", "quantization")
    result.assert_outcomes(skipped=1)
    assert result.ret == 1  # nothing was judged
    (item,) = edge.items.values()
    assert item.reason == "quantization reads .onnx and .tflite files, and net.fake is neither."


def test_a_quantised_file_whose_grids_nobody_reads_is_skipped_and_not_accepted(edge: EdgeProject) -> None:
    tensor = {"dtype": "int8", "shape": [1, 4], "quantization": {"scale": [0.5], "zero_point": [0]}}
    model = {"inputs": [{"name": "x", **tensor}], "outputs": [{"name": "y", "of": "x", **tensor}]}
    (edge.path / "net.fake").write_text(json.dumps(model), encoding="utf-8")
    result = edge.run("--edge-model=net.fake", ON_FAKE, "-k", "quantization or size", "--edge-accept")
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == 1
    item = next(one for one in edge.items.values() if one.outcome is Outcome.SKIPPED)
    assert item.applies
    assert item.reason.endswith("It is quantised, and nobody looked at its grids.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sw": np.array([0.01, 0, 0.01, 0.01], np.float32)}, "weight 'w': the scale is 0 (0 in 1 of 4 channels*"),
        ({"sy": np.float32(-0.5)}, "activation 'yq': the scale is negative (-0.5)*"),
        ({"sx": np.float32(np.inf)}, "activation 'xq': the scale is infinite (inf)*"),
    ],
    ids=["zero", "negative", "infinite"],
)
def test_a_scale_that_cannot_be_fails_and_is_named(
    edge: EdgeProject, changes: Mapping[str, object], words: str
) -> None:
    write_int8(edge, **changes)
    result = edge.run(*GATE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"FAIL: quantization of net.onnx on onnxruntime:cpu: {words}", "  quantization  FAIL *"]
    )
    assert edge.record("quantization").remedy


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [('rmse = 0.5, clipped = "1%", dead = 0', Verdict.PASS), ("unused = 0, dead = 0", Verdict.FAIL)],
)
def test_limits_of_a_gate_file_decide(edge: EdgeProject, limits: str, verdict: Verdict) -> None:
    write_int8(edge)
    (edge.path / "net.edge.toml").write_text(f'artefacts = ["net.onnx"]\n\nquantization = {{ {limits} }}\n')
    edge.run("net.edge.toml", ON_ORT, "-k", "quantization")
    record = edge.record("quantization")
    assert record.verdict is verdict
    assert {one.source for one in record.amounts if one.limit is not None} == {"net.edge.toml:3"}


def test_clipping_of_recorded_samples_is_told_beside_the_figure(edge: EdgeProject) -> None:
    write_int8(edge)
    np.savez(edge.path / "real.npz", x=np.random.default_rng(1).normal(0, 20, (3, 3, 8, 8)).astype(np.float32))
    (edge.path / "net.edge.toml").write_text('artefacts = ["net.onnx"]\ninputs = { samples = "real.npz" }\n')
    result = edge.run("net.edge.toml", ON_ORT, "-k", "quantization")
    record = edge.record("quantization")
    assert record.verdict is Verdict.MEASURED
    assert "on 3 recorded samples" in record.reason
    assert {one.kind for one in record.doubts} >= {"rmse", "clipped"}
    assert amounts(record)["clipped"] > 0.4
    result.stdout.fnmatch_lines(["beside: quantization of net.onnx on onnxruntime:cpu: RMSE/scale beyond 0.5, *'xq'*"])


def test_a_model_that_the_oracle_cannot_run_is_judged_by_its_file(edge: EdgeProject) -> None:
    write_int8(edge, operator="Frobnicate", w=np.zeros_like(WEIGHTS))
    edge.run(*GATE)
    record = edge.record("quantization")
    assert record.verdict is Verdict.MEASURED
    assert amounts(record) == {"unused": 1.0, "dead": 4.0}
    assert "by the file alone" in record.reason
    assert "Frobnicate" in record.notes[0]
    assert [one.kind for one in record.doubts] == ["dead"]


def test_a_wrong_key_names_its_line_and_the_nearest_right_one(edge: EdgeProject) -> None:
    write_int8(edge)
    (edge.path / "net.edge.toml").write_text('artefacts = ["net.onnx"]\nquantization = { cliped = "1%" }\n')
    result = edge.run("net.edge.toml")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*net.edge.toml:2: 'quantization.cliped' is no key *Did you mean 'clipped'?"])
