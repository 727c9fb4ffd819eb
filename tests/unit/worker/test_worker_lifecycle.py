import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from pytest_edgert import clock
from pytest_edgert.transports.local import TRANSPORT
from pytest_edgert.worker.client import Worker

ROOT = Path(__file__).parents[3]
HERE = str(Path(__file__).parent)
PATH = os.pathsep.join((str(ROOT), HERE))

HANGING_CLIENT = """
import sys
import numpy as np
from odd_client import Odd
odd = Odd()
session = odd.open(do=sys.argv[1])
print(odd.worker.pid, flush=True)
odd.worker.infer(session, {"x": np.ones(1000000)}, timeout_s=1000)
"""

FORKING_CLIENT = """
import os, sys
import numpy as np
from odd_client import Odd
from pytest_edgert.errors import UsageError
odd = Odd()
session = odd.open()
if os.fork() == 0:
    assert not odd.worker.alive
    try:
        odd.worker.infer(session, {"x": np.ones(3)}, timeout_s=20)
    except UsageError as error:
        assert "forked copy" in str(error)
    else:
        os._exit(1)
    own = Odd()
    assert list(own.infer()) == ["x"]
    sys.exit(0)
_, status = os.wait()
assert status == 0, status
assert list(odd.worker.infer(session, {"x": np.ones(3)}, timeout_s=20)) == ["x"]
"""

FORGETFUL_CLIENT = """
from odd_client import Odd
kept = [Odd(), Odd(), Odd()]
print(*(odd.worker.pid for odd in kept))
"""


def wait_until(condition, timeout_s=10.0):
    give_up_ns = clock.monotonic_ns() + round(timeout_s * 1e9)
    while not condition() and clock.monotonic_ns() < give_up_ns:
        clock.sleep_s(0.01)
    return condition()


def run_client(script, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": PATH, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_worker_in_a_native_hang_dies_with_its_client(tmp_path, running):
    mark = tmp_path / "hanging"
    with run_client(HANGING_CLIENT, "hang_natively", ODD_MARK=str(mark)) as client:
        pid = int(client.stdout.readline())
        assert wait_until(mark.exists)
        assert running(pid)
        client.send_signal(signal.SIGKILL)
        client.wait()
        assert wait_until(lambda: not running(pid))


@pytest.mark.slow
def test_no_worker_outlives_a_client_that_just_ends(running):
    with run_client(FORGETFUL_CLIENT) as client:
        pids = [int(text) for text in client.stdout.readline().split()]
    assert client.returncode == 0
    assert len(pids) == 3
    assert wait_until(lambda: not any(map(running, pids)))


@pytest.mark.slow
def test_a_forked_copy_of_the_client_leaves_the_worker_alone():
    with run_client(FORKING_CLIENT) as client:
        client.communicate()
    assert client.returncode == 0


def test_a_worker_started_by_a_short_lived_thread_outlives_the_thread(running):
    made = []
    thread = threading.Thread(target=lambda: made.append(Worker.start(TRANSPORT)))
    thread.start()
    thread.join()
    assert made[0].peak_rss_bytes() > 0
    assert running(made[0].pid)
    made[0].close()


def test_killing_a_worker_ends_what_it_started(odd, running):
    odd.infer(do="leave_child")
    (child,) = psutil.Process(odd.worker.pid).children()
    odd.worker.kill()
    assert wait_until(lambda: not running(child.pid))


@pytest.mark.slow
def test_the_client_keeps_no_descriptor_of_a_closed_or_lost_worker(start_odd):
    start_odd().worker.close()
    before = descriptors("self")
    start_odd().worker.close()
    start_odd().worker.kill()
    lost = start_odd()
    os.kill(lost.worker.pid, signal.SIGKILL)
    lost.worker.close()
    assert descriptors("self") == before


def test_the_worker_has_nothing_of_the_client_but_its_pipe_and_memory(odd):
    kinds = [str(link.readlink()) for link in Path(f"/proc/{odd.worker.pid}/fd").iterdir()]
    assert len(kinds) == 7, kinds  # 0, 1, 2, a pipe each way, shared memory each way


@pytest.mark.slow
def test_a_hundred_sessions_leave_nothing_behind(odd):
    feeds = {"x": np.ones((64, 512))}

    def use():
        session = odd.open()
        odd.worker.infer(session, feeds, timeout_s=20)
        odd.worker.close_session(session)

    use()
    before = (descriptors("self"), descriptors(odd.worker.pid))
    memory_bytes = psutil.Process(odd.worker.pid).memory_info().rss
    for _ in range(100):
        use()
    assert (descriptors("self"), descriptors(odd.worker.pid)) == before
    assert psutil.Process(odd.worker.pid).memory_info().rss - memory_bytes < 2**22


@pytest.mark.slow
def test_twenty_workers_leave_nothing_behind(start_odd):
    start_odd().worker.close()
    before = descriptors("self"), len(psutil.Process().children(recursive=True)), threading.active_count()
    for _ in range(20):
        odd = start_odd()
        odd.infer()
        odd.worker.close()
    assert (descriptors("self"), len(psutil.Process().children(recursive=True)), threading.active_count()) == before


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
