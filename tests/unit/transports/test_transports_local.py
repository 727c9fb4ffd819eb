import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from pytest_edgert.transports.local import TRANSPORT, LocalTransport
from pytest_edgert.worker.client import Worker, WorkerSettings

BESIDE = str(Path(__file__).parents[1] / "worker")
ROOT = str(Path(__file__).parents[3])


def test_the_command_is_this_python():
    assert TRANSPORT.command(["-m", "x"]) == [sys.executable, "-m", "x"]


def test_it_shares_memory_and_has_a_name():
    assert (TRANSPORT.name, TRANSPORT.shares_memory) == ("local", True)


def test_without_shared_memory_large_tensors_go_through_the_pipe():
    far = replace(LocalTransport(), shares_memory=False)
    sent = {"large": np.random.default_rng(0).random((500, 700)), "small": np.ones(3)}
    with Worker.start(far, WorkerSettings(environment={"PYTHONPATH": f"{ROOT}:{BESIDE}"})) as worker:
        session = worker.open("odd_runtime:RUNTIME", Path("model.odd"), "cpu", {}, timeout_s=20).session_id
        found = worker.infer(session, sent, timeout_s=20)
    for name, array in sent.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].flags.writeable
