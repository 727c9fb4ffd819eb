"""What tests of real sessions share: a pool of workers in this process, with a lock and a run folder of its own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pytest_edgert.contracts import OptionValue, parse_target
from pytest_edgert.locks import DeviceLock
from pytest_edgert.recording import RECORDER
from pytest_edgert.run import Run
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import adapter_references, runtimes
from pytest_edgert.sessions import EdgeSession, SessionPlan, SessionPool
from pytest_edgert.transports.local import TRANSPORT

OpenSession = Callable[..., EdgeSession]


def pytest_collection_finish() -> None:
    """Take what was collected and imported out of garbage collection.

    Every run inside this process (pytester) ends with five full collections; over thousands of tests and the
    modules of all runtimes each takes longer than most of these tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def session_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionPool]:
    """A pool whose workers end with the module."""
    folder = tmp_path_factory.mktemp("run")
    found = SessionPool(Run("test", folder), TRANSPORT, adapter_references(), DeviceLock("test", 60.0, folder))
    yield found
    found.close()


@pytest.fixture(scope="module")
def open_session(session_pool: SessionPool) -> OpenSession:
    """Open an artefact on a target, the options of its variant included."""

    def opened(
        path: Path,
        target: str,
        *,
        outputs: Mapping[str, str] | None = None,
        samples: tuple[Path, ...] = (),
        **options: OptionValue,
    ) -> EdgeSession:
        asked = parse_target(target)
        merged = {**runtimes()[asked.runtime].info.variants.get(asked.variant, {}), **options}
        named = tuple((outputs or {}).items())
        plan = SessionPlan("net", identify(path), asked, tuple(sorted(merged.items())), samples, named)
        return session_pool.session(plan)

    return opened


@pytest.fixture(autouse=True)
def _no_record(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep the verdicts that these tests provoke out of the summary of the run that tests them."""
    if "open_session" not in request.fixturenames:
        yield
        return
    token = RECORDER.set(None)
    yield
    RECORDER.reset(token)
