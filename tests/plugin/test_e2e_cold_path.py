"""Gates on loading and memory with real workers: limits that fail when they should, and the worst of three workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from e2e_runs import ON_FAKE, ON_ORT, EdgeProject

from pytest_edgert.records import Amount, Verdict

pytestmark = pytest.mark.slow

ON_NPU = "--edge-target=fake:npu"
ON_OPENVINO = "--edge-target=openvino:cpu"


def run_gate(edge: EdgeProject, keys: str, check: str, target: str, artefact: str = "net.fake"):
    (edge.path / "net.edge.toml").write_text(f'artefacts = ["{artefact}"]\n{keys}\n')
    return edge.run("net.edge.toml", target, "-k", check)


def amounts(edge: EdgeProject, check: str) -> dict[str, Amount]:
    return {amount.name: amount for amount in edge.record(check).amounts}


def test_each_part_of_loading_fails_by_its_own_limit(edge: EdgeProject) -> None:
    edge.write_fake(build_s=0.05, latency_s=0.02)
    result = run_gate(edge, 'load = { cold = "10s", build = "10ms", first = "1ms" }', "load", ON_FAKE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "FAIL: load of net.fake on fake:cpu: The slowest of 3 fresh processes*",
            "  cold * ms, limit 10 s (from net.edge.toml:2): PASS",
            "  build * ms, limit 10 ms (from net.edge.toml:2): FAIL",
            "  first * ms, limit 1 ms (from net.edge.toml:2): FAIL",
            "  cold of each fresh process: * ms, * ms, * ms",
            "  The process was fresh; *page cache*",
        ]
    )
    found = amounts(edge, "load")
    assert 0.05 <= found["build"].value <= found["cold"].value
    assert found["first"].value >= 0.02


def test_the_worst_worker_is_judged(edge: EdgeProject) -> None:
    edge.write_fake(build_s=0.01)
    run_gate(edge, 'load = { build = "10s" }', "load", ON_FAKE).assert_outcomes(passed=1)
    (told,) = (note for note in edge.record("load").notes if note.startswith("build of each"))
    values = [float(part.removesuffix(" ms")) for part in told.partition(": ")[2].split(", ")]
    assert len(values) == 3
    assert amounts(edge, "load")["build"].value * 1e3 == pytest.approx(max(values), rel=1e-3)


def test_openvino_tells_its_build_apart_and_is_held_to_it(edge: EdgeProject) -> None:
    edge.write_onnx()
    run_gate(edge, 'load = { build = "1us" }', "load", ON_OPENVINO, "net.onnx").assert_outcomes(failed=1)
    found = amounts(edge, "load")
    assert found["build"].verdict is Verdict.FAIL
    assert 0 < found["build"].value < found["cold"].value


def test_a_build_that_a_runtime_does_not_tell_is_inconclusive(edge: EdgeProject) -> None:
    edge.write_onnx()
    result = run_gate(edge, 'load = { build = "10s" }', "load", ON_ORT, "net.onnx")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE: load of *onnxruntime opens in one step here*", "*load.cold*"])


def test_memory_fails_by_the_largest_of_three_processes(edge: EdgeProject) -> None:
    edge.write_onnx()
    result = run_gate(edge, 'memory = { peak = "1MB" }', "memory", ON_ORT, "net.onnx")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  peak * MB, limit 1 MB (from net.edge.toml:2): FAIL", "  peak of each fresh*"])


@pytest.mark.parametrize(("limit", "verdict"), [("10kB", Verdict.FAIL), ("1MB", Verdict.PASS)])
def test_memory_of_the_device_is_judged_where_it_is_told(edge: EdgeProject, limit: str, verdict: Verdict) -> None:
    path = edge.write_fake()
    path.write_text(json.dumps({**json.loads(path.read_text()), "device_memory_bytes": 50_000}))
    run_gate(edge, f'memory = {{ device = "{limit}" }}', "memory", ON_NPU)
    assert amounts(edge, "memory")["device"].value == 50_000
    assert edge.record("memory").verdict is verdict


def test_memory_of_the_device_that_is_not_told_is_inconclusive(edge: EdgeProject) -> None:
    edge.write_fake()
    result = run_gate(edge, 'memory = { device = "1MB" }', "memory", ON_NPU)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE: memory of *fake:npu does not tell the memory*"])


def test_a_page_cache_that_is_known_is_told(edge: EdgeProject) -> None:
    path = Path(edge.write_fake())
    run_gate(edge, 'load = { cold = "10s" }', "load", ON_FAKE).assert_outcomes(passed=1)
    assert path.stat().st_size < 4096
    assert "of the file, 100%, 100%, 100% lay in the page cache" in " ".join(edge.record("load").notes)
