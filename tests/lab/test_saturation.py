"""The int8 fault of CPUs without VNNI, on real silicon: the oracle sees it, and the runtime that has it is named."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pytest_edgert.agreements import compare_sessions
from pytest_edgert.contracts import parse_target
from pytest_edgert.locks import DeviceLock
from pytest_edgert.panel import Panel, check_agreement
from pytest_edgert.records import Verdict
from pytest_edgert.run import Run
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import adapter_references, runtimes
from pytest_edgert.sessions import EdgeSession, SessionPlan, SessionPool
from pytest_edgert.transports.local import TRANSPORT

OpenSession = Callable[..., EdgeSession]
CHANNELS = 64
QEMU = "/usr/bin/qemu-x86_64-static"


def ones(path: Path) -> tuple[Path, ...]:
    return (path.parent / "ones.npz",)


def saturating_convolution(folder: Path, dtype: str) -> Path:
    """A 1x1 convolution between Q and DQ whose products, added in pairs, leave int16."""
    top = float(np.iinfo(dtype).max)
    constants = {
        "sx": np.float32(1 / top), "zx": np.array(0, dtype), "sw": np.float32(1 / 127), "zw": np.array(0, np.int8),
        "w": np.full((8, CHANNELS, 1, 1), 127, np.int8), "so": np.float32(0.5), "zo": np.array(0, dtype),
    }  # fmt: skip
    steps = [
        ("QuantizeLinear", ["x", "sx", "zx"], "xq"), ("DequantizeLinear", ["xq", "sx", "zx"], "xd"),
        ("DequantizeLinear", ["w", "sw", "zw"], "wd"), ("Conv", ["xd", "wd"], "y0"),
        ("QuantizeLinear", ["y0", "so", "zo"], "yq"), ("DequantizeLinear", ["yq", "so", "zo"], "y"),
    ]  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, [output]) for operator, inputs, output in steps],
        "saturating",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, CHANNELS, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 8, 8, 8))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    path = folder / f"saturating_{dtype}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    np.savez(folder / "ones.npz", x=np.ones((1, CHANNELS, 8, 8), np.float32))
    return path


@pytest.mark.lab
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_the_exact_value_is_within_a_step_and_the_oracle_says_so(
    open_session: OpenSession, tmp_path: Path, dtype: str
) -> None:
    path = saturating_convolution(tmp_path, dtype)
    feeds = {"x": np.ones((1, CHANNELS, 8, 8), np.float32)}
    exact = open_session(path, "reference:cpu", samples=ones(path)).infer(feeds)["y"]
    wanted = min(64.0, np.iinfo(dtype).max * 0.5)
    assert np.abs(exact - wanted).max() <= 0.5


@pytest.mark.lab
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("target", ["onnxruntime:cpu", "openvino:cpu+f32", "openvino:cpu+avx2"])
def test_a_runtime_that_saturates_fails_against_the_oracle_and_no_other(
    open_session: OpenSession, tmp_path: Path, dtype: str, target: str
) -> None:
    path = saturating_convolution(tmp_path, dtype)
    session = open_session(path, target, samples=ones(path))
    found = float(session.infer({"x": np.ones((1, CHANNELS, 8, 8), np.float32)})["y"].min())
    saturates = found < 60
    record = check_agreement(session, Panel((open_session(path, "reference:cpu", samples=ones(path)),)))
    print(f"{target} {dtype}: {found:g} of 64, {record.verdict.value}")  # noqa: T201 - the lab's log tells which CPU class
    assert record.verdict is (Verdict.FAIL if saturates else Verdict.PASS)
    if saturates:
        assert record.cell.target == target
        assert "reference:cpu" in record.reason


@dataclass(frozen=True)
class Emulated:
    """This machine's Python on an emulated CPU: Haswell has AVX2 and no VNNI."""

    name: str = "qemu-haswell"
    shares_memory: bool = True

    def command(self, arguments: Sequence[str]) -> list[str]:
        return [QEMU, "-cpu", "Haswell", *TRANSPORT.command(arguments)]


@pytest.fixture
def on_haswell(tmp_path: Path) -> Iterator[OpenSession]:
    """Open sessions in workers on the emulated CPU."""
    lock = DeviceLock("haswell", 60.0, tmp_path)
    pool = SessionPool(Run("haswell", tmp_path), Emulated(), adapter_references(), lock)

    def opened(path: Path, target: str) -> EdgeSession:
        asked = parse_target(target)
        options = {"threads": 1, **runtimes()[asked.runtime].info.variants.get(asked.variant, {})}
        return pool.session(SessionPlan("net", identify(path), asked, tuple(sorted(options.items())), ones(path)))

    yield opened
    pool.close()


@pytest.mark.lab
@pytest.mark.skipif(not Path(QEMU).exists() or platform.machine() != "x86_64", reason=f"needs {QEMU} on x86-64")
@pytest.mark.parametrize(("dtype", "wrong"), [("int8", 0.5), ("uint8", 32.5)])
def test_two_runtimes_that_agree_with_each_other_are_both_named(
    on_haswell: OpenSession, tmp_path: Path, dtype: str, wrong: float
) -> None:
    path = saturating_convolution(tmp_path, dtype)
    oracle, one, other = (on_haswell(path, t) for t in ("reference:cpu", "onnxruntime:cpu", "openvino:cpu+f32"))
    between = compare_sessions(one, other)
    assert between.verdict is Verdict.PASS
    assert between.outputs[0].figures["max_abs"] == 0
    for session in (one, other):
        found = session.infer({"x": np.ones((1, CHANNELS, 8, 8), np.float32)})["y"]
        assert float(found.max()) == wrong
        plain = on_haswell(
            path, {"onnxruntime": "onnxruntime:cpu+unoptimized"}.get(session.target.runtime, "openvino:cpu+nolpt")
        )
        record = check_agreement(session, Panel((oracle, one, other, plain)))
        assert record.verdict is Verdict.FAIL
        assert record.vote is not None
        assert set(record.vote.outliers) == {"onnxruntime:cpu", "openvino:cpu+f32"}
        assert [cause.rpartition("(")[2] for cause in record.vote.causes] == [f"{plain.target})"]
        assert "and is wrong too" in record.reason
        assert "against saturating" in record.reason
        assert "on reference:cpu" in record.reason
