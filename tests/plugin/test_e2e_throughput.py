"""Gates on throughput with real workers: verdicts that hold, streams and batches that count, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from e2e_runs import ON_FAKE, ON_ORT, EdgeProject

from pytest_edgert.records import BlockTest, Verdict

pytestmark = pytest.mark.slow

DIGITS = Path(__file__).parents[2] / "examples/digits"


def run_gate(edge: EdgeProject, keys: str, *arguments: str, artefact: str = "net.fake", target: str = ON_FAKE):
    (edge.path / "net.edge.toml").write_text(f'artefacts = ["{artefact}"]\nthroughput = {keys}\n')
    return edge.run("net.edge.toml", target, "-k", "throughput", *arguments)


def block_of(edge: EdgeProject) -> BlockTest:
    (block,) = edge.record("throughput").blocks
    return block


@pytest.mark.lab
def test_a_limit_above_what_the_model_does_fails_with_its_interval(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.01)
    result = run_gate(edge, '{ at_least = "200/s" }')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "FAIL: throughput of net.fake on fake:cpu: The median of 10 blocks with one inference in flight is below*",
            "  throughput * /s [[]*, * /s], at least 200 /s (from net.edge.toml:2): FAIL",
            "    10 blocks of 1 s, *",
            "    streams 1, batch 1, *",
            "  What to do: Try more streams *",
        ]
    )
    found = block_of(edge)
    assert 20 < found.median < 101
    assert found.high < 200


@pytest.mark.lab
def test_streams_and_batch_multiply_what_is_counted(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.02, shape=("batch", 4))
    run_gate(edge, '{ at_least = "200/s", streams = 4, batch = 8 }').assert_outcomes(passed=1)
    found = block_of(edge)
    assert 200 < found.low <= found.median < 4 * 8 / 0.02 * 1.01
    assert (found.detail["streams"], found.detail["batch"]) == (4, 8)
    assert edge.record("throughput").environment is not None


def test_without_the_key_nothing_is_collected(edge: EdgeProject) -> None:
    edge.write_fake()
    (edge.path / "net.edge.toml").write_text('artefacts = ["net.fake"]\n')
    assert edge.run("net.edge.toml", ON_FAKE, "--collect-only", "-q", "-k", "throughput").ret == pytest.ExitCode(5)


def test_too_little_time_is_inconclusive(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.01)
    run_gate(edge, '{ at_least = "1/s" }', "--edge-max-time=4s").assert_outcomes(failed=1)
    assert edge.record("throughput").verdict is Verdict.INCONCLUSIVE


@pytest.mark.lab
def test_a_stream_that_computes_nothing_is_no_throughput(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.01, fault="idles")
    result = run_gate(edge, '{ at_least = "1/s", streams = 2 }')
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["INVALID: throughput of *Output 'y' of stream 2 of 2 is not what a single inference*"])


@pytest.mark.parametrize("shape", [(1, 4), ("batch", 4)])
def test_a_batch_that_cannot_be_had_is_refused(edge: EdgeProject, shape: tuple[int | str, ...]) -> None:
    edge.write_fake(shape=shape)
    options = () if shape[0] == 1 else ("--edge-shape=x=1x4",)
    result = run_gate(edge, '{ at_least = "1/s", batch = 8 }', *options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL: net.edge.toml:2: throughput.batch = 8 of net.fake on fake:cpu: *"])


@pytest.mark.lab
def test_real_runtimes_are_held_to_it(edge: EdgeProject) -> None:
    for name in ("digits.onnx", "digits.tflite"):
        shutil.copy(DIGITS / name, edge.path)
    targets = [f"--edge-target={name}:cpu" for name in ("onnxruntime", "openvino", "litert")]
    (edge.path / "net.edge.toml").write_text(
        'artefacts = ["digits.onnx", "digits.tflite"]\nthroughput = { at_least = "50/s", streams = 2 }\n'
    )
    edge.run("net.edge.toml", *targets, "-k", "throughput and not (tflite and openvino)").assert_outcomes(passed=3)
    found = {record.cell.target: record for record in edge.document.records}
    assert {target: record.verdict for target, record in found.items()} == dict.fromkeys(found, Verdict.PASS)
    assert all(record.blocks[0].low > 50 for record in found.values())


@pytest.mark.lab
def test_a_real_runtime_fails_a_limit_that_no_machine_meets(edge: EdgeProject) -> None:
    edge.write_onnx(shape=("batch", 64))
    run_gate(
        edge, '{ at_least = "1e12/s", streams = 2, batch = 2 }', artefact="net.onnx", target=ON_ORT
    ).assert_outcomes(failed=1)
    assert edge.record("throughput").verdict is Verdict.FAIL
