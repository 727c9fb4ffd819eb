"""What the tests of the plugin's input side share: a project with models, in which nothing is opened."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence

import pytest
from e2e_runs import EdgeProject

from pytest_edgert import plugin, probing
from pytest_edgert.locks import FOLDER_VARIABLE
from pytest_edgert.records import Presence, PresenceState

# pytester unloads what a run in this process imports: what is loaded before stays, and is not there twice.
for found in pkgutil.iter_modules(plugin.__path__, f"{plugin.__name__}."):
    importlib.import_module(found.name)

#: Fixtures that open nothing, in place of the plugin's own: these tests are about what is collected.
FIXTURES = """
import pytest

@pytest.fixture(scope="module")
def edge_target(request):
    return request.param

@pytest.fixture(scope="module")
def edge_session(edge_target):
    return edge_target

@pytest.fixture(scope="module")
def _edge_panel():
    return None

@pytest.fixture
def latency_budget():
    return None
"""
#: Bytes that are neither text nor a web page, as far as the pytest process looks.
MODEL = b"\x08\x0a\xff\xfe model"


def answer(names: Sequence[str], **_: object) -> dict[str, tuple[str, tuple[Presence, ...]]]:
    """Answer as on a machine with a CPU and no GPU, where ONNX Runtime and the fake are all that works."""
    cpu = Presence("cpu", PresenceState.USABLE)
    cuda = Presence("cuda", PresenceState.ABSENT, "no NVIDIA GPU is here", "Plug one in.")
    nothing = Presence("cpu", PresenceState.ABSENT, "this test is about other runtimes", "Look elsewhere.")
    return {name: ("1.0", (cpu, cuda) if name in ("onnxruntime", "fake") else (nothing,)) for name in names}


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runtimes answer without workers."""
    monkeypatch.setattr(probing, "probe", answer)


@pytest.fixture
def project(pytester: pytest.Pytester, probed: None, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose fixtures open nothing, on a machine where every runtime has a CPU."""
    # Hypothesis imports itself at the end of every run in which it is loaded: seconds that say nothing here.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:benchmark -p no:cacheprovider")
    pytester.makeconftest(FIXTURES)
    return pytester


@pytest.fixture
def write_models(pytester: pytest.Pytester) -> Callable[..., None]:
    """Write model files by their names."""

    def write(*names: str) -> None:
        for name in names:
            path = pytester.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(MODEL)

    return write


@pytest.fixture
def collect(project: pytest.Pytester) -> Callable[..., list[str]]:
    """Return the node ids that pytest collects with these arguments."""

    def run(*arguments: str) -> list[str]:
        result = project.runpytest_inprocess("--collect-only", "-q", *arguments)
        return [line for line in result.outlines if "::" in line and not line.startswith(("ERROR", "edgert:"))]

    return run


@pytest.fixture
def edge(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> EdgeProject:
    """An empty project for whole runs, whose device lock is its own: other runs on this machine do not matter."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(pytester.mkdir("locks")))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return EdgeProject(pytester)
