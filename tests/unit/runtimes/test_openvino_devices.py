"""OpenVINO's devices, and that importing it tells nobody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_edgert.errors import TargetMissingError, UsageError
from pytest_edgert.records import PresenceState
from pytest_edgert.runtimes.openvino import RUNTIME
from pytest_edgert.runtimes.openvino_devices import (
    ACCELERATORS,
    _refusal,
    accelerator_of,
    core_for,
    device_of,
    import_openvino,
    make_core,
    presence,
)

#: Opens a model with the network cut off in Python and says what of the telemetry is there.
TELEMETRY_PROBE = """
import os, socket, sys
def refuse(*_): raise SystemExit("the network was opened")
socket.socket.connect = socket.getaddrinfo = refuse
before = set(sys.modules)
from pytest_edgert.runtimes.openvino import RUNTIME
RUNTIME.open(__import__("pathlib").Path(sys.argv[1]), "cpu", {}).close()
import threading
print([name for name in set(sys.modules) - before if name.startswith("openvino_telemetry")], threading.active_count())
"""


def listed() -> set[str]:
    return {accelerator_of(device) for device in make_core().available_devices}


def test_the_cpu_is_usable_here() -> None:
    assert presence("cpu").state is PresenceState.USABLE


@pytest.mark.parametrize(("name", "needs"), [("gpu", "render"), ("npu", "intel_vpu")])
def test_a_device_that_is_not_listed_is_absent_with_a_remedy(name: str, needs: str) -> None:
    if name in listed():
        pytest.skip(f"this machine has an Intel {name}")
    found = presence(name)
    assert found.state is PresenceState.ABSENT
    assert f"no {name.upper()}" in found.reason
    assert needs in found.remedy
    with pytest.raises(TargetMissingError, match=f"openvino:{name} is not there"):
        core_for(name)


def test_the_probe_runs_on_a_device_that_works() -> None:
    assert _refusal(make_core(), "CPU") == ""


def test_the_probe_tells_why_a_device_does_not_work() -> None:
    assert "NOSUCH" in _refusal(make_core(), "NOSUCH")


def test_an_unknown_accelerator_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="'npu'"):
        device_of("mpu")


@pytest.mark.parametrize(
    ("device", "accelerator"), [("CPU", "cpu"), ("GPU.0", "gpu"), ("(CPU)", "cpu"), ("NPU.3720", "npu")]
)
def test_devices_are_accelerators(device: str, accelerator: str) -> None:
    assert accelerator_of(device) == accelerator


def test_every_device_has_a_presence() -> None:
    assert tuple(found.name for found in RUNTIME.accelerators()) == ACCELERATORS


def test_the_version_is_that_of_the_module() -> None:
    assert import_openvino().__version__.startswith(RUNTIME.version())
    assert RUNTIME.version().replace(".", "").isdigit()


@pytest.mark.slow
def test_opening_a_model_sends_and_writes_no_telemetry(tmp_path: Path) -> None:
    from onnx_models import one_node, save

    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-c", TELEMETRY_PROBE, str(save(one_node("Relu"), tmp_path))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]", "1"]
    assert list(home.rglob("*")) == []


def test_the_telemetry_is_importable_afterwards() -> None:
    import_openvino()
    assert sys.modules.get("openvino_telemetry", "never imported") is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [("raise ImportError('libtbb.so.12: cannot open')", "libtbb"), ("", "empty package")],
    ids=["broken binary", "empty package"],
)
def test_an_openvino_that_does_not_import_is_missing_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text(text, encoding="utf-8")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pytest_edgert.runtimes.openvino import RUNTIME\n"
        "from pytest_edgert.errors import TargetMissingError\n"
        "states = {p.state.value for p in RUNTIME.accelerators() if p.reason and p.remedy}\n"
        "try: RUNTIME.version()\n"
        "except TargetMissingError as error: print(states, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "{'absent'}" in done.stdout
    assert said in done.stdout
    assert "install" in done.stdout
