"""Sessions compared through real workers: who is asked, what decides, and what is never a pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_edgert.agreements import compare_sessions, independent
from pytest_edgert.assertions import assert_agreement
from pytest_edgert.errors import NothingIndependentError, UsageError
from pytest_edgert.panel import Panel, check_agreement, reference_session
from pytest_edgert.recording import VerdictError
from pytest_edgert.records import Verdict
from pytest_edgert.sessions import EdgeSession
from pytest_edgert.tolerances import TOLERANCE_CHANGES, ToleranceChange

OpenSession = Callable[..., EdgeSession]
FAKE = {"inputs": [{"name": "x", "shape": [1, 4]}], "outputs": [{"name": "y", "of": "x"}]}


def onnx_file(
    folder: Path, name: str, *, scale: float = 1.0, output: str = "y", shape: tuple[int, ...] = (1, 4)
) -> Path:
    weights = (np.arange(16, dtype=np.float32).reshape(4, 4) - 7.5) * np.float32(scale)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], [output])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, "w")],
    )
    path = folder / name
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return onnx_file(tmp_path, "net.onnx")


@pytest.mark.slow
def test_other_kernels_of_the_same_runtime_are_compared_on_the_same_feeds(open_session: OpenSession, net: Path) -> None:
    session = open_session(net, "onnxruntime:cpu")
    other = open_session(net, "onnxruntime:cpu+unoptimized")
    found = compare_sessions(session, other)
    assert (found.question, found.verdict, found.n_feeds) == ("implementation", Verdict.PASS, 4)
    assert found.outputs[0].matched_by == "name"
    assert found.outputs[0].tolerance_source


def test_threads_make_no_second_opinion(open_session: OpenSession, net: Path) -> None:
    one, two = (open_session(net, "onnxruntime:cpu", threads=n) for n in (1, 2))
    assert not independent(one, two)
    with pytest.raises(UsageError, match="compared with itself"):
        compare_sessions(one, two)


def test_with_nobody_independent_the_check_is_inconclusive(open_session: OpenSession, net: Path) -> None:
    session = open_session(net, "onnxruntime:cpu")
    record = check_agreement(session, Panel((session,)))
    assert record.verdict is Verdict.INCONCLUSIVE
    assert "Nothing independent to compare with" in record.reason
    with pytest.raises(NothingIndependentError):
        reference_session(session, Panel((session,)))


def test_another_network_fails_the_port(open_session: OpenSession, tmp_path: Path, net: Path) -> None:
    other = open_session(onnx_file(tmp_path, "other.onnx", scale=1.5), "onnxruntime:cpu")
    record = check_agreement(open_session(net, "onnxruntime:cpu"), Panel((), (other,)))
    assert record.verdict is Verdict.FAIL
    assert record.reason.startswith("port, against other.onnx on onnxruntime:cpu")


def test_a_port_that_computes_the_same_passes_but_asks_for_a_witness(
    open_session: OpenSession, tmp_path: Path, net: Path
) -> None:
    twin = onnx_file(tmp_path, "twin.onnx", scale=1.0000001)
    record = check_agreement(open_session(net, "onnxruntime:cpu"), Panel((), (open_session(twin, "onnxruntime:cpu"),)))
    assert [one.verdict for one in record.agreement] == [Verdict.PASS]
    assert record.verdict is Verdict.INCONCLUSIVE


def test_renamed_outputs_are_paired_by_the_map_and_else_refused(
    open_session: OpenSession, tmp_path: Path, net: Path
) -> None:
    renamed = onnx_file(tmp_path, "renamed.onnx", output="Identity", scale=1.0000001)
    reference = open_session(net, "onnxruntime:cpu")
    mapped = open_session(renamed, "onnxruntime:cpu", outputs={"Identity": "y"})
    assert compare_sessions(mapped, reference).outputs[0].matched_by == "map"
    assert compare_sessions(reference, mapped).outputs[0].matched_by == "map"
    assert compare_sessions(open_session(renamed, "onnxruntime:cpu"), reference).outputs[0].matched_by == "shape"


def test_an_artefact_that_ends_elsewhere_is_another_model(open_session: OpenSession, tmp_path: Path, net: Path) -> None:
    wide = onnx_file(tmp_path, "wide.onnx", shape=(3, 4))
    record = check_agreement(open_session(wide, "onnxruntime:cpu"), Panel((), (open_session(net, "onnxruntime:cpu"),)))
    assert record.verdict is Verdict.FAIL
    assert "another model" in record.reason or "contradict" in record.reason or "cannot" in record.reason


@pytest.mark.slow
def test_a_witness_that_cannot_open_is_noted_and_decides_nothing(
    open_session: OpenSession, tmp_path: Path, net: Path
) -> None:
    path = tmp_path / "broken.fake"
    path.write_text(json.dumps({**FAKE, "outputs": [{"name": "y", "of": "x", "operator": "Nonesuch"}]}))
    session = open_session(net, "onnxruntime:cpu")
    witness = open_session(net, "onnxruntime:cpu+unoptimized")
    record = check_agreement(session, Panel((witness,), (open_session(path, "fake:cpu"),)))
    assert record.verdict is Verdict.PASS
    assert "could not take part" in record.notes[0]


@pytest.mark.slow
def test_a_lost_witness_is_noted_but_a_lost_session_is_infra(open_session: OpenSession, tmp_path: Path) -> None:
    path = tmp_path / "net.fake"
    path.write_text(json.dumps(FAKE))
    session = open_session(path, "fake:cpu")
    witness = open_session(path, "fake:cpu+doubled", fault="abort", fault_in="infer")
    assert check_agreement(session, Panel((witness,))).verdict is Verdict.INCONCLUSIVE
    dying = open_session(path, "fake:cpu", fault="abort", fault_in="infer")
    doubled = open_session(path, "fake:cpu+doubled")
    assert check_agreement(dying, Panel((doubled,))).verdict is Verdict.INFRA


def test_a_wrong_implementation_fails_and_the_error_holds_the_record(open_session: OpenSession, tmp_path: Path) -> None:
    path = tmp_path / "net.fake"
    path.write_text(json.dumps(FAKE))
    session, doubled = open_session(path, "fake:cpu"), open_session(path, "fake:cpu+doubled")
    with pytest.raises(VerdictError) as caught:
        assert_agreement(doubled, session)
    assert caught.value.record.agreement[0].outputs[0].broken


def test_an_argument_loosens_only_with_a_reason(open_session: OpenSession, tmp_path: Path) -> None:
    path = tmp_path / "net.fake"
    path.write_text(json.dumps(FAKE))
    session, doubled = open_session(path, "fake:cpu"), open_session(path, "fake:cpu+doubled")
    loose = {"rtol": 9.0, "sqnr_db": None, "atol": 9.0}
    with pytest.raises(UsageError, match="no reason is given"):
        assert_agreement(doubled, session, tolerance=loose)
    assert assert_agreement(doubled, session, tolerance=loose, reason="doubled on purpose").verdict is Verdict.PASS


def test_the_gate_files_tolerance_holds_and_the_argument_overrides_it(
    open_session: OpenSession, tmp_path: Path
) -> None:
    path = tmp_path / "net.fake"
    path.write_text(json.dumps(FAKE))
    session, doubled = open_session(path, "fake:cpu"), open_session(path, "fake:cpu+doubled")
    gate = ToleranceChange({"rtol": 9.0, "sqnr_db": -9.0}, "doubled on purpose", "net.edge.toml:3")
    token = TOLERANCE_CHANGES.set((gate,))
    try:
        assert assert_agreement(doubled, session).agreement[0].outputs[0].tolerance_source == "net.edge.toml:3"
        with pytest.raises(VerdictError):
            assert_agreement(doubled, session, tolerance={"rtol": 1e-6})
    finally:
        TOLERANCE_CHANGES.reset(token)


@pytest.mark.parametrize(
    ("output", "question", "holds"),
    [
        ("", "", True),
        ("y", "implementation", True),
        ("z", "", False),
        ("", "port", False),
    ],
)
def test_a_change_holds_for_its_output_and_its_question(
    open_session: OpenSession, tmp_path: Path, output: str, question: str, *, holds: bool
) -> None:
    path = tmp_path / "net.fake"
    path.write_text(json.dumps(FAKE))
    session, doubled = open_session(path, "fake:cpu"), open_session(path, "fake:cpu+doubled")
    change = ToleranceChange({"rtol": 9.0, "sqnr_db": -9.0}, "on purpose", "net.edge.toml:3", {}, output, question)
    found = compare_sessions(doubled, session, extra=[change])
    assert (found.outputs[0].tolerance_source == "net.edge.toml:3") is holds
    assert found.verdict.green is holds
    assert ("net.edge.toml:3: no output is called 'z' here" in " ".join(found.outputs[0].notes)) is (output == "z")


def test_given_feeds_are_the_ones_compared(open_session: OpenSession, net: Path) -> None:
    session = open_session(net, "onnxruntime:cpu")
    other = open_session(net, "onnxruntime:cpu+unoptimized")
    nothing_finite = {"x": np.full((1, 4), np.nan, np.float32)}
    with pytest.raises(VerdictError) as caught:
        assert_agreement(session, other, nothing_finite)
    assert caught.value.record.verdict is Verdict.INCONCLUSIVE
    assert assert_agreement(session, other, {"x": np.ones((1, 4), np.float32)}).agreement[0].n_feeds == 1


def test_recorded_samples_are_used_when_there_are_some(open_session: OpenSession, tmp_path: Path, net: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.ones((3, 4), np.float32), labels=np.arange(3))
    session = open_session(net, "onnxruntime:cpu", samples=(tmp_path / "s.npz",))
    assert [feeds["x"].tolist() for feeds in session.feed_sets()] == [[[1.0] * 4]] * 3
    (tmp_path / "bad.npz").write_bytes(b"no zip")
    with pytest.raises(UsageError, match="cannot be read"):
        open_session(net, "onnxruntime:cpu", samples=(tmp_path / "bad.npz",)).feed_sets()


def test_a_reference_that_was_named_and_is_silent_leaves_no_verdict(
    open_session: OpenSession, tmp_path: Path, net: Path
) -> None:
    path = tmp_path / "broken.fake"
    path.write_text(json.dumps({**FAKE, "outputs": [{"name": "y", "of": "x", "operator": "Nonesuch"}]}))
    session = open_session(net, "onnxruntime:cpu")
    witness = open_session(net, "onnxruntime:cpu+unoptimized")
    record = check_agreement(session, Panel((witness,), (open_session(path, "fake:cpu"),), named=True))
    assert record.verdict is Verdict.INCONCLUSIVE
    assert "broken.fake on fake:cpu, could not take part" in record.reason


def test_the_reference_itself_is_judged_by_its_witnesses(open_session: OpenSession, net: Path) -> None:
    session = open_session(net, "onnxruntime:cpu")
    witness = open_session(net, "onnxruntime:cpu+unoptimized")
    assert check_agreement(session, Panel((witness,), (session,), named=True)).verdict is Verdict.PASS


def test_a_session_that_is_lost_on_a_later_feed_is_infra_and_never_blamed_on_others(
    open_session: OpenSession, tmp_path: Path
) -> None:
    path = tmp_path / "net.fake"
    path.write_text(json.dumps(FAKE))
    dying = open_session(path, "fake:cpu", fault="abort", fault_in="infer", fault_at=3)
    record = check_agreement(dying, Panel((open_session(path, "fake:cpu+doubled"),)))
    assert record.verdict is Verdict.INFRA


@pytest.mark.slow
def test_a_port_that_loses_the_session_is_infra_beside_a_witness_that_agrees(
    open_session: OpenSession, tmp_path: Path
) -> None:
    path, other = tmp_path / "net.fake", tmp_path / "other.fake"
    path.write_text(json.dumps({**FAKE, "accelerators": ["cpu", "npu"]}))
    other.write_text(json.dumps({**FAKE, "outputs": [{"name": "y", "of": "x", "bias": 1e-9}]}))
    dying = open_session(path, "fake:npu", fault="abort", fault_in="infer", fault_at=6)
    record = check_agreement(dying, Panel((open_session(path, "fake:cpu"),), (open_session(other, "fake:cpu"),)))
    assert record.verdict is Verdict.INFRA


def test_a_witness_whose_inference_fails_is_noted_and_not_charged(open_session: OpenSession, tmp_path: Path) -> None:
    path = tmp_path / "net.fake"
    path.write_text(json.dumps(FAKE))
    refusing = open_session(path, "fake:cpu+doubled", fault="refuses", fault_in="infer")
    record = check_agreement(open_session(path, "fake:cpu"), Panel((refusing,)))
    assert record.verdict is Verdict.INCONCLUSIVE
    assert "could not take part" in record.notes[0]
