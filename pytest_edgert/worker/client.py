"""The client's end of a worker: one method per operation, a deadline on each, and a clear error for each loss."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgert.codec import decode, encode
from pytest_edgert.contracts import Options, Transport
from pytest_edgert.errors import EdgertError
from pytest_edgert.job.sessions import OpenedSession, ProbeResult
from pytest_edgert.job.watch import MeterState
from pytest_edgert.records import BlockPlan, LatencyPlan, Plain, QuantizationReading, TensorHealth
from pytest_edgert.tensors import Array, Feeds
from pytest_edgert.worker.connection import Connection, Part, WorkerSettings
from pytest_edgert.worker.operations import PAIR, SHUTDOWN

if TYPE_CHECKING:
    from pytest_edgert.job.pairs import Pairs
    from pytest_edgert.measure.blocks import BlockValues
    from pytest_edgert.measure.energy import EnergySamples
    from pytest_edgert.measure.samples import LatencySamples
    from pytest_edgert.measure.soaks import SoakParts, SoakSamples
    from pytest_edgert.verdicts.margin import Margin

__all__ = ["Worker", "WorkerSettings"]

#: Deadline of operations that only look something up, in seconds.
_QUICK_S = 30.0
#: Longest wait for a worker to close its sessions and end by itself, in seconds.
_CLOSE_S = 5.0


class Worker:
    """A process beside a runtime that holds sessions. `Worker.start` makes one; a context manager.

    Not thread-safe: one call at a time, a second one meanwhile is refused. A call that loses the worker
    (WorkerError), and one that is interrupted, leave it dead: `alive` is False and every later call says so.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._end = weakref.finalize(self, connection.kill)

    @classmethod
    def start(cls, transport: Transport, settings: WorkerSettings | None = None, *, timeout_s: float = 30.0) -> Worker:
        """Start a worker.

        Args:
            transport: How to reach the device.
            settings: Environment and limits of the process; the defaults when left out.
            timeout_s: Longest wait for its greeting.

        Raises:
            WorkerError: It cannot be started, does not greet in time, or is no worker of this version.
        """
        return cls(Connection.start(transport, settings or WorkerSettings(), timeout_s))

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The worker's process id on this machine (the transport's, when one lies between)."""
        return self._connection.pid

    @property
    def alive(self) -> bool:
        """Whether calls can be made."""
        return self._connection.alive

    @property
    def settings(self) -> WorkerSettings:
        """What it was started with."""
        return self._connection.settings

    def probe(self, adapter: str, *, timeout_s: float = 60.0) -> ProbeResult:
        """Ask a runtime, by its adapter "module:attribute", for its version and accelerators.

        Raises:
            TargetMissingError: The adapter or its runtime is not installed.
            WorkerError: The worker was lost.
        """
        meta, _ = self._connection.call("probe", {"adapter": adapter}, {}, timeout_s, about=adapter)
        return decode(ProbeResult, meta)

    def open(
        self, adapter: str, artefact: Path, accelerator: str, options: Options, *, timeout_s: float
    ) -> OpenedSession:
        """Open an artefact.

        Args:
            adapter: The runtime's adapter, "module:attribute".
            artefact: The model file.
            accelerator: Where to run it.
            options: The adapter's options.
            timeout_s: Longest wait.

        Raises:
            ArtefactError, UnsupportedModelError, TargetMissingError, PlacementError, UsageError: As the adapter says.
            WorkerError: The worker was lost.
        """
        request = {
            "adapter": adapter,
            "artefact": str(artefact.absolute()),
            "accelerator": accelerator,
            "options": dict(options),
        }
        meta, _ = self._connection.call("open", request, {}, timeout_s, about=artefact.name)
        return decode(OpenedSession, meta)

    def infer(self, session_id: int, feeds: Feeds, *, timeout_s: float) -> dict[str, Array]:
        """Run one inference; returns outputs by name, which belong to the caller.

        Raises:
            FeedsError: The feeds do not fit the signature or cannot be sent.
            InferenceError: The runtime failed.
            WorkerError: The worker was lost.
        """
        return self.timed_infer(session_id, feeds, timeout_s=timeout_s)[0]

    def timed_infer(self, session_id: int, feeds: Feeds, *, timeout_s: float) -> tuple[dict[str, Array], float]:
        """Run one inference; returns the outputs and the seconds it took inside the worker. Raises as `infer`."""
        meta, outputs = self._connection.call("infer", {"session_id": session_id}, feeds, timeout_s)
        return outputs, meta["duration_ns"] / 1e9

    def measure_latency(
        self,
        session_id: int,
        feeds: Feeds,
        plan: LatencyPlan,
        *,
        prior: LatencySamples | None = None,
        progress: Callable[[Mapping[str, Plain]], None] | None = None,
        part: Part | None = None,
        idle_timeout_s: float = 60.0,
    ) -> LatencySamples:
        """Measure the latency of a session, the loop running in the worker.

        Args:
            session_id: Which session.
            feeds: What to infer on.
            plan: How to measure and when to stop.
            prior: Samples of an attempt before, to go on with; the answer holds them too.
            progress: Called with every sign of progress.
            part: Called every few seconds with the samples since the last call, which the worker's loss leaves.
            idle_timeout_s: Longest wait for the first and the next sign of progress, and for the result.

        Raises:
            FeedsError, InferenceError: As `infer`.
            WorkerError: The worker was lost.
        """
        from pytest_edgert.measure.samples import LatencySamples, with_prior

        told = None if prior is None else prior.meta()
        request = {"session_id": session_id, "plan": encode(plan), "prior": told}
        meta, tensors = self._connection.call(
            "measure_latency",
            request,
            with_prior(feeds, prior),
            idle_timeout_s,
            progress=progress,
            part=part,
            cap_s=_cap_s(plan, idle_timeout_s),
        )
        return LatencySamples.from_wire(meta, tensors)

    def measure_throughput(
        self,
        session_id: int,
        feeds: Feeds,
        plan: BlockPlan,
        *,
        progress: Callable[[Mapping[str, Plain]], None] | None = None,
        idle_timeout_s: float = 60.0,
    ) -> BlockValues:
        """Measure the throughput of a session; arguments and errors as `measure_latency`."""
        from pytest_edgert.measure.blocks import BlockValues

        return BlockValues.from_wire(
            *self._measure_blocks("measure_throughput", session_id, feeds, plan, progress, idle_timeout_s)
        )

    def measure_energy(
        self,
        session_id: int,
        feeds: Feeds,
        plan: BlockPlan,
        *,
        progress: Callable[[Mapping[str, Plain]], None] | None = None,
        idle_timeout_s: float = 60.0,
    ) -> EnergySamples:
        """Measure the energy of a session by the meters of the plan; arguments and errors as `measure_latency`."""
        from pytest_edgert.measure.energy import EnergySamples

        return EnergySamples.from_wire(
            *self._measure_blocks("measure_energy", session_id, feeds, plan, progress, idle_timeout_s)
        )

    def _measure_blocks(  # noqa: PLR0917 - one call, made by the two methods above
        self,
        operation: str,
        session_id: int,
        feeds: Feeds,
        plan: BlockPlan,
        progress: Callable[[Mapping[str, Plain]], None] | None,
        idle_timeout_s: float,
    ) -> tuple[Mapping[str, Any], Mapping[str, Array]]:
        request = {"session_id": session_id, "plan": encode(plan)}
        cap_s = plan.warm_up_s + plan.idle_s + plan.max_s + (plan.warm_up_n + 2) * idle_timeout_s
        meta, tensors = self._connection.call(operation, request, feeds, idle_timeout_s, progress=progress, cap_s=cap_s)
        return meta, tensors

    def device_memory_bytes(self, session_id: int) -> int | None:
        """Return the bytes that a session holds on its accelerator; None where that is not told."""
        meta, _ = self._connection.call("device_memory", {"session_id": session_id}, {}, _QUICK_S)
        found = meta["device_memory_bytes"]
        return None if found is None else int(found)

    def measure_pairs(
        self,
        sides: Sequence[tuple[int, Feeds]],
        margin: Margin,
        plan: LatencyPlan,
        *,
        progress: Callable[[Mapping[str, Plain]], None] | None = None,
        idle_timeout_s: float = 60.0,
    ) -> Pairs:
        """Compare two sessions of this worker in alternating blocks.

        Args:
            sides: The artefact's session and the baseline's, each with its feeds.
            margin: How much slower than the baseline is allowed.
            plan: How to measure and when to stop.
            progress: Called with every sign of progress.
            idle_timeout_s: Longest wait for the first and the next sign of progress, and for the result.

        Raises:
            FeedsError, InferenceError: As `infer`.
            WorkerError: The worker was lost.
        """
        from pytest_edgert.job.pairs import Pairs

        named = dict(zip(PAIR, sides, strict=True))
        request = {"plan": encode(plan), "margin": margin.share, **{name: side[0] for name, side in named.items()}}
        feeds = {f"{name}/{key}": array for name, side in named.items() for key, array in side[1].items()}
        cap_s = 2 * _cap_s(plan, idle_timeout_s)  # Each side has a warm-up of its own.
        meta, tensors = self._connection.call(
            "measure_pairs", request, feeds, idle_timeout_s, progress=progress, cap_s=cap_s
        )
        return Pairs.from_wire(meta, tensors)

    def measure_soak(
        self,
        session_id: int,
        feeds: Feeds,
        plan: LatencyPlan,
        *,
        progress: Callable[[Mapping[str, Plain]], None] | None = None,
        parts: SoakParts,
        idle_timeout_s: float = 60.0,
    ) -> SoakSamples:
        """Run a soak of `plan.measure_s` on a session; arguments and errors as `measure_latency`.

        `parts` takes each segment with its samples as soon as it is over: what the worker's loss leaves.
        """
        request = {"session_id": session_id, "plan": encode(plan)}
        cap_s = _cap_s(plan, idle_timeout_s)
        meta, tensors = self._connection.call(
            "measure_soak", request, feeds, idle_timeout_s, progress=progress, part=parts.add, cap_s=cap_s
        )
        return parts.whole(meta, tensors)

    def read_quantization(self, adapter: str, artefact: Path, *, timeout_s: float) -> QuantizationReading:
        """Ask a runtime for the grids of an artefact; arguments and errors as `open`."""
        request = {"adapter": adapter, "artefact": str(artefact.absolute())}
        meta, _ = self._connection.call("read_quantization", request, {}, timeout_s, about=artefact.name)
        return decode(QuantizationReading, meta["reading"])

    def watch_quantization(
        self, session_id: int, feeds: Sequence[Feeds], *, idle_timeout_s: float
    ) -> tuple[TensorHealth, ...]:
        """Infer on feeds and return what rounding onto grids did; `idle_timeout_s` is the longest wait for each."""
        named = {f"{turn}/{name}": array for turn, one in enumerate(feeds) for name, array in one.items()}
        request = {"session_id": session_id, "n": len(feeds)}
        meta, _ = self._connection.call(
            "watch_quantization", request, named, idle_timeout_s, cap_s=(len(feeds) + 1) * idle_timeout_s
        )
        return tuple(decode(TensorHealth, found) for found in meta["health"])

    def peak_rss_bytes(self) -> int:
        """Return the peak resident set of the worker's process, in bytes."""
        meta, _ = self._connection.call("peak_rss", {}, {}, _QUICK_S)
        return int(meta["peak_rss_bytes"])

    def reset_peak_rss(self) -> bool:
        """Start the peak of `peak_rss_bytes` anew; returns False where the device does not allow it."""
        meta, _ = self._connection.call("reset_peak_rss", {}, {}, _QUICK_S)
        return bool(meta["reset"])

    def read_sensors(self, meters: Sequence[str], *, timeout_s: float = _QUICK_S) -> tuple[MeterState, ...]:
        """Ask meters, each as "module:attribute", for their sensors and one reading; a broken one tells its reason.

        Raises:
            WorkerError: The worker was lost.
        """
        meta, _ = self._connection.call("read_sensors", {"meters": list(meters)}, {}, timeout_s)
        return tuple(decode(MeterState, state) for state in meta["meters"])

    def close_session(self, session_id: int, *, timeout_s: float = _QUICK_S) -> None:
        """Close one session; one that is closed already is left alone."""
        self._connection.call("close_session", {"session_id": session_id}, {}, timeout_s)

    def close(self) -> None:
        """Close every session and end the process, by force when it does not end by itself; twice is harmless."""
        try:
            if self.alive:
                self._connection.call(SHUTDOWN, {}, {}, _CLOSE_S)
                self._connection.wait(_CLOSE_S)
        except EdgertError:
            return  # It did not end by itself; nothing was asked of it that could be lost.
        finally:
            self.kill()

    def kill(self) -> None:
        """End the process and everything it started, at once; twice is harmless."""
        self._end()


def _cap_s(plan: LatencyPlan, idle_timeout_s: float) -> float:
    """Return when to give up on a measurement that shows progress for ever, in seconds."""
    single = plan.warm_up_n + (plan.fixed_n or 0) + 2
    return plan.warm_up_s + max(plan.max_s, plan.measure_s) + single * idle_timeout_s
