from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import onnxruntime
import pytest

from pytest_edgert.errors import TargetMissingError, UsageError
from pytest_edgert.records import PresenceState
from pytest_edgert.runtimes.onnxruntime import RUNTIME
from pytest_edgert.runtimes.onnxruntime_providers import (
    ACCELERATORS,
    AUTO_ORDER,
    PROBE_MODEL,
    PROVIDERS,
    accelerator_of,
    presence,
    provider_of,
    resolve,
)


def test_the_probe_is_a_valid_model() -> None:
    onnx.checker.check_model(onnx.load_model_from_string(PROBE_MODEL), full_check=True)


def test_the_cpu_is_usable_here() -> None:
    assert presence("cpu").state is PresenceState.USABLE


def test_what_the_build_lacks_is_absent_with_a_remedy() -> None:
    lacking = [name for name, known in PROVIDERS.items() if known.name not in onnxruntime.get_available_providers()]
    assert lacking
    for name in lacking:
        found = presence(name)
        assert (found.state, bool(found.reason), bool(found.remedy)) == (PresenceState.ABSENT, True, True)


def test_a_provider_in_the_build_that_cannot_start_is_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: everything)
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        found = presence("cuda")
    assert found.state is PresenceState.UNUSABLE
    assert "in this build" in found.reason


def test_azure_is_no_accelerator() -> None:
    assert "AzureExecutionProvider" not in {known.name for known in PROVIDERS.values()}
    assert accelerator_of("AzureExecutionProvider") == "AzureExecutionProvider"


def test_auto_prefers_the_published_order() -> None:
    assert ACCELERATORS[:5] == AUTO_ORDER == ("cuda", "coreml", "nnapi", "openvino", "cpu")
    assert set(ACCELERATORS) == set(PROVIDERS)


def test_every_provider_that_this_version_knows_is_an_accelerator_or_left_out_for_a_reason() -> None:
    not_accelerators = {"AzureExecutionProvider", "JsExecutionProvider", "WebNNExecutionProvider"}
    not_accelerators |= {"TvmExecutionProvider"}  # gone after 1.20
    assert set(onnxruntime.get_all_providers()) - {known.name for known in PROVIDERS.values()} <= not_accelerators


def test_an_unknown_accelerator_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="'cuda'"):
        provider_of("cuba")


def test_auto_takes_the_first_that_works() -> None:
    usable = {found.name for found in RUNTIME.accelerators() if found.state is PresenceState.USABLE}
    assert resolve("auto") == next(name for name in AUTO_ORDER if name in usable)


@pytest.mark.parametrize(
    ("text", "said"),
    [("raise ImportError('libcudart.so.12: cannot open')", "libcudart"), ("", "empty package")],
    ids=["broken binary", "empty package"],
)
def test_an_onnxruntime_that_does_not_import_is_missing_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(text, encoding="utf-8")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pytest_edgert.runtimes.onnxruntime import RUNTIME\n"
        "from pytest_edgert.errors import TargetMissingError\n"
        "states = {p.state.value for p in RUNTIME.accelerators() if p.reason and p.remedy}\n"
        "try: RUNTIME.version()\n"
        "except TargetMissingError as error: print(states, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "{'absent'}" in done.stdout
    assert said in done.stdout
    assert "pip install" in done.stdout or "uninstall" in done.stdout


def test_the_version_is_that_of_the_module() -> None:
    assert RUNTIME.version() == onnxruntime.__version__


def test_a_missing_accelerator_is_refused_by_name() -> None:
    missing = next(name for name, p in PROVIDERS.items() if p.name not in onnxruntime.get_available_providers())
    with pytest.raises(TargetMissingError, match=missing):
        resolve(missing)
