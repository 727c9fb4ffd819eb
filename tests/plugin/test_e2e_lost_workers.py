"""Workers that are lost while a model is opened, infers or is measured: INFRA on that item alone, with what happened."""

from __future__ import annotations

import pytest
from e2e_runs import ON_FAKE, EdgeProject

from pytest_edgert.records import Verdict

pytestmark = pytest.mark.slow

#: What the message must say of each fault, besides the operation.
SIGNS = {
    "kill": "SIGKILL",
    "abort": "SIGABRT",
    "segfault": "SIGSEGV",
    "exit": "exit status 3",
    "hang": "no answer",
    "hang_native": "no answer",
    "memory": "memory",
}
#: Faults in whose message the tail of standard error stands: the stack of Python when the worker was lost.
TELLS_STACK = ("abort", "segfault", "hang", "hang_native")


def assert_each_loss_is_told(edge: EdgeProject, check: str, operation: str) -> None:
    """Check the last run: every fault was INFRA on its own item, the sound model between them was judged each time."""
    verdicts = edge.verdicts()
    for fault, sign in SIGNS.items():
        assert verdicts[f"{check} {fault}.fake"] is Verdict.INFRA, fault
        (record,) = (r for r in edge.document.records if r.cell.artefact == f"{fault}.fake" and r.check == check)
        assert sign in record.reason
        assert operation in record.reason
        assert record.remedy
        assert ("fake_faults.py" in record.reason) == (fault in TELLS_STACK), fault
        assert verdicts[f"{check} after_{fault}.fake"] in {Verdict.PASS, Verdict.MEASURED}, fault


def run_all(edge: EdgeProject, check: str, **faults: object) -> pytest.RunResult:
    names = [name for fault in SIGNS for name in (f"{fault}.fake", f"after_{fault}.fake")]
    for fault in SIGNS:
        edge.write_fake(f"{fault}.fake", fault=fault, latency_s=0.0005, **faults)
        edge.write_fake(f"after_{fault}.fake", latency_s=0.0005)
    models = [f"--edge-model={name}" for name in names]
    return edge.run(*models, ON_FAKE, "-k", check, "--edge-deadline=2s", "--edge-samples=60")


def test_an_abort_is_told_and_the_next_item_gets_a_new_worker(edge: EdgeProject) -> None:
    edge.write_fake("bad.fake", fault="abort")
    edge.write_fake("sound.fake")
    result = edge.run("--edge-model=bad.fake", "--edge-model=sound.fake", ON_FAKE, "-k", "signature", "-v")
    result.assert_outcomes(errors=1, passed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "bad.fake::signature* INFRA *",
            "sound.fake::signature* PASSED *",
            "INFRA: signature of bad.fake on fake:cpu: The worker was ended by SIGABRT in infer. *",
            "*Fatal Python error: Aborted*",
            "  What to do: *",
        ]
    )


@pytest.mark.slow
def test_every_loss_while_inferring_is_told(edge: EdgeProject) -> None:
    result = run_all(edge, "signature")
    result.assert_outcomes(errors=7, passed=7)
    assert_each_loss_is_told(edge, "signature", "in infer")


@pytest.mark.slow
def test_every_loss_while_opening_is_told(edge: EdgeProject) -> None:
    result = run_all(edge, "signature", fault_in="load")
    result.assert_outcomes(errors=7, passed=7)
    assert_each_loss_is_told(edge, "signature", "open")


@pytest.mark.lab
def test_every_loss_while_measuring_is_told(edge: EdgeProject) -> None:
    result = run_all(edge, "latency", fault_at=30)
    result.assert_outcomes(errors=7, passed=7)
    assert_each_loss_is_told(edge, "latency", "measure_latency")


LOSES = """
import pytest

pytestmark = pytest.mark.edge_model("bad.fake")

@pytest.mark.parametrize("turn", range(4))
def test_it(edge_session, turn):
    edge_session.signature
"""


@pytest.mark.slow
def test_opening_is_tried_twice_and_charges_only_the_tests_that_used_it(edge: EdgeProject) -> None:
    """The session is of the whole module: no fixture fails, each test says what it met, the third without a try."""
    edge.write_fake("bad.fake", fault="kill", fault_in="load")
    edge.write_fake("sound.fake")
    edge.pytester.makepyfile(
        test_bad=LOSES + "\ndef test_needs_no_session(edge_target): pass\n",
        test_sound=LOSES.replace("bad.fake", "sound.fake"),
    )
    result = edge.run(ON_FAKE)
    result.assert_outcomes(errors=4, passed=5)
    reasons = [record.reason for record in edge.document.records if record.cell.artefact == "bad.fake"]
    assert [reason.startswith("Not tried again after 2 losses: ") for reason in reasons] == [False, False, True, True]
    assert all("SIGKILL" in reason and "in open" in reason for reason in reasons)


CRASHES_ONCE = """
import numpy as np
import pytest

pytestmark = pytest.mark.edge_model("net.fake")

@pytest.mark.parametrize("turn", range(3))
def test_it(edge_session, turn):
    edge_session.infer({"x": np.ones((1, 4), np.float32)})
    if turn == 1:
        edge_session.infer({"x": np.ones((1, 4), np.float32)})
"""


@pytest.mark.slow
def test_a_session_that_was_lost_is_opened_again_for_the_next_test(edge: EdgeProject) -> None:
    edge.write_fake("net.fake", fault="segfault", fault_at=3)
    edge.pytester.makepyfile(test_net=CRASHES_ONCE)
    result = edge.run(ON_FAKE, "-v")
    result.assert_outcomes(errors=1, passed=2)
    result.stdout.fnmatch_lines(["*cpu-0? PASSED*", "*cpu-1? INFRA*", "*cpu-2? PASSED*"])
