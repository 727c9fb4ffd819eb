import os
from pathlib import Path

import pytest
from odd_client import Odd


@pytest.fixture
def odd():
    made = Odd()
    yield made
    made.worker.close()


@pytest.fixture(scope="module")
def shared_odd():
    """A worker for tests that leave it alive."""
    made = Odd()
    yield made
    made.worker.close()


@pytest.fixture
def start_odd():
    made = []

    def start(**arguments):
        made.append(Odd(**arguments))
        return made[-1]

    yield start
    for one in made:
        one.worker.close()


def is_running(pid):
    """Whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def running():
    return is_running
