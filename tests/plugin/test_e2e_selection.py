"""The real gate under pytest's own options: what is selected, what is opened, what other reports get."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from e2e_runs import ON_FAKE, ON_ORT, EdgeProject, wait_for, workers_of

MODEL = "--edge-model=net.onnx"


def test_collecting_only_opens_no_session(edge: EdgeProject) -> None:
    edge.write_fake(fault="kill", fault_in="load")
    edge.pytester.makepyfile(
        "import pytest\n@pytest.mark.edge_model('net.fake')\ndef test_it(edge_session): edge_session.open()\n"
    )
    result = edge.run(".", "--edge-model=net.fake", ON_FAKE, "--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*latency?net.fake-fake:cpu?", "*test_it?net.fake-fake:cpu?"])
    assert not (edge.path / ".edgert").exists()
    assert not (edge.path / "locks").joinpath("this-machine.rwlock").exists()


@pytest.mark.slow
def test_lf_runs_the_failed_cell_again(edge: EdgeProject) -> None:
    edge.write_fake("a.fake")
    edge.write_fake("b.fake", fault="keeps_state")
    gate = ("--edge-model=a.fake", "--edge-model=b.fake", ON_FAKE, "-k", "determinism", "-p", "cacheprovider")
    edge.run(*gate).assert_outcomes(passed=1, failed=1)
    edge.run(*gate, "--lf").assert_outcomes(failed=1)
    assert list(edge.items) == ["b.fake::determinism[b.fake-fake:cpu]"]


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--import-mode=importlib", "--import-mode=append"])
def test_the_import_mode_does_not_matter(edge: EdgeProject, option: str) -> None:
    edge.write_onnx()
    own = edge.pytester.makepyfile(
        test_own="import pytest\n@pytest.mark.edge_model('net.onnx')\ndef test_it(edge_session): edge_session.open()\n"
    )
    edge.run(own.name, MODEL, ON_ORT, option, "-k", "size or test_it").assert_outcomes(passed=2)


@pytest.mark.slow
def test_junit_has_the_verdict_of_each_check(edge: EdgeProject) -> None:
    edge.write_fake("a.fake")
    edge.write_fake("b.fake", fault="abort")
    gate = ("--edge-model=a.fake", "--edge-model=b.fake", ON_FAKE, "-k", "signature or size")
    edge.run(*gate, "--junitxml=junit.xml").assert_outcomes(passed=3, errors=1)
    cases = ET.parse(edge.path / "junit.xml").getroot().iter("testcase")  # noqa: S314 - our own file
    told = {
        case.get("name"): [p.get("value") for p in case.iter("property") if p.get("name") == "edgert.verdict"]
        for case in cases
    }
    assert told == {
        "signature[a.fake-fake:cpu]": ["PASS"],
        "size[a.fake-fake:cpu]": ["MEASURED"],
        "signature[b.fake-fake:cpu]": ["INFRA"],
        "size[b.fake-fake:cpu]": ["MEASURED"],
    }


TWO_MARKS = """
import pytest

SEEN = {}

@pytest.mark.edge_model("a.onnx")
def test_a(edge_session):
    SEEN["a"] = edge_session.signature
    assert edge_session.signature.inputs[0].shape == (1, 4)

@pytest.mark.edge_model("b.onnx")
def test_b(edge_session):
    SEEN["b"] = edge_session.signature
    assert edge_session.signature.inputs[0].shape == (2, 3)

def test_both():
    assert SEEN["a"] != SEEN["b"]
"""


@pytest.mark.slow
def test_two_marks_in_one_module_get_two_sessions(edge: EdgeProject) -> None:
    edge.write_onnx("a.onnx")
    edge.write_onnx("b.onnx", shape=(2, 3))
    edge.pytester.makepyfile(test_two=TWO_MARKS)
    edge.run(ON_ORT).assert_outcomes(passed=3)


@pytest.mark.slow
def test_a_gate_of_which_everything_is_skipped_is_not_green(edge: EdgeProject) -> None:
    edge.write_onnx(operator="Frobnicate")
    result = edge.run(MODEL, "-k", "onnxruntime and (signature or load)")
    result.assert_outcomes(skipped=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*exit status is not zero: no cell of the gate got a verdict or a figure: 2 skipped."])


@pytest.mark.slow
def test_a_run_leaves_no_process(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.0005)
    with edge.started("--edge-model=net.fake", ON_FAKE, "-k", "latency or load", "--edge-samples=60") as run:
        workers = wait_for(lambda: workers_of(run.pid))
        run.communicate(timeout=60)
        assert run.returncode == 0
        wait_for(lambda: not any(worker.is_running() for worker in workers))
