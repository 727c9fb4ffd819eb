"""Runs that end in the middle: by Ctrl-C, by SIGKILL, in a native hang. No process is left, and nothing is green."""

from __future__ import annotations

import signal
import subprocess

import psutil
import pytest
from e2e_runs import ON_FAKE, EdgeProject, running, wait_for, workers_of

from pytest_edgert.records import Verdict
from pytest_edgert.reports.items import Outcome

pytestmark = pytest.mark.slow

#: Hours of measurement, so that the end always comes in the middle.
FOREVER = ("--edge-model=net.fake", ON_FAKE, "--edge-max-time=1h", "--edge-samples=100000000")
HANGS = """
import os
from pathlib import Path
import pytest

@pytest.mark.edge_model("net.fake")
def test_it(edge_session):
    edge_session.open()
    Path("worker").write_text(str(edge_session.worker.pid))
    edge_session.infer(edge_session.feeds())
"""


def measuring(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the workers of a run in which one computes for longer than starting takes."""
    found = workers_of(run.pid)
    return found if any(running(worker) and worker.cpu_times().user > 1.5 for worker in found) else []


def test_an_interrupt_in_mid_measurement_leaves_no_worker_and_tells_what_did_not_run(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.0005, busy=True)
    with edge.started(*FOREVER, "-k", "latency or size") as run:
        workers = wait_for(lambda: measuring(run))
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=30)
        wait_for(lambda: not any(map(running, workers)))
    assert run.returncode == pytest.ExitCode.INTERRUPTED, output
    assert edge.verdicts() == {"size net.fake": Verdict.MEASURED, "latency net.fake": Verdict.NOTRUN}
    (latency,) = edge.document.not_run
    assert latency.outcome is Outcome.NOTRUN
    assert latency.reason == "the run was interrupted first"
    assert edge.document.exit_status == 2


def test_killing_pytest_in_mid_measurement_leaves_no_process(edge: EdgeProject) -> None:
    edge.write_fake(latency_s=0.0005, busy=True)
    with edge.started(*FOREVER, "-k", "latency") as run:
        workers = wait_for(lambda: measuring(run))
        run.kill()
        run.wait(10)
        wait_for(lambda: not any(map(running, workers)))


def test_killing_pytest_in_a_native_hang_leaves_no_process(edge: EdgeProject) -> None:
    edge.write_fake(fault="hang_native")
    edge.pytester.makepyfile(test_net=HANGS)
    with edge.started(ON_FAKE, "--edge-deadline=1h") as run:
        worker = psutil.Process(
            int(wait_for(lambda: (edge.path / "worker").exists() and (edge.path / "worker").read_text()))
        )
        workers = workers_of(run.pid)
        assert worker in workers
        wait_for(lambda: idle(worker))
        run.kill()
        run.wait(10)
        wait_for(lambda: not any(map(running, workers)))


def idle(process: psutil.Process) -> bool:
    """Return whether a process computes nothing for a quarter of a second."""
    before = process.cpu_times()
    return process.status() == psutil.STATUS_SLEEPING and not _moves(process, before)


def _moves(process: psutil.Process, before: object) -> bool:
    process.cpu_percent(interval=0.25)
    return process.cpu_times() != before
