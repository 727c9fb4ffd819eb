"""An adapter for the worker's tests: echoes its feeds, or does what the option `do` says."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from pytest_edgert.contracts import RuntimeInfo
from pytest_edgert.errors import TargetMissingError, UnsupportedModelError
from pytest_edgert.records import Evidence, Placement, Presence, PresenceState
from pytest_edgert.tensors import Quantization, Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", "float32", ("batch", None, 3), Quantization((0.5,), (1,))),), (TensorSpec("x", "float32", ()),)
)


def write_garbage():
    pipes = [link for link in Path("/proc/self/fd").iterdir() if link.is_fifo()]
    for link in pipes:
        with suppress(OSError):  # The reading end takes nothing.
            os.write(int(link.name), b"Welcome to the device!\n" * 3)


def allocate_for_ever():
    hoard = []
    while True:
        hoard.append(np.empty(2**25))


def refuse():
    raise UnsupportedModelError("no operator Foo", "Use Bar.")


def complain():
    raise RuntimeError("Failed to allocate memory for requested buffer of size 1")


def stumble():
    raise ZeroDivisionError("by zero")


def print_natively():
    libc = ctypes.CDLL(None)
    for _ in range(100):
        libc.puts(b"native noise")
    libc.fflush(None)
    sys.stdout.write("python noise\n")


def write_much():
    for _ in range(12):
        os.write(2, b"noise " * 2**18)


def hang_natively():
    if "ODD_MARK" in os.environ:
        Path(os.environ["ODD_MARK"]).touch()
    ctypes.PyDLL(None).sleep(1000)  # PyDLL keeps the GIL


def interrupt_client():
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(1000)


def leave_child():
    subprocess.Popen(["sleep", "1000"])


DEEDS = {
    "abort": os.abort,
    "allocate": allocate_for_ever,
    "complain": complain,
    "exit": lambda: os._exit(3),
    "garbage": write_garbage,
    "hang": lambda: time.sleep(1000),
    "hang_natively": hang_natively,
    "interrupt": interrupt_client,
    "leave_child": leave_child,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "noise": print_natively,
    "much_noise": write_much,
    "quit": lambda: sys.exit(3),
    "refuse": refuse,
    "segfault": lambda: ctypes.string_at(0),
    "stumble": stumble,
}


class OddSession:
    signature = SIGNATURE

    def __init__(self, accelerator, options):
        self.placement = Placement(accelerator, Evidence.TRACED, {accelerator: 2}, (), {"precision": "fp32"})
        self.do = DEEDS.get(options.get("do"))
        self.options = options

    def infer(self, feeds):
        if self.do is not None:
            self.do()
        if "answer" in self.options:
            return {"answer": np.asarray(os.environ.get(self.options["answer"], ""), dtype=object)}
        if "strange" in self.options:
            return {"strange": [1, 2]}
        if "writeable" in self.options:
            return {name: np.asarray(array.flags.writeable) for name, array in feeds.items()}
        return dict(feeds)

    def close(self):
        if self.options.get("at_close"):
            DEEDS[self.options["at_close"]]()


class OddRuntime:
    info = RuntimeInfo("odd", (), (), (".odd",), ("cpu",))

    def version(self):
        return "1.2"

    def accelerators(self):
        return [
            Presence("cpu", PresenceState.USABLE),
            Presence("npu", PresenceState.ABSENT, "no driver", "Install it."),
        ]

    def accepts(self, artefact: Path):
        return True

    def open(self, artefact, accelerator, options):
        if options.get("at_open"):
            DEEDS[options["at_open"]]()
        return OddSession(accelerator, options)


class MissingRuntime(OddRuntime):
    def version(self):
        raise TargetMissingError("missing is not installed.", "pip install missing")


RUNTIME = OddRuntime()
MISSING = MissingRuntime()
