from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_edgert.contracts import RuntimeInfo
from pytest_edgert.errors import UsageError
from pytest_edgert.runtimes.registry import (
    adapter_references,
    how_to_install,
    installed_version,
    is_installed,
    load_adapter,
    runtimes,
)


def info(**more: object) -> RuntimeInfo:
    return RuntimeInfo(**{"name": "r", "modules": (), "distributions": (), "suffixes": (), "accelerators": (), **more})


def install(folder: Path, distribution: str, entry_point: str) -> None:
    """Lay a distribution of one entry point into a folder, as pip does."""
    meta = folder / f"{distribution}-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8")
    (meta / "entry_points.txt").write_text(f"[pytest_edgert.runtimes]\n{entry_point}\n", encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_our_own_runtimes_are_registered() -> None:
    assert {"onnxruntime", "fake"} <= set(adapter_references())
    assert runtimes()["fake"].info.name == "fake"


def test_a_third_party_adapter_is_found(site: Path) -> None:
    install(site, "other-edge", "other = pytest_edgert.runtimes.fake:RUNTIME")
    assert adapter_references()["other"] == "pytest_edgert.runtimes.fake:RUNTIME"


def test_two_adapters_of_one_name_are_an_error_naming_both(site: Path) -> None:
    install(site, "first-edge", "other = first:RUNTIME")
    install(site, "second-edge", "other = second:RUNTIME")
    with pytest.raises(UsageError, match=r"first-edge.*second-edge|second-edge.*first-edge"):
        adapter_references()


def test_an_adapter_that_calls_itself_otherwise_is_an_error(site: Path) -> None:
    install(site, "other-edge", "other = pytest_edgert.runtimes.fake:RUNTIME")
    with pytest.raises(UsageError, match="calls itself 'fake'"):
        runtimes()


@pytest.mark.parametrize("text", ["raise RuntimeError('boom')", "import nosuchvendor", "x = ("])
def test_a_broken_adapter_is_named(site: Path, text: str) -> None:
    name = f"broken_{abs(hash(text))}"
    (site / f"{name}.py").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=name) as caught:
        load_adapter(f"{name}:RUNTIME")
    assert caught.value.__cause__ is not None


def test_an_adapter_without_the_attribute_is_named() -> None:
    with pytest.raises(UsageError, match="NOSUCH"):
        load_adapter("pytest_edgert.runtimes.fake:NOSUCH")


def test_what_is_no_runtime_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(UsageError, match="version, accelerators, accepts"):
        load_adapter("pathlib:Path")


def test_loading_every_runtime_imports_no_vendor_and_no_numpy() -> None:
    script = "import sys; from pytest_edgert.runtimes.registry import runtimes, is_installed; "
    script += (
        "[is_installed(r.info) for r in runtimes().values()]; print({'numpy', 'onnx', 'onnxruntime'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_runtime_without_modules_is_installed() -> None:
    assert is_installed(info())


@pytest.mark.parametrize(("modules", "there"), [(("nosuchmodule", "json"), True), (("nosuch.sub", "nosuch"), False)])
def test_any_one_module_serves(modules: tuple[str, ...], there: bool) -> None:
    assert is_installed(info(modules=modules)) is there


def test_the_first_distribution_found_tells_the_version() -> None:
    assert installed_version(info(distributions=("nosuchdist", "numpy"))) == importlib.metadata.version("numpy")


def test_no_distribution_no_version() -> None:
    assert installed_version(info(distributions=("nosuchdist",))) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"extra": "onnx"}, 'pip install "pytest-edgert[onnx]"'),
        ({"distributions": ("theirs",)}, "pip install theirs"),
        ({}, "See the documentation of r."),
    ],
)
def test_how_to_install(more: dict[str, object], said: str) -> None:
    assert how_to_install(info(**more)) == said
