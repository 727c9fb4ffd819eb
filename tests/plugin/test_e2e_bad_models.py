"""Model files that are wrong, through the gate on the real ONNX Runtime: one error each, on the item it concerns."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_runs import ON_ORT, QUIET, EdgeProject
from onnx import TensorProto, helper

from pytest_edgert.locks import FOLDER_VARIABLE
from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

GATE = ("--edge-model=net.onnx", "-k", "signature or artefact")


def write_external(edge: EdgeProject, location: str) -> None:
    """Write a model whose weights lie in another file."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, text in (("location", location), ("offset", "0"), ("length", "16")):
        weight.external_data.add(key=key, value=text)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    edge.write_proto("net.onnx", helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8))


def test_a_truncated_model_fails_with_its_name_and_a_remedy(edge: EdgeProject) -> None:
    path = edge.write_onnx()
    path.write_bytes(path.read_bytes()[:-9])
    result = edge.run(*GATE, ON_ORT)
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL: signature of net.onnx on onnxruntime:cpu: *net.onnx*", "  What to do: ?*"])
    assert edge.verdicts() == {"signature net.onnx": Verdict.FAIL}


@pytest.mark.slow
def test_a_broken_model_is_a_failure_also_where_its_target_was_only_found(edge: EdgeProject) -> None:
    (edge.path / "net.onnx").write_bytes(b"\x08\x0a\xff\xfe no model")
    result = edge.run(*GATE)
    assert result.ret == 1
    assert result.parseoutcomes().keys() == {"failed", "deselected"}


@pytest.mark.slow
def test_an_operator_that_an_enumerated_target_lacks_is_a_skip_with_the_reason(edge: EdgeProject) -> None:
    edge.write_onnx(operator="Frobnicate")
    result = edge.run(*GATE, "-k", "signature and onnxruntime")
    assert result.ret == 1  # nothing was judged
    result.assert_outcomes(skipped=1)
    (item,) = edge.items.values()
    assert "Frobnicate" in item.reason
    assert item.remedy
    result.stdout.fnmatch_lines(["*Frobnicate*", "*no cell of the gate got a verdict or a figure: 1 skipped."])


def test_an_operator_that_a_named_target_lacks_is_a_failure(edge: EdgeProject) -> None:
    edge.write_onnx(operator="Frobnicate")
    result = edge.run(*GATE, ON_ORT)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL: *Frobnicate*", "  What to do: ?*"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("absent.bin", "keeps weights in 'absent.bin'; *absent.bin is not there."),
        ("../outside.bin", "keeps weights in '../outside.bin', which lies outside its folder*"),
    ],
)
def test_external_data_that_is_missing_or_outside_is_named(edge: EdgeProject, location: str, said: str) -> None:
    (edge.path / "../outside.bin").write_bytes(bytes(16))
    write_external(edge, location)
    result = edge.run(*GATE, ON_ORT)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"FAIL: signature of net.onnx on onnxruntime:cpu: *net.onnx {said}", "  What to do: ?*"]
    )


#: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: by these root reads and writes whatever the permissions say.
ROOTS_RIGHTS = (1, 2)
PR_CAPBSET_DROP = 24


def give_up_roots_rights() -> None:
    """Let what is started next obey permissions, also as root; does nothing for other users."""
    libc = ctypes.CDLL(None, use_errno=True)
    for right in ROOTS_RIGHTS:
        libc.prctl(PR_CAPBSET_DROP, right, 0, 0, 0)


def run_obediently(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to which the permissions of files apply."""
    environment = {**os.environ, FOLDER_VARIABLE: str(folder / "locks")}
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        preexec_fn=give_up_roots_rights,
        check=False,
    )


def run_pytest_obediently(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_obediently(folder, sys.executable, "-B", "-m", "pytest", *QUIET, *arguments)


@pytest.fixture
def closed_folder(edge: EdgeProject) -> Iterator[Path]:
    """Give a folder with a model that cannot be written to."""
    folder = edge.pytester.mkdir("closed")
    (folder / "locks").mkdir()
    edge.write_onnx().rename(folder / "net.onnx")
    folder.chmod(0o555)
    if run_obediently(folder, "touch", "new").returncode == 0:
        pytest.skip("needs a user without the rights of root, or prctl(PR_CAPBSET_DROP)")
    yield folder
    folder.chmod(0o755)


def test_an_unreadable_model_is_named(closed_folder: Path) -> None:
    (closed_folder / "net.onnx").chmod(0)
    result = run_pytest_obediently(closed_folder, "--edge-model=net.onnx", ON_ORT)
    assert result.returncode == 1
    assert f"FAIL: {closed_folder}/net.onnx cannot be read" in result.stdout
    assert "What to do: " in result.stdout or "permission" in result.stdout.lower()
    assert "1 failed in" in result.stdout


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_to_does_not_end_a_run(closed_folder: Path) -> None:
    """Neither the cache of pytest nor the folder of this run can be made."""
    arguments = ("--edge-model=net.onnx", ON_ORT, "-k", "latency", "--edge-samples=50", "-p", "cacheprovider")
    result = run_pytest_obediently(closed_folder, *arguments)
    assert result.returncode == 0, result.stdout
    assert "MEASURED" in result.stdout
    assert {path.name for path in closed_folder.iterdir()} == {"net.onnx", "locks"}


def test_a_document_that_cannot_be_written_is_refused_before_the_run(closed_folder: Path) -> None:
    result = run_pytest_obediently(closed_folder, "--edge-model=net.onnx", "--edge-json=edgert.json")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --edge-json=" in result.stderr
    assert "cannot write to" in result.stderr
