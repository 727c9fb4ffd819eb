"""Agreement and goldens through the gate, as a user meets them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from e2e_runs import EdgeProject

from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

DOUBLED = "--edge-target=fake:cpu+doubled"
TESTS = """
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies
from pytest_edgert import assert_agreement

pytestmark = pytest.mark.edge_model("net.onnx")

def test_reference_is_another(edge_session, edge_reference):
    assert str(edge_reference.target) == "reference:cpu"
    assert_agreement(edge_session, edge_reference)

@settings(deadline=None, max_examples=5, database=None)
@given(value=strategies.floats(-9, 9, width=32))
def test_many_feeds(edge_session, edge_reference, value):
    assert_agreement(edge_session, edge_reference, {"x": np.full((1, 4), value, np.float32)})

@pytest.mark.edge_tolerance(lsb=9)
def test_looser_without_a_reason(edge_session, edge_reference):
    assert_agreement(edge_session, edge_reference, tolerance={"rtol": 1.0})
"""


def test_a_session_is_compared_with_the_oracle_and_every_other_runtime(edge: EdgeProject) -> None:
    edge.write_onnx()
    result = edge.run("--edge-model=net.onnx", "-k", "agreement")
    assert result.ret == 0
    for record in edge.document.records:
        asked = {one.reference: one.decides for one in record.agreement}
        assert asked.pop("net.onnx on reference:cpu") is True
        assert asked
        assert not any(asked.values())


def test_other_kernels_of_the_same_runtime_are_the_last_resort(edge: EdgeProject) -> None:
    edge.write_fake()
    edge.run("--edge-model=net.fake", "--edge-target=fake:npu", "-k", "agreement")
    (comparison,) = edge.record("agreement").agreement
    assert (comparison.reference, comparison.verdict) == ("net.fake on fake:cpu", Verdict.PASS)
    result = edge.run("--edge-model=net.fake", DOUBLED, "-k", "agreement")
    assert result.ret == 1
    assert edge.record("agreement").verdict is Verdict.FAIL


def test_fixtures_and_assertions_compare_in_a_users_test(edge: EdgeProject) -> None:
    edge.write_onnx()
    (edge.path / "test_net.py").write_text(TESTS)
    result = edge.run("--edge-target=onnxruntime:cpu")
    assert "2 passed" in result.stdout.str()
    assert "no reason is given" in result.stdout.str()


def test_a_golden_is_missing_then_recorded_then_compared(edge: EdgeProject) -> None:
    edge.write_fake()
    run = ("--edge-model=net.fake", "--edge-target=fake:cpu", "-k", "golden")
    assert "9 deselected" in edge.run(*run).stdout.str()
    edge.run(*run, "--edge-update-golden=new")
    assert [record.verdict for record in edge.document.records] == [Verdict.MEASURED]
    assert sorted(path.suffix for path in (edge.path / "goldens").iterdir()) == [".json", ".safetensors"]
    assert edge.run(*run).ret == 0
    assert [record.verdict for record in edge.document.records] == [Verdict.PASS]
    other = edge.run("--edge-model=net.fake", DOUBLED, "-k", "golden")
    assert other.ret == 1
    assert "--edge-update-golden=changed" in other.stdout.str()


def test_goldens_lie_where_the_option_says(edge: EdgeProject) -> None:
    edge.write_fake()
    run = ("--edge-model=net.fake", "--edge-target=fake:cpu", "-k", "golden", "--edge-goldens=kept")
    edge.run(*run, "--edge-update-golden=new")
    assert (edge.path / "kept").is_dir()
    assert not (edge.path / "goldens").exists()
    assert edge.run(*run).ret == 0


@pytest.mark.parametrize(("option", "message"), [("--edge-update-golden=newer", "is none of new, changed, all")])
def test_a_wrong_mode_is_refused_at_the_start(edge: EdgeProject, option: str, message: str) -> None:
    edge.write_fake()
    result = edge.run("--edge-model=net.fake", option)
    assert result.ret == 4
    assert message in result.stderr.str()


def test_the_ini_file_cannot_record(edge: EdgeProject) -> None:
    edge.write_fake()
    (edge.path / "tox.ini").write_text("[pytest]\nedge_update_golden = all\n")
    result = edge.run("--edge-model=net.fake")
    assert result.ret == 4
    assert "only when the command line says so" in result.stderr.str()


def test_a_gate_files_samples_reference_and_tolerance_are_used(edge: EdgeProject) -> None:
    edge.write_onnx(operator="Elu")
    edge.write_onnx("twin.onnx", operator="Abs")
    np.savez(edge.path / "s.npz", x=np.float32([[1, 2, 3, 4]]))
    (edge.path / "net.edge.toml").write_text(
        'artefacts = ["net.onnx", "twin.onnx"]\nreference = "net.onnx @ onnxruntime:cpu"\n'
        'inputs = { samples = "s.npz" }\nagreement = { rtol = 1e-6, atol = 0 }\n'
    )
    result = edge.run("net.edge.toml", "--edge-target=onnxruntime:cpu", "-k", "agreement")
    assert result.ret == 0
    port = next(a for record in edge.document.records for a in record.agreement if a.question == "port")
    assert (port.reference, port.n_feeds, port.verdict) == ("net.onnx on onnxruntime:cpu", 1, Verdict.PASS)
    assert port.outputs[0].tolerance["rtol"] == 1e-6
    assert port.outputs[0].tolerance_source == "net.edge.toml:4"


def test_a_looser_tolerance_needs_a_reason_in_the_gate_file(edge: EdgeProject) -> None:
    edge.write_onnx()
    (edge.path / "net.edge.toml").write_text('artefacts = ["net.onnx"]\nagreement = { rtol = 0.5 }\n')
    result = edge.run("net.edge.toml", "--edge-target=onnxruntime:cpu", "-k", "agreement")
    assert result.ret == 1
    assert "looser than the default" in result.stdout.str()
    assert Verdict.PASS not in {record.verdict for record in edge.document.records}


def test_a_gate_file_names_outputs_of_indices_and_near_ties_are_excused(edge: EdgeProject) -> None:
    for name, bias in (("net.fake", 0), ("twin.fake", 1)):
        inputs = [{"name": "x", "shape": [1, 3]}, {"name": "i", "dtype": "int64", "shape": [1]}]
        outputs = [{"name": "scores", "of": "x"}, {"name": "labels", "of": "i", "bias": bias}]
        model = {"inputs": inputs, "outputs": outputs, "accelerators": ["cpu", "npu"]}
        (edge.path / name).write_text(json.dumps(model))
    np.savez(edge.path / "s.npz", x=np.float32([[0.5, 0.50001, 0.1]]), i=np.array([0]))
    gate = 'artefacts = ["net.fake", "twin.fake"]\ninputs = { samples = "s.npz" }\n'
    run = ("net.edge.toml", "--edge-target=fake:npu", "-k", "agreement")
    for line, status in (
        ("", 1),
        ('agreement = { indices = { labels = "scores" } }', 0),
        ('agreement = { indices = { label = "scores" } }', 1),
    ):
        (edge.path / "net.edge.toml").write_text(gate + line)
        result = edge.run(*run)
        assert result.ret == status, line
    assert "net.edge.toml:3: 'label' is no output that is compared" in result.stdout.str()
