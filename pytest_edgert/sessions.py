"""Sessions as the controller has them: who owns which worker, what is open where, and what was lost.

A pool keeps one shared worker per (runtime, accelerator) and opens every artefact there once; checks that
time or weigh something take a private fresh worker. A worker that is lost takes only the call with it:
the next call gets a new worker and the session is opened there again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.contracts import Options, OptionValue, Target, Transport
from pytest_edgert.errors import EdgertError, TargetMissingError, WorkerError
from pytest_edgert.evidence import Evidence
from pytest_edgert.locks import DeviceLock
from pytest_edgert.records import Cell, Placement
from pytest_edgert.run import Run

if TYPE_CHECKING:
    from pytest_edgert.job.sessions import OpenedSession
    from pytest_edgert.quantizations import Seen
    from pytest_edgert.runtimes.artefact import Artefact
    from pytest_edgert.tensors import Array, Feeds, Signature
    from pytest_edgert.worker.client import Worker

#: Options that are variables of the worker's environment.
ENVIRONMENT = "environment."
#: Seeded feeds, and recorded samples at most, that agreement is judged on.
FEED_SETS, SAMPLE_SETS = 4, 16
#: How often an artefact whose opening loses the worker is tried before its loss is taken as its answer.
OPEN_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Longest waits in seconds: for a worker to start, an artefact to open, one inference, and a sign of progress."""

    start_s: float = 60.0
    open_s: float = 300.0
    infer_s: float = 60.0

    @classmethod
    def of(cls, seconds: float | None) -> Deadlines:
        """Return the deadlines where the user allows `seconds` for any one call into a runtime; None for the defaults."""
        return cls() if seconds is None else cls(open_s=seconds, infer_s=seconds)


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What to open: an artefact of a model on a target; equal plans are one session.

    Args:
        model, artefact, target: The model's name, the file, and where to run it.
        options: Options as sorted pairs.
        samples: Files of recorded samples (.npz) that agreement is judged on.
        outputs: Own output names and what the model calls them, where they differ.
    """

    model: str
    artefact: Artefact
    target: Target
    options: tuple[tuple[str, OptionValue], ...] = ()
    samples: tuple[Path, ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()

    @property
    def cell(self) -> Cell:
        """What a record calls it."""
        return Cell(self.model, self.artefact.path.name, self.artefact.sha256, str(self.target))

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        """Variables its worker starts with: some settings of a runtime hold for a whole process."""
        return tuple(
            (name.removeprefix(ENVIRONMENT), str(value)) for name, value in self.options if name.startswith(ENVIRONMENT)
        )


class EdgeSession:
    """One artefact on one target, opened in a worker when it is first used.

    What `edge_session` gives. Not thread-safe; `pool.session` makes it.
    """

    def __init__(self, plan: SessionPlan, pool: SessionPool, worker: Worker | None = None) -> None:
        self.plan = plan
        self.pool = pool
        self._private = worker
        self._worker: Worker | None = None
        self._opened: OpenedSession | None = None
        self._refusal: EdgertError | None = None
        self._feeds: dict[str, Array] | None = None
        self._losses = 0

    def __repr__(self) -> str:
        return f"<EdgeSession {self.title}>"

    @property
    def title(self) -> str:
        """What messages call it: artefact and target."""
        return f"{self.plan.artefact.path.name} on {self.plan.target}"

    @property
    def target(self) -> Target:
        """Where it runs."""
        return self.plan.target

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, as the runtime tells them."""
        return self.open().signature

    @property
    def placement(self) -> Placement:
        """What really ran where, as the runtime tells it."""
        return self.open().placement

    @property
    def runtime_version(self) -> str:
        """The runtime's own version, as any session of the pool has told it; empty when none could be opened."""
        return self.pool.versions.get(self.target.runtime, "")

    def feeds(self) -> dict[str, Array]:
        """Return the default feeds of the run's seed; raises UnsupportedModelError where a free dimension is not bound."""
        from pytest_edgert.measure.feeds import default_feeds

        if self._feeds is None:
            self._feeds = default_feeds(self.signature, self.pool.run.seed)
        return self._feeds

    def feed_sets(self) -> list[dict[str, Array]]:
        """Return what agreement is judged on: the recorded samples, else feeds of `FEED_SETS` seeds.

        Raises:
            UsageError: A samples file cannot be read or fits no input, or an input has no default feeds.
        """
        from pytest_edgert.agreement.carry import fit_samples
        from pytest_edgert.measure.feeds import default_feeds
        from pytest_edgert.measure.samples import read_recorded

        if not self.plan.samples:
            return [default_feeds(self.signature, self.pool.run.seed + turn) for turn in range(FEED_SETS)]
        found: list[dict[str, Array]] = []
        for path in self.plan.samples:
            if len(found) < SAMPLE_SETS:
                found += fit_samples(read_recorded(path), self.signature, SAMPLE_SETS - len(found))
        return found

    def open(self) -> OpenedSession:
        """Open the artefact unless it is open; a refusal is kept and raised again without another try.

        Raises:
            ArtefactError, UnsupportedModelError, PlacementError, …: As the adapter says.
            WorkerError: The worker was lost while opening it.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._opened is None or self._worker is None or not self._worker.alive:
            self.pool.lock.share()
            try:
                self._worker = self._private or self.pool.worker(self.plan)
                self._opened = self._open_in(self._worker)
            except WorkerError as error:
                self._count_loss(error)
                raise
            except EdgertError as error:
                self._refusal = error
                raise
        return self._opened

    def infer(self, feeds: Feeds, *, timeout_s: float | None = None) -> dict[str, Array]:
        """Run one inference from the initial state.

        Args:
            feeds: Input arrays by name, as `signature` says.
            timeout_s: Longest wait; the pool's deadline by default.

        Returns:
            Output arrays by name; they belong to the caller.

        Raises:
            FeedsError: The feeds do not fit the signature.
            InferenceError: The runtime failed.
            WorkerError: The worker crashed, hung or ran out of memory.
        """
        return self.timed_infer(feeds, timeout_s=timeout_s)[0]

    def timed_infer(self, feeds: Feeds, *, timeout_s: float | None = None) -> tuple[dict[str, Array], float]:
        """Run one inference; returns the outputs and the seconds it took inside the worker."""
        opened = self.open()
        self.pool.lock.share()
        return self.worker.timed_infer(opened.session_id, feeds, timeout_s=timeout_s or self.pool.deadlines.infer_s)

    @property
    def worker(self) -> Worker:
        """The worker it is open in, or will be."""
        if self._worker is None:
            self._worker = self._private or self.pool.worker(self.plan)
        return self._worker

    def _open_in(self, worker: Worker) -> OpenedSession:
        opened = worker.open(
            self.pool.adapter(self.target.runtime),
            self.plan.artefact.path,
            self.target.accelerator,
            {name: value for name, value in self.plan.options if not name.startswith(ENVIRONMENT)},
            timeout_s=self.pool.deadlines.open_s,
        )
        self.pool.versions[self.target.runtime] = opened.runtime_version
        return opened

    def _count_loss(self, error: WorkerError) -> None:
        self._losses += 1
        if self._losses >= OPEN_ATTEMPTS:
            again = type(error)(f"Not tried again after {self._losses} losses: {error.message}", error.remedy)
            self._refusal = again

    def close(self) -> None:
        """Close it in its worker; harmless when the worker is gone."""
        if self._opened is not None and self._worker is not None and self._worker.alive:
            self._worker.close_session(self._opened.session_id)
        self._opened = self._worker = None


@dataclass(slots=True)
class SessionPool:
    """All sessions and workers of one device in this process.

    Args:
        run: The setting of all checks.
        transport: How to reach the device.
        adapters: Runtime name to "module:attribute".
        lock: The device's lock.
        deadlines: Longest waits.
        versions: Runtime name to its own version, as sessions that were opened here told it.
        evidence: What latency checks of each test have gathered, for another attempt at it.
        quantization: What was found of an artefact's grids, by the oracle's plan: one artefact has one answer.
    """

    run: Run
    transport: Transport
    adapters: Mapping[str, str]
    lock: DeviceLock
    deadlines: Deadlines = field(default_factory=Deadlines)
    versions: dict[str, str] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    quantization: dict[SessionPlan, Seen] = field(default_factory=dict)
    _workers: dict[tuple[str, str, tuple[tuple[str, str], ...]], Worker] = field(default_factory=dict)
    _sessions: dict[SessionPlan, EdgeSession] = field(default_factory=dict)

    def session(self, plan: SessionPlan) -> EdgeSession:
        """Return the one session of a plan; two equal plans share it."""
        return self._sessions.setdefault(plan, EdgeSession(plan, self))

    @contextmanager
    def private(self, plan: SessionPlan) -> Iterator[EdgeSession]:
        """Give a session in a fresh worker of its own, gone with its worker at the end of the block."""
        worker = self._start(plan)
        session = EdgeSession(plan, self, worker)
        try:
            yield session
        finally:
            worker.close()

    @contextmanager
    def alone(self, work: str) -> Iterator[None]:
        """Hold the device alone while the block runs, once the conditions of its profile hold.

        Args:
            work: What it is for, "latency of net.onnx on onnxruntime:cpu"; who waits for the device reads it.

        Raises:
            NotRunError: The device stayed busy, or its conditions did not hold in time.
        """
        with self.lock.exclusive(work):
            self.run.ready()
            yield

    def worker(self, plan: SessionPlan) -> Worker:
        """Return the living shared worker for a plan, started if need be: one per runtime, accelerator and environment."""
        key = (plan.target.runtime, plan.target.accelerator, plan.environment)
        worker = self._workers.get(key)
        if worker is None or not worker.alive:
            worker = self._workers[key] = self._start(plan)
        return worker

    def adapter(self, runtime: str) -> str:
        """Return where a runtime's adapter lies; raises TargetMissingError for an unknown runtime."""
        try:
            return self.adapters[runtime]
        except KeyError:
            raise TargetMissingError(
                f"There is no runtime {runtime!r}.", f"Known runtimes: {', '.join(sorted(self.adapters))}."
            ) from None

    def _start(self, plan: SessionPlan) -> Worker:
        from pytest_edgert.worker.client import Worker, WorkerSettings

        settings = WorkerSettings(environment=dict(plan.environment))
        return Worker.start(self.transport, settings, timeout_s=self.deadlines.start_s)

    def close(self) -> None:
        """Close every session and end every worker."""
        self._sessions.clear()
        while self._workers:
            self._workers.popitem()[1].close()
        self.lock.release()


def session_options(
    options: Options, variant: Options, shapes: Mapping[str, Sequence[int]], threads: int
) -> dict[str, OptionValue]:
    """Return the options a session is opened with: threads by default, then the variant's, then the user's, then shapes."""
    bound = {f"shape.{name}": "x".join(map(str, shape)) for name, shape in shapes.items()}
    return {"threads": threads, **variant, **options, **bound}
