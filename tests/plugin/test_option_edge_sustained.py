from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_runs import ON_FAKE, EdgeProject, assert_failed

from pytest_edgert.measure.samples import read_samples
from pytest_edgert.plugin.state import settings_of
from pytest_edgert.records import Soak, Verdict

Collect = Callable[..., list[str]]
Write = Callable[..., None]


def soak_of(edge: EdgeProject) -> Soak:
    soak = edge.record("sustained").soak
    assert soak is not None
    return soak


def write_gate(path: Path, sustained: str) -> None:
    (path / "net.edge.toml").write_text(f'artefacts = ["net.fake"]\nsustained = {{ {sustained} }}\n')


@pytest.mark.parametrize("text", ["10", "0s", "soon", "-1min"])
def test_a_wrong_length_names_the_option(project: pytest.Pytester, text: str) -> None:
    result = project.runpytest_inprocess(f"--edge-sustained={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-sustained: *"])


def test_the_length_is_read(project: pytest.Pytester) -> None:
    assert settings_of(project.parseconfigure("--edge-sustained=10min")).sustained_s == 600


def test_a_soak_is_collected_only_where_it_is_asked_for(
    collect: Collect, project: pytest.Pytester, write_models: Write
) -> None:
    write_models("net.onnx")
    asked = "net.onnx::sustained[net.onnx-onnxruntime:cpu]"
    assert asked not in collect("--edge-model=net.onnx")
    assert asked in collect("--edge-model=net.onnx", "--edge-sustained=5min")
    gate = project.path / "net.edge.toml"
    gate.write_text('artefacts = ["net.onnx"]\nsustained = { p95 = "5ms" }')
    assert not any("sustained" in one for one in collect("net.edge.toml"))
    gate.write_text('artefacts = ["net.onnx"]\nsustained = { duration = "5min" }')
    assert collect("net.edge.toml", "-k", "sustained") == ["net.edge.toml::sustained[net.onnx-onnxruntime:cpu]"]


@pytest.mark.slow
def test_a_steady_soak_passes_and_the_record_has_the_whole_series(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.002)
    write_gate(edge.path, 'duration = "3s", p95 = "1s", slowdown = 50, memory_growth = "100MB"')
    edge.run("net.edge.toml", ON_FAKE, "-k", "sustained").assert_outcomes(passed=1)
    soak = soak_of(edge)
    assert soak.duration_s == pytest.approx(3.0, abs=0.3)
    assert [part.verdict for part in soak.budgets] == [Verdict.PASS]
    assert len(soak.segments) >= 5
    assert all(segment.readings["rss_bytes.process"] for segment in soak.segments)
    samples = read_samples(Path(soak.samples_path))
    assert len(samples.durations_ns) == sum(segment.n for segment in soak.segments)
    assert "rss_bytes.process" in samples.series.names
    amounts = {one.name: one.verdict for one in edge.record("sustained").amounts}
    assert amounts == {"slowdown": Verdict.PASS, "memory growth": Verdict.PASS}


@pytest.mark.lab
def test_a_slowdown_fails_and_the_text_shows_the_series(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.002, slow_after=1200, slow_s=0.01)
    write_gate(edge.path, 'duration = "10s", slowdown = 1.3')
    result = edge.run("net.edge.toml", ON_FAKE, "-k", "sustained")
    assert_failed(edge.record("sustained"))
    assert soak_of(edge).slowdown > 2
    assert soak_of(edge).knee_s is not None
    result.stdout.fnmatch_lines(
        [
            "*: sustained of net.fake on fake:cpu: *median * at first, * at last *, slowdown *, knee after * s",
            "  soak: median *slowdown *, knee after *, memory *",
            "  p50 *▁*█* ms … * ms",
            "  slowdown *, limit 1.3 (from net.edge.toml:2): FAIL",
        ]
    )


@pytest.mark.slow
def test_the_latency_budget_and_the_arrival_hold_for_a_soak_without_its_own(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.002)
    result = edge.run(
        "--edge-model=net.fake",
        ON_FAKE,
        "-k",
        "sustained",
        "--edge-sustained=2s",
        "--latency-budget=1us",
        "--edge-arrival=every 10ms",
    )
    assert_failed(edge.record("sustained"))
    assert [part.budget.source for part in soak_of(edge).budgets] == ["--latency-budget"]
    result.stdout.fnmatch_lines(["*inferences, requests every 10 ms, *"])


@pytest.mark.slow
def test_the_option_overrides_the_length_of_the_gate_file(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.002)
    write_gate(edge.path, 'duration = "10min"')
    edge.run("net.edge.toml", ON_FAKE, "-k", "sustained", "--edge-sustained=1s")
    assert soak_of(edge).duration_s == pytest.approx(1.0, abs=0.3)
    assert "overrides a soak of 10 min from net.edge.toml:2" in edge.record("sustained").notes


@pytest.mark.lab
def test_a_queue_that_grows_ends_the_soak_as_a_failure(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.004)
    edge.run(
        "--edge-model=net.fake",
        ON_FAKE,
        "-k",
        "sustained",
        "--edge-sustained=10min",
        "--latency-budget=1h",
        "--edge-arrival=every 2ms",
    )
    record = edge.record("sustained")
    assert_failed(record)
    assert record.duration_s < 60
    assert "the queue grows without end" in record.reason


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "sign"), [("kill", "SIGKILL"), ("abort", "SIGABRT"), ("hang", "no answer")])
def test_what_came_before_a_worker_was_lost_is_kept_as_evidence(edge: EdgeProject, fault: str, sign: str) -> None:
    edge.write_fake(fault=fault, fault_at=1500, latency_s=0.002)
    result = edge.run("--edge-model=net.fake", ON_FAKE, "-k", "sustained", "--edge-sustained=30s", "--edge-deadline=2s")
    result.assert_outcomes(errors=1)
    record = edge.record("sustained")
    assert record.verdict is Verdict.INFRA
    assert sign in record.reason
    assert record.soak is not None
    assert record.soak.stop_reason == "the worker was lost"
    kept = read_samples(Path(record.soak.samples_path))
    assert len(kept.durations_ns) == sum(segment.n for segment in record.soak.segments) >= 100
    (note,) = (note for note in record.notes if "are kept in" in note)
    assert note.startswith(f"{len(kept.durations_ns):,} samples")
    assert record.soak.samples_path in note
    result.stdout.fnmatch_lines(["*samples that came before are kept in *.safetensors; they are no verdict"])


@pytest.mark.slow
def test_samples_of_a_long_latency_measurement_are_kept_too(edge: EdgeProject) -> None:
    edge.write_fake(fault="kill", fault_at=3000, latency_s=0.002)
    edge.run("--edge-model=net.fake", ON_FAKE, "-k", "latency", "--edge-samples=100000", "--latency-budget=1s")
    record = edge.record("latency")
    assert record.verdict is Verdict.INFRA
    assert record.latency is None
    (note,) = (note for note in record.notes if "are kept in" in note)
    (path,) = edge.path.rglob("latency-lost-*.safetensors")
    assert str(path) in note
    assert 500 < len(read_samples(path).durations_ns) < 3000


@pytest.mark.slow
def test_no_progress_is_printed_into_a_pipe(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.002)
    result = edge.run("--edge-model=net.fake", ON_FAKE, "-k", "sustained", "--edge-sustained=2s")
    result.stdout.no_fnmatch_line("*left,*")
