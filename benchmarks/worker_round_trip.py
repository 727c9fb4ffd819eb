"""What the worker costs: the round trip of a small inference above the bare call, and the way of 64 MiB in and out.

Run ``python benchmarks/worker_round_trip.py``. Bare and remote calls alternate in blocks (A B B A), so that a drift
of the machine's clock falls on both; figures are medians. The worker imports this very file as an adapter.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pytest_edgert import clock
from pytest_edgert.contracts import Options, RuntimeInfo
from pytest_edgert.records import Evidence, Placement, Presence, PresenceState
from pytest_edgert.tensors import Array, Feeds, Signature
from pytest_edgert.transports.local import TRANSPORT
from pytest_edgert.worker.client import Worker, WorkerSettings

BLOCKS = 10
CALLS_PER_BLOCK = 200
LARGE_BYTES = 64 * 2**20
LARGE_CALLS = 15
#: What docs/performance.md promises: microseconds above the bare call, MiB/s each way.
LIMIT_US = 150.0
LIMIT_MIB_PER_S = 1024.0


class EchoSession:
    """Returns feeds as they came; with an empty feed `give`, returns 64 MiB of its own; swallows a feed `take`."""

    signature = Signature((), ())
    placement = Placement("cpu", Evidence.TRACED)

    def __init__(self) -> None:
        self._large = np.ones(LARGE_BYTES, dtype=np.uint8)

    def infer(self, feeds: Feeds) -> dict[str, Array]:
        """Run one inference."""
        if "give" in feeds:
            return {"large": self._large}
        return {} if "take" in feeds else dict(feeds)

    def close(self) -> None:
        """Free nothing."""

    def __enter__(self) -> EchoSession:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class EchoRuntime:
    """The adapter of this benchmark."""

    info = RuntimeInfo("echo", (), (), (), ("cpu",))

    def version(self) -> str:
        """Return the version."""
        return "1"

    def accelerators(self) -> Sequence[Presence]:
        """Return the CPU."""
        return (Presence("cpu", PresenceState.USABLE),)

    def accepts(self, artefact: Path) -> bool:  # noqa: ARG002 - the contract's signature
        """Take anything."""
        return True

    def open(self, artefact: Path, accelerator: str, options: Options) -> EchoSession:  # noqa: ARG002 - the same
        """Open nothing."""
        return EchoSession()


RUNTIME = EchoRuntime()


def durations_s(call: Callable[[], object], count: int) -> list[float]:
    found = []
    for _ in range(count):
        started_ns = clock.monotonic_ns()
        call()
        found.append((clock.monotonic_ns() - started_ns) / 1e9)
    return found


def above_bare_us(bare: Callable[[], object], remote: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of the bare call and of the remote one, in microseconds."""
    bare_s: list[float] = []
    remote_s: list[float] = []
    for _ in range(BLOCKS):
        bare_s += durations_s(bare, CALLS_PER_BLOCK)
        remote_s += durations_s(remote, CALLS_PER_BLOCK)
        remote_s += durations_s(remote, CALLS_PER_BLOCK)
        bare_s += durations_s(bare, CALLS_PER_BLOCK)
    return statistics.median(bare_s) * 1e6, statistics.median(remote_s) * 1e6


def mib_per_s(call: Callable[[], object]) -> tuple[float, float]:
    """Return the throughput of the first call and the median of the others, in MiB/s."""
    first_s, *others_s = durations_s(call, LARGE_CALLS + 1)
    size_mib = LARGE_BYTES / 2**20
    return size_mib / first_s, size_mib / statistics.median(others_s)


def main() -> int:
    settings = WorkerSettings(environment={"PYTHONPATH": str(Path(__file__).parent)})
    session, small = EchoSession(), {"x": np.zeros((1, 64), dtype=np.float32)}
    give, take = {"give": np.zeros(0, np.uint8)}, {"take": np.ones(LARGE_BYTES, dtype=np.uint8)}
    with Worker.start(TRANSPORT, settings) as worker:
        opened = worker.open("worker_round_trip:RUNTIME", Path("none"), "cpu", {}, timeout_s=60)

        def remote(feeds: Feeds) -> dict[str, Array]:
            return worker.infer(opened.session_id, feeds, timeout_s=60)

        bare_us, remote_us = above_bare_us(lambda: session.infer(small), lambda: remote(small))
        first_in, often_in = mib_per_s(lambda: remote(take))
        first_out, often_out = mib_per_s(lambda: remote(give))
    print(f"small inference: bare {bare_us:.1f} µs, in a worker {remote_us:.1f} µs, above {remote_us - bare_us:.1f} µs")
    print(f"64 MiB in:  first {first_in:.0f} MiB/s, then {often_in:.0f} MiB/s")
    print(f"64 MiB out: first {first_out:.0f} MiB/s, then {often_out:.0f} MiB/s")
    within = remote_us - bare_us <= LIMIT_US and min(often_in, often_out) >= LIMIT_MIB_PER_S
    print("within the limits" if within else f"BEYOND the limits of {LIMIT_US} µs and {LIMIT_MIB_PER_S} MiB/s")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
