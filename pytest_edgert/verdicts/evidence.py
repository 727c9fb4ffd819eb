"""From all timed inferences to those that are judged: the cut head, the stride and the autocorrelation time.

Of a fixed number of samples the first ones are judged; what a block took beyond is kept and does not count.

Each step is a function of the inferences so far and of the plan. What is costly is held between geometric checkpoints,
which are part of that function; so whoever computes it afresh from the recorded inferences finds the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_edgert.records import LatencyPlan
from pytest_edgert.tensors import Array
from pytest_edgert.verdicts.counted import HeldCounted
from pytest_edgert.verdicts.dependence import HeldTau
from pytest_edgert.verdicts.shapes import HeldShape, Shape


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
    fixed_n: int | None = None
    shape: HeldShape = field(default_factory=HeldShape)
    tau: HeldTau = field(default_factory=HeldTau)
    cut_n: int = 0

    @classmethod
    def fresh(cls, plan: LatencyPlan) -> Held:
        """Return what is held before the first look."""
        return cls(HeldCounted(plan.stride_s, plan.seed), plan.fixed_n)

    def of(self, durations_ns: Array, starts_ns: Array, limits_ns: Sequence[float]) -> Evidence:
        """Return the evidence of these inferences.

        Args:
            durations_ns: All timed inferences in order, (n,), int64.
            starts_ns: Their starts, (n,), int64.
            limits_ns: The budgets.
        """
        shape = self.shape.of(durations_ns)
        if shape.cut_n != self.cut_n:
            self.cut_n, self.tau = shape.cut_n, HeldTau()
            self.counted = HeldCounted(self.counted.stride_s, self.counted.seed)
        durations, starts = durations_ns[self.cut_n :], starts_ns[self.cut_n :]
        if self.counted.stride_s > 0:
            chosen = self.counted.of(starts)
            durations, starts = durations[chosen], starts[chosen]
        durations, starts = durations[: self.fixed_n], starts[: self.fixed_n]
        return Evidence(durations, starts, self.tau.of(durations, limits_ns), shape)
