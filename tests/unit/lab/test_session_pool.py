"""The pool of sessions on real workers: what it keeps, what it lets go of, what it knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pytest_edgert.contracts import OptionValue, parse_target
from pytest_edgert.errors import WorkerCrashedError
from pytest_edgert.locks import DeviceLock
from pytest_edgert.run import Run
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.sessions import SessionPlan, SessionPool
from pytest_edgert.transports.local import TRANSPORT

MODEL = {"inputs": [{"name": "x", "shape": [64, 64]}], "outputs": [{"name": "y", "of": "x"}]}
#: Growth of resident memory that is no leak: a hundred sessions of 16 KiB tensors would need more.
SLACK_BYTES = 4 * 2**20


@pytest.fixture
def make_pool(tmp_path: Path) -> Iterator[Callable[[], SessionPool]]:
    pools: list[SessionPool] = []

    def make() -> SessionPool:
        lock = DeviceLock("test", 10.0, tmp_path)
        pools.append(SessionPool(Run("test", tmp_path), TRANSPORT, adapter_references(), lock))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., SessionPlan]:
    path = tmp_path / "net.fake"
    path.write_text(json.dumps(MODEL), encoding="utf-8")

    def make(**options: OptionValue) -> SessionPlan:
        return SessionPlan("net", identify(path), parse_target("fake:cpu"), tuple(sorted(options.items())))

    return make


def descriptors(pid: int) -> int:
    return psutil.Process(pid).num_fds()


def resident_bytes(pid: int) -> int:
    return psutil.Process(pid).memory_info().rss


def test_equal_plans_are_one_session_in_one_worker(make_pool, plan) -> None:
    pool = make_pool()
    first, again, other = pool.session(plan()), pool.session(plan()), pool.session(plan(factor=2))
    assert first is again
    assert first is not other
    first.open(), other.open()
    assert first.worker is other.worker


@pytest.mark.slow
def test_a_hundred_sessions_leave_no_descriptor_memory_or_worker(make_pool, plan) -> None:
    def use(factor: int) -> None:
        session = pool.session(plan(factor=factor))
        assert (session.infer(session.feeds())["y"] == session.feeds()["x"] * factor).all()
        session.close()

    here = psutil.Process()
    make_pool().session(plan()).open()  # what is imported and opened once stays
    children, descriptors_before = len(here.children(recursive=True)), here.num_fds()
    pool = make_pool()
    use(1)
    worker = pool.session(plan(factor=1)).worker.pid
    figures = descriptors(worker), here.num_fds()
    memory = resident_bytes(worker), resident_bytes(here.pid)
    for factor in range(2, 102):
        use(factor)
    assert (descriptors(worker), here.num_fds()) == figures
    assert resident_bytes(worker) - memory[0] < SLACK_BYTES
    assert resident_bytes(here.pid) - memory[1] < SLACK_BYTES
    pool.close()
    assert len(here.children(recursive=True)) == children
    assert here.num_fds() == descriptors_before


@pytest.mark.slow
def test_any_session_tells_the_version_of_its_runtime(make_pool, plan) -> None:
    pool = make_pool()
    with pool.private(plan()) as private:
        private.open()
    assert pool.session(plan()).runtime_version == "1"


def test_an_unopened_session_tells_no_version(make_pool, plan) -> None:
    assert make_pool().session(plan()).runtime_version == ""


def test_a_session_is_opened_again_after_its_worker_was_lost(make_pool, plan) -> None:
    pool = make_pool()
    sound, bad = pool.session(plan()), pool.session(plan(fault="kill"))
    expected = sound.infer(sound.feeds())["y"]
    with pytest.raises(WorkerCrashedError, match="SIGKILL"):
        bad.infer(bad.feeds())
    assert (sound.infer(sound.feeds())["y"] == expected).all()


@pytest.mark.slow
def test_opening_that_loses_the_worker_is_tried_twice(make_pool, plan) -> None:
    session = make_pool().session(plan(fault="kill", fault_in="load"))
    for said in ("The worker was killed", "The worker was killed", "Not tried again after 2 losses: "):
        with pytest.raises(WorkerCrashedError, match=said):
            session.open()


@pytest.mark.slow
def test_a_released_device_is_free_for_others_while_sessions_stay_open(make_pool, plan, tmp_path: Path) -> None:
    pool = make_pool()
    pool.session(plan()).open()
    pool.lock.release()
    other = replace(pool.lock, wait_s=0.5, _lock=None)
    with other.exclusive("a measurement"):
        assert pool.session(plan()).worker.alive
