"""The sessions of one worker: adapters loaded by reference, artefacts opened, inferences run and timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pytest_edgert import clock
from pytest_edgert.contracts import (
    Options,
    ReadsQuantization,
    Runtime,
    Session,
    SupportsBuild,
    SupportsDeviceMemory,
    WatchesQuantization,
)
from pytest_edgert.errors import EdgertError, UnsupportedModelError, UsageError
from pytest_edgert.job.page_cache import cached_share
from pytest_edgert.records import (
    BlockPlan,
    LatencyPlan,
    Placement,
    Plain,
    Presence,
    QuantizationReading,
    TensorHealth,
)
from pytest_edgert.runtimes.registry import load_adapter
from pytest_edgert.tensors import Array, Feeds, Signature

if TYPE_CHECKING:
    from pytest_edgert.job.beside import Keep
    from pytest_edgert.job.pairs import Pairs
    from pytest_edgert.measure.blocks import BlockValues
    from pytest_edgert.measure.energy import EnergySamples
    from pytest_edgert.measure.samples import LatencySamples
    from pytest_edgert.measure.soaks import SoakSamples
    from pytest_edgert.verdicts.margin import Margin

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a runtime says of itself here: its version and the presence of each accelerator."""

    version: str
    accelerators: tuple[Presence, ...]


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """An artefact opened in a worker.

    Args:
        session_id: Its number in that worker.
        signature, placement: As the session tells them.
        import_s: Seconds to load the adapter and its vendor's module; next to nothing when they were loaded before.
        open_s: Seconds to open the artefact.
        runtime_version: The runtime's own version.
        build_s: Seconds of `open_s` in which the engine was built; None where the runtime opens in one step.
        cached: Share of the artefact in the page cache before it was opened, 0 to 1; None where nothing tells.
    """

    session_id: int
    signature: Signature
    placement: Placement
    import_s: float
    open_s: float
    runtime_version: str = ""
    build_s: float | None = None
    cached: float | None = None


@dataclass(slots=True)
class SessionTable:
    """The open sessions of one worker, by number. Not thread-safe."""

    _sessions: dict[int, Session] = field(default_factory=dict)
    _last_id: int = 0

    def open(self, adapter: str, artefact: Path, accelerator: str, options: Options) -> OpenedSession:
        """Open an artefact.

        Args:
            adapter: The runtime's adapter, "module:attribute".
            artefact: The model file.
            accelerator: Where to run it, or "auto".
            options: The adapter's options.

        Raises:
            TargetMissingError, ArtefactError, …: As `contracts.Runtime.open` says.
        """
        started_ns = clock.monotonic_ns()
        runtime = load_adapter(adapter)
        version = runtime.version()
        imported_ns = clock.monotonic_ns()
        cached = cached_share(artefact)
        opening_ns = clock.monotonic_ns()
        session, build_s = _open_timed(runtime, artefact, accelerator, options)
        opened_ns = clock.monotonic_ns()
        self._last_id += 1
        self._sessions[self._last_id] = session
        return OpenedSession(
            self._last_id,
            session.signature,
            session.placement,
            (imported_ns - started_ns) / 1e9,
            (opened_ns - opening_ns) / 1e9,
            version,
            build_s,
            cached,
        )

    def infer(self, session_id: int, feeds: Feeds) -> tuple[dict[str, Array], int]:
        """Run one inference; returns the outputs and the nanoseconds it took."""
        session = self._session(session_id)
        started_ns = clock.monotonic_ns()
        outputs = session.infer(feeds)
        return outputs, clock.monotonic_ns() - started_ns

    def measure_latency(
        self,
        session_id: int,
        feeds: Feeds,
        plan: LatencyPlan,
        report: Callable[[Mapping[str, Plain]], None],
        *,
        prior: LatencySamples | None = None,
        keep: Keep | None = None,
    ) -> LatencySamples:
        """Measure the latency of a session, with `report` called now and then and `keep` with the samples so far.

        `prior` are the samples of an attempt before, to go on with.

        A bound run raises the vendor's own error, since nothing is translated on the hot path: the same inference is
        then run once more by `infer`, which says it in the adapter's words.
        """
        from pytest_edgert.job.latency import measure_latency

        session = self._session(session_id)
        return _in_our_words(
            session, feeds, lambda: measure_latency(session, feeds, plan, report, prior=prior, keep=keep)
        )

    def measure_throughput(
        self, session_id: int, feeds: Feeds, plan: BlockPlan, report: Callable[[Mapping[str, Plain]], None]
    ) -> BlockValues:
        """Measure the throughput of a session in blocks, with `report` called after each; errors as `measure_latency`."""
        from pytest_edgert.job.throughput import measure_throughput

        session = self._session(session_id)
        return _in_our_words(session, feeds, lambda: measure_throughput(session, feeds, plan, report))

    def measure_pairs(
        self,
        sides: tuple[tuple[int, Feeds], tuple[int, Feeds]],
        margin: Margin,
        plan: LatencyPlan,
        report: Callable[[Mapping[str, Plain]], None],
    ) -> Pairs:
        """Compare two sessions, artefact and baseline, in alternating blocks; errors as in `measure_latency`."""
        from pytest_edgert.job.pairs import measure_pairs

        artefact, baseline = ((self._session(session_id), feeds) for session_id, feeds in sides)
        try:
            return measure_pairs(artefact, baseline, margin, plan, report)
        except (EdgertError, MemoryError):
            raise
        except Exception:
            for session, feeds in (artefact, baseline):
                session.infer(feeds)
            raise

    def measure_soak(
        self,
        session_id: int,
        feeds: Feeds,
        plan: LatencyPlan,
        report: Callable[[Mapping[str, Plain]], None],
        keep: Keep | None = None,
    ) -> SoakSamples:
        """Run a soak on a session; as `measure_latency`."""
        from pytest_edgert.job.soak import measure_soak

        session = self._session(session_id)
        return _in_our_words(session, feeds, lambda: measure_soak(session, feeds, plan, report, keep=keep))

    def measure_energy(
        self, session_id: int, feeds: Feeds, plan: BlockPlan, report: Callable[[Mapping[str, Plain]], None]
    ) -> EnergySamples:
        """Measure the energy of a session in blocks, with `report` called after each; errors as `measure_latency`."""
        from pytest_edgert.job.energy import measure_energy

        session = self._session(session_id)
        return _in_our_words(session, feeds, lambda: measure_energy(session, feeds, plan, report))

    def watch_quantization(
        self, session_id: int, feeds: Sequence[Feeds], report: Callable[[Mapping[str, Plain]], None]
    ) -> tuple[TensorHealth, ...]:
        """Return what rounding onto grids did on feeds, with `report` called after each.

        Raises:
            UnsupportedModelError: The session's runtime does not look on while it rounds.
        """
        session = self._session(session_id)
        if not isinstance(session, WatchesQuantization):
            raise UnsupportedModelError("This session does not look on while it rounds.", "Ask the reference.")
        return session.watch_quantization(feeds, lambda n: report({"phase": "rounding", "n": n}))

    def device_memory_bytes(self, session_id: int) -> int | None:
        """Return the bytes that a session holds on its accelerator; None where that is not told."""
        session = self._session(session_id)
        return session.device_memory_bytes() if isinstance(session, SupportsDeviceMemory) else None

    def close(self, session_id: int) -> None:
        """Close one session; one that is closed already is left alone."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.close()

    def close_all(self) -> None:
        """Close every session, the newest first."""
        for session_id in sorted(self._sessions, reverse=True):
            self.close(session_id)

    def _session(self, session_id: int) -> Session:
        try:
            return self._sessions[session_id]
        except KeyError:
            raise UsageError(f"Session {session_id} is not open in this worker.", "Open the artefact again.") from None


def _open_timed(runtime: Runtime, artefact: Path, accelerator: str, options: Options) -> tuple[Session, float | None]:
    """Return the open session and, where the runtime opens in two steps, the seconds of the second one."""
    if not isinstance(runtime, SupportsBuild):
        return runtime.open(artefact, accelerator, options), None
    build = runtime.read(artefact, accelerator, options)
    started_ns = clock.monotonic_ns()
    session = build()
    return session, (clock.monotonic_ns() - started_ns) / 1e9


def _in_our_words(session: Session, feeds: Feeds, measure: Callable[[], T]) -> T:
    """Return what `measure` gives; a vendor's error comes as the adapter says it of the same inference."""
    try:
        return measure()
    except (EdgertError, MemoryError):
        raise
    except Exception:
        session.infer(feeds)
        raise


def read_quantization(adapter: str, artefact: Path) -> QuantizationReading:
    """Return what a runtime, by its adapter "module:attribute", reads of an artefact's grids.

    Raises:
        UnsupportedModelError: The runtime reads no grids.
    """
    runtime = load_adapter(adapter)
    if not isinstance(runtime, ReadsQuantization):
        raise UnsupportedModelError(f"{runtime.info.name} reads no grids.", "Ask the reference.")
    return runtime.read_quantization(artefact)


def probe(adapter: str) -> ProbeResult:
    """Ask a runtime's adapter, "module:attribute", for its version and accelerators."""
    runtime = load_adapter(adapter)
    return ProbeResult(runtime.version(), tuple(runtime.accelerators()))
