"""A signal that comes after OpenVINO's sessions were closed, in a process of its own, for it may end that process."""

import subprocess
import sys
from pathlib import Path

import pytest

DIGITS = Path(__file__).parents[3] / "examples" / "digits" / "digits.xml"
PROGRAM = """
import gc, os, signal, sys, time
from pathlib import Path
from pytest_edgert.runtimes.openvino import RUNTIME

signal.signal(signal.SIGINT, signal.default_int_handler)
first, second = (RUNTIME.open(Path(sys.argv[1]), "cpu", {"threads": 1}) for _ in range(2))
for session in (first, second):
    session.close()
del first, second, session
gc.collect()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.slow
def test_a_signal_after_two_sessions_closed_oldest_first_reaches_its_handler():
    command = [sys.executable, "-X", "faulthandler", "-c", PROGRAM, str(DIGITS)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (0, "interrupted\n")
