"""The comparison job: two artefacts in one process, in alternating blocks, until the ratio of their medians is decided.

Within a pair the two blocks lie next to each other in time, and pairs come as A B, B A or B A, A B, drawn for each two
pairs: a machine that becomes slower or faster meanwhile favours neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from pytest_edgert import clock
from pytest_edgert.contracts import Session
from pytest_edgert.errors import ProtocolError
from pytest_edgert.job.beside import REPORT_S, Progress, Report
from pytest_edgert.measure.loop import runner, sample_into
from pytest_edgert.measure.samples import SUFFICED
from pytest_edgert.measure.warm_up import warm_up
from pytest_edgert.records import LatencyPlan, Plain, Verdict
from pytest_edgert.tensors import Array, Feeds
from pytest_edgert.verdicts.baseline import decide_ratios
from pytest_edgert.verdicts.dependence import HeldTau
from pytest_edgert.verdicts.margin import Margin

#: A session and its feeds.
Side: TypeAlias = "tuple[Session, Feeds]"

#: Time of one block; one inference at least. Long enough that the first inferences after the change do not decide.
BLOCK_S = 0.03
#: Inferences of one block and pairs at most: each ratio is kept in the record.
_MOST_IN_BLOCK, _MOST_PAIRS = 100_000, 20_000
#: Tells the stream of the order from other streams of one seed.
_STREAM = 0xAB


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a comparison saw.

    Args:
        medians_ns: Median latency of each pair's two blocks, the artefact's and the baseline's, (pairs, 2), float64.
        span_ns: From the first block's start to the last one's end.
        block_n: Inferences of the last block of either side.
        warm_up_n: Inferences of both sides thrown away before the first block.
        stop_reason: Why it ended.
    """

    medians_ns: Array
    span_ns: int
    block_n: tuple[int, int]
    warm_up_n: int
    stop_reason: str

    @property
    def ratios(self) -> Array:
        """The artefact's median over the baseline's, (pairs,), float64; not finite where a median is zero."""
        return ratios_of(self.medians_ns)

    def meta(self) -> dict[str, Plain]:
        """Return the plain part for the worker's pipe."""
        return {
            "span_ns": self.span_ns,
            "artefact_n": self.block_n[0],
            "baseline_n": self.block_n[1],
            "warm_up_n": self.warm_up_n,
            "stop_reason": self.stop_reason,
        }

    @classmethod
    def from_wire(cls, meta: Mapping[str, Plain], tensors: Mapping[str, Array]) -> Pairs:
        """Return the pairs that `meta` and ``medians_ns`` flattened. Raises ProtocolError where a part is missing."""
        medians = tensors.get("medians_ns")
        numbers = [meta.get(name) for name in ("span_ns", "artefact_n", "baseline_n", "warm_up_n")]
        whole = [number for number in numbers if isinstance(number, int)]
        if medians is None or medians.ndim != 2 or medians.shape[1] != 2 or len(whole) != len(numbers):
            raise ProtocolError("A comparison came back without its medians as (pairs, 2) or without its counts.")
        return cls(medians, whole[0], (whole[1], whole[2]), whole[3], str(meta.get("stop_reason", "")))


def ratios_of(medians_ns: Array) -> Array:
    """Return the first over the second of each row, (n, 2) to (n,); not finite where the second is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(medians_ns[:, 0] / medians_ns[:, 1], np.float64)


@dataclass(slots=True)
class _Blocks:
    """The two sides, warmed up, and the medians so far."""

    runs: tuple[Callable[[], object], Callable[[], object]]
    now_ns: Callable[[], int]
    typical_ns: list[float]
    block_n: list[int] = field(default_factory=lambda: [0, 0])
    medians: list[tuple[float, float]] = field(default_factory=list)

    def pair(self, first: int) -> None:
        """Run one block of either side, `first` first."""
        found = [0.0, 0.0]
        for side in (first, 1 - first):
            found[side] = self._block(side)
        self.medians.append((found[0], found[1]))

    def _block(self, side: int) -> float:
        count = min(_MOST_IN_BLOCK, max(1, round(BLOCK_S * 1e9 / max(1.0, self.typical_ns[side]))))
        durations, starts = np.zeros(count, np.int64), np.zeros(count, np.int64)
        sample_into(self.runs[side], durations, starts, 0, count, self.now_ns)
        self.block_n[side] = count
        # The mean: on a busy machine a block of so many medians would last many times `BLOCK_S`.
        self.typical_ns[side] = float(durations.mean())
        return float(np.median(durations))


def measure_pairs(
    artefact: Side,
    baseline: Side,
    margin: Margin,
    plan: LatencyPlan,
    report: Report,
    *,
    now_ns: Callable[[], int] = clock.monotonic_ns,
) -> Pairs:
    """Warm both sides up, then take pairs of blocks until the ratio is decided or the time is over.

    Args:
        artefact: The session under test, which nothing else uses meanwhile, with feeds that fit it.
        baseline: What it is compared with, likewise.
        margin: What is allowed.
        plan: Its warm-up (each side its own), errors, spans and seed count; the warm-up counts towards `max_s`.
        report: Called at most four times a second with ``phase``, ``n`` (pairs), ``elapsed_s`` and ``ratio``.
        now_ns: The clock.

    Raises:
        EdgertError: Whatever a session raises.
    """
    began = now_ns()
    runs = (runner(*artefact), runner(*baseline))
    progress = Progress(report, now_ns, began, 50.0, began)
    warmed = [warm_up(run, plan, now_ns, progress.warming) for run in runs]
    blocks = _Blocks(runs, now_ns, [float(one.last_ns) for one in warmed])
    draw = np.random.default_rng([plan.seed, _STREAM])
    held, first, sampled = HeldTau(), 0, now_ns()
    while True:
        first = int(draw.integers(2)) if len(blocks.medians) % 2 == 0 else 1 - first
        blocks.pair(first)
        now = now_ns()
        ratios = ratios_of(np.array(blocks.medians))
        verdict, _tau = decide_ratios(ratios, (now - sampled) / 1e9, margin, plan, held)
        reason = _reason(verdict, len(ratios), (now - began) / 1e9, plan)
        if reason:
            n = sum(one.n for one in warmed)
            return Pairs(np.array(blocks.medians), now - sampled, (blocks.block_n[0], blocks.block_n[1]), n, reason)
        if now - progress.last_ns >= REPORT_S * 1e9:
            progress.last_ns = now
            told: dict[str, Plain] = {"phase": "pairs", "n": len(ratios), "elapsed_s": (now - began) / 1e9}
            report({**told, "ratio": float(np.median(ratios))})


def _reason(verdict: Verdict, n: int, elapsed_s: float, plan: LatencyPlan) -> str:
    """Return why no more pairs are taken; empty when some are."""
    if verdict is not Verdict.INCONCLUSIVE:
        return SUFFICED
    if elapsed_s >= plan.max_s:
        return f"the cap of {plan.max_s:g} s was reached"
    return f"the cap of {_MOST_PAIRS} pairs was reached" if n >= _MOST_PAIRS else ""
