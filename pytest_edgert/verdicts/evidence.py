"""From all timed inferences to those that are judged: the cut head, the stride and the autocorrelation time.

Of a fixed number of samples the first ones are judged; what a block took beyond is kept and does not count.

Each step is a function of the inferences so far and of the plan. What is costly is held between geometric checkpoints,
which are part of that function; so whoever computes it afresh from the recorded inferences finds the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pytest_edgert.records import Budget, LatencyPlan, Verdict
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.counted import HeldCounted
from pytest_edgert.verdicts.dependence import HeldTau
from pytest_edgert.verdicts.matters import stands
from pytest_edgert.verdicts.shapes import HeldShape, Level, Shape


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is judged.

    Args:
        durations_ns: Counted durations in order, (counted,), int64.
        starts_ns: Their starts, (counted,), int64.
        tau: Their autocorrelation time in samples, >= 1.
        shape: The shape of all timed inferences.
    """

    durations_ns: Array
    starts_ns: Array
    tau: float
    shape: Shape

    @property
    def n(self) -> int:
        """Counted samples."""
        return len(self.durations_ns)

    @property
    def span_s(self) -> float:
        """Time from the first counted sample's start to the last one's end in seconds; 0 without samples."""
        if not self.n:
            return 0.0
        return (int(self.starts_ns[-1]) + int(self.durations_ns[-1]) - int(self.starts_ns[0])) / 1e9


@dataclass(slots=True)
class Held:
    """What a stopping rule remembers of one growing measurement between two looks; it changes no answer."""

    counted: HeldCounted
    budgets: tuple[Budget, ...] = ()
    fixed_n: int | None = None
    shape: HeldShape = field(default_factory=HeldShape)
    tau: HeldTau = field(default_factory=HeldTau)
    cut_n: int = 0
    #: The levels that were taken out before the autocorrelation time was measured, and at which checkpoint.
    levels: tuple[Level, ...] = ()
    levels_at: int = -1

    @classmethod
    def fresh(cls, plan: LatencyPlan) -> Held:
        """Return what is held before the first look."""
        return cls(HeldCounted(plan.stride_s, plan.seed), plan.budgets, plan.fixed_n)

    def of(self, durations_ns: Array, starts_ns: Array) -> Evidence:
        """Return the evidence of these inferences.

        Args:
            durations_ns: All timed inferences in order, (n,), int64.
            starts_ns: Their starts, (n,), int64.
        """
        self.look_at_shape(durations_ns)
        chosen = self.counted.of(starts_ns[self.cut_n :])[: self.fixed_n] + self.cut_n
        durations = durations_ns[chosen]
        series = _without_levels(durations, chosen, self.levels) if self.levels else durations
        tau = self.tau.of(series, [limit_ns(budget) for budget in self.budgets])
        return Evidence(durations, starts_ns[chosen], tau, self.shape.shape)

    def look_at_shape(self, durations_ns: Array) -> None:
        """Begin again where the head to be cut, or the levels to be taken out, are others than at the last look."""
        shape = self.shape.of(durations_ns)
        if shape.cut_n != self.cut_n:
            self.cut_n, self.tau = shape.cut_n, HeldTau()
            self.counted = HeldCounted(self.counted.stride_s, self.counted.seed)
        if self.shape.checkpoint == self.levels_at:
            return
        self.levels_at = self.shape.checkpoint
        levels = shape.levels if _harmless(shape, durations_ns, self.budgets) else ()
        if levels != self.levels:
            self.levels, self.tau = levels, HeldTau()


def limit_ns(budget: Budget) -> float:
    """Return a budget's limit in nanoseconds, to a thousandth: 5 ms is 5,000,000 ns and no rounding error more."""
    return round(budget.limit_s * 1e9, 3)


def _harmless(shape: Shape, durations_ns: Array, budgets: Sequence[Budget]) -> bool:
    """Whether the level changes, and every budget is kept on all levels or broken on all.

    Then the change carries no sample across a limit, and must not make all samples of a level count as one.
    """
    if len(shape.levels) < 2 or shape.cut_n or not budgets:
        return False
    seen = durations_ns[: shape.levels[-1].end]
    return all(stands(Verdict.INCONCLUSIVE, limit_ns(b), b.percentile / 100, seen, shape) for b in budgets)


def _without_levels(durations: Array, indices: Array, levels: tuple[Level, ...]) -> Array:
    """Return the durations with each level moved to that of the last."""
    which = np.searchsorted([level.begin for level in levels[1:]], indices, side="right")
    moved = np.array([level.level for level in levels])
    return np.asarray(durations - moved[which] + moved[-1])
