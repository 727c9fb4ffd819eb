"""How many counted samples a latency verdict takes on the demo model, against a run of 1,024 inferences.

In each round one worker watches the model for a while, which gives the true percentiles of that moment, and then judges
a budget twice and half as large as each. One thread, stride 0, no minimum duration. The worker looks after blocks of 30 ms; the count
is that of the sample at which the verdict was first possible, found again from the recorded inferences; beside it
stands what the worker took. Run: ``python benchmarks/samples_to_verdict.py [rounds]``.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pytest_edgert.contracts import parse_target
from pytest_edgert.measure.feeds import default_feeds
from pytest_edgert.measure.samples import LatencySamples
from pytest_edgert.records import Budget, LatencyPlan, Verdict
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.transports.local import TRANSPORT
from pytest_edgert.verdicts.evidence import Held
from pytest_edgert.verdicts.latency import decide
from pytest_edgert.verdicts.quantile import sample_quantile
from pytest_edgert.worker.client import Worker, WorkerSettings

MODEL = Path(__file__).resolve().parents[1] / "examples" / "digits" / "digits.onnx"
FIXED_N = 1_024
#: A verdict that takes more is worse than the fixed run by far; a look at every sample gets dear.
_MOST_LOOKS = 4 * FIXED_N
PLAN = LatencyPlan(warm_up_n=100, warm_up_s=0.3, max_s=6.0, measure_s=2.0)
#: What is asked: percentile, multiple of the true one, and how many times fewer samples are wanted.
ASKED = (
    (50.0, 2.0, 5.0),
    (50.0, 0.5, 5.0),
    (95.0, 2.0, 5.0),
    (95.0, 0.5, 5.0),
    (99.0, 0.5, 5.0),
    (99.0, 2.0, 2.0),
)


@dataclass
class Seen:
    """One question: counted samples at the first verdict, what the worker took, and how often the verdict was right.

    `above` is the share above the limit while the worker watched, in units of the share that is allowed.
    """

    first: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    above: list[float] = field(default_factory=list)
    right: int = 0
    none: int = 0


def first_verdict(samples: LatencySamples, plan: LatencyPlan) -> tuple[Verdict, int]:
    """Return the first PASS or FAIL with a look at every inference, and the counted samples it took."""
    held = Held.fresh(plan)
    for n in range(1, min(len(samples.durations_ns), _MOST_LOOKS) + 1):
        decision = decide(samples.durations_ns[:n], samples.starts_ns[:n], plan, held)
        if decision.verdict in {Verdict.PASS, Verdict.FAIL}:
            return decision.verdict, decision.evidence.n
    return Verdict.INCONCLUSIVE, _MOST_LOOKS


def round_of(seen: Mapping[tuple[float, float], Seen]) -> None:
    """Watch once, and ask every question once, all in one fresh worker."""
    target = parse_target("onnxruntime:cpu")
    worker = Worker.start(TRANSPORT, WorkerSettings(), timeout_s=60.0)
    try:
        opened = worker.open(
            adapter_references()[target.runtime], MODEL, target.accelerator, {"threads": 1}, timeout_s=60.0
        )
        feeds = default_feeds(opened.signature, 0)
        watched = np.sort(worker.measure_latency(opened.session_id, feeds, PLAN).durations_ns)
        for percentile, multiple, _ in ASKED:
            limit_s = multiple * sample_quantile(watched, percentile / 100) / 1e9
            plan = replace(PLAN, budgets=(Budget(percentile, limit_s),))
            samples = worker.measure_latency(opened.session_id, feeds, plan)
            verdict, n = first_verdict(samples, plan)
            found = seen[percentile, multiple]
            found.first.append(n)
            found.above.append(float(np.mean(watched / 1e9 > limit_s)) / (1 - percentile / 100))
            found.taken.append(len(samples.durations_ns))
            found.right += verdict is (Verdict.PASS if multiple > 1 else Verdict.FAIL)
            found.none += verdict is Verdict.INCONCLUSIVE
    finally:
        worker.close()


def main(rounds: int) -> None:
    """Print the table of docs/performance.md."""
    seen = {(percentile, multiple): Seen() for percentile, multiple, _ in ASKED}
    for _ in range(rounds):
        round_of(seen)
    print(f"{rounds} rounds; a run of fixed n takes {FIXED_N}")
    print(
        "| budget | share above / allowed, median | counted samples, median (range) | fewer by | wanted | right | open |",
        end="",
    )
    print(" the worker took, median |\n|---|---|---|---|---|---|---|---|")
    for percentile, multiple, wanted in ASKED:
        found = seen[percentile, multiple]
        median = statistics.median(found.first)
        print(
            f"| {multiple:g} × true p{percentile:g} | {statistics.median(found.above):.2f} | {median:g} ({min(found.first)}–{max(found.first)}) "
            f"| {FIXED_N / median:.1f} | {wanted:g} | {found.right} of {rounds} | {found.none} "
            f"| {statistics.median(found.taken):g} |"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
