from __future__ import annotations

import dataclasses

import pytest
from e2e_runs import ON_FAKE, EdgeProject, assert_failed

from pytest_edgert.plugin.setting import choose_arrival
from pytest_edgert.plugin.settings import AskedArrival, Settings
from pytest_edgert.plugin.state import settings_of
from pytest_edgert.records import Arrival, Pattern, Verdict

EVERY = Arrival(Pattern.EVERY, 0.033)
LINE = AskedArrival(EVERY, "--edge-arrival")
GATE = AskedArrival(Arrival(Pattern.POISSON, 0.01), "net.edge.toml:4")
INI = AskedArrival(Arrival(), "edge_arrival in pytest.ini")


@pytest.mark.parametrize("text", ["sometimes", "every", "every 33", "poisson 5ms", "closed 5ms", ""])
def test_what_is_no_pattern_ends_with_one_line_and_a_remedy(project: pytest.Pytester, text: str) -> None:
    result = project.runpytest_inprocess(f"--edge-arrival={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if line]
    assert line.startswith("ERROR: --edge-arrival: ")
    assert "every 33ms" in line or "33ms" in line or "5ms" in line


def test_the_command_line_and_the_ini_file_are_read(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedge_arrival = poisson 100/s")
    settings = settings_of(project.parseconfigure("--edge-arrival=every 33ms"))
    assert settings.arrival == LINE
    assert settings.ini_arrival is not None
    assert settings.ini_arrival.arrival == GATE.arrival


def test_a_wrong_pattern_in_the_ini_file_names_the_file(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nedge_arrival = every 5")
    result = project.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: edge_arrival in *tox.ini: 'every 5'*"])


def test_the_command_line_wins_over_the_gate_file_and_that_over_the_ini_file() -> None:
    everywhere = Settings(arrival=LINE, ini_arrival=INI)
    assert choose_arrival(everywhere, GATE) == (
        EVERY,
        (
            "overrides arrival poisson 100 /s from net.edge.toml:4",
            "overrides arrival closed from edge_arrival in pytest.ini",
        ),
    )
    assert choose_arrival(dataclasses.replace(everywhere, arrival=None), GATE)[0] == GATE.arrival
    assert choose_arrival(Settings(), None) == (None, ())


@pytest.mark.slow
def test_requests_arrive_as_told_and_the_record_says_so(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.002)
    result = edge.run(
        "--edge-model=net.fake", ON_FAKE, "-k", "latency", "--latency-budget=1s", "--edge-arrival=every 8ms"
    )
    result.assert_outcomes(passed=1)
    latency = edge.record("latency").latency
    assert latency is not None
    assert latency.arrival == "every 8 ms"
    assert latency.service
    assert latency.span_s >= 0.007 * (latency.n - 1)


@pytest.mark.slow
def test_requests_faster_than_the_runtime_fail_soon_with_both_rates(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.004)
    result = edge.run(
        "--edge-model=net.fake", ON_FAKE, "-k", "latency", "--latency-budget=1h", "--edge-arrival=poisson 500/s"
    )
    record = edge.record("latency")
    assert_failed(record)
    assert record.duration_s < 30
    result.stdout.fnmatch_lines(
        [
            "*: latency of net.fake on fake:cpu: *the queue grows without end*one comes every 2 ms on average (500 /s)*",
            "*requests poisson 500 /s, at most * waiting*",
        ]
    )


@pytest.mark.slow
def test_without_a_budget_a_queue_that_grows_is_no_figure(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.004)
    edge.run("--edge-model=net.fake", ON_FAKE, "-k", "latency", "--edge-arrival=every 2ms")
    assert edge.record("latency").verdict is Verdict.INVALID
    assert "no steady state" in edge.record("latency").reason


@pytest.mark.slow
def test_the_gate_file_says_how_requests_arrive_and_the_option_overrides_it(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.001)
    (edge.path / "net.edge.toml").write_text(
        'artefacts = ["net.fake"]\nlatency = { p95 = "1s", arrival = "every 7ms" }'
    )
    edge.run("net.edge.toml", ON_FAKE, "-k", "latency")
    assert edge.record("latency").latency.arrival == "every 7 ms"  # type: ignore[union-attr]
    result = edge.run("net.edge.toml", ON_FAKE, "-k", "latency", "--edge-arrival=closed")
    assert edge.record("latency").latency.arrival == "closed"  # type: ignore[union-attr]
    result.stdout.fnmatch_lines(["*overrides arrival every 7 ms from net.edge.toml:2"])


@pytest.mark.slow
def test_a_test_of_ones_own_is_measured_by_the_option_too(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.001)
    edge.pytester.makepyfile(
        test_net="""
import pytest
from pytest_edgert import assert_latency

@pytest.mark.edge_model("net.fake")
def test_it(edge_session):
    assert_latency(edge_session, "p95=1s")
"""
    )
    edge.run(ON_FAKE, "--edge-arrival=every 5ms")
    assert edge.record("latency").latency.arrival == "every 5 ms"  # type: ignore[union-attr]
