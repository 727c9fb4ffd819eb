"""What the stopping rule costs at 100 us an inference, as a share of the measured time, and what it does to the median.

With the rule: a p99 budget at the model's own p99, with error rates that no evidence reaches, so that it looks until
the cap. Without: no budget. Fresh processes in blocks of with, without, without, with, on an ONNX Runtime session of
one thread. Printed as medians over blocks with bootstrap intervals of 95 %: the time inside the rule over the span of
the samples; what the rule adds to all time between inferences; and the ratio of the medians.

Run: ``python benchmarks/stopping_rule_cost.py [--rounds=7] [--seconds=2,8]``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path

from loop_costs import added, conditions, in_blocks, in_turn, matmuls, measure, percent, within
from paired_ratios import block_ratio, median_ratio

BOUND = 0.01


def row(model: Path, seconds: float, rounds: int) -> str:
    """Return the row of one length of sampling."""
    limit_ns = 1.3 * measure(model, seconds=1.0).median_ns
    sides = {
        "with": partial(measure, model, seconds=seconds, limit_ns=limit_ns),
        "without": partial(measure, model, seconds=seconds),
    }
    found = in_turn(rounds, sides)
    ours, theirs = found["with"], found["without"]
    decided = {one.stop_reason for one in ours if not one.stop_reason.startswith("the cap")}
    if decided:
        raise SystemExit(f"the rule did not look until the cap: {decided}")
    inside = median_ratio([one.rule_share for one in ours])
    cpu = median_ratio([one.rule_cpu_share for one in ours])
    gaps = in_blocks([one.gap_share for one in ours], [one.gap_share for one in theirs], added)
    medians = in_blocks([one.median_ns for one in ours], [one.median_ns for one in theirs], block_ratio)
    first = ours[0]
    return (
        f"| {seconds:g} s | {theirs[0].median_ns / 1e3:.1f} | {first.n} | {first.decisions} | {percent(inside)} | "
        f"{within(inside, BOUND)} | {percent(cpu)} | {percent(gaps)} | {medians} | {medians.shows(BOUND)} |"
    )


def main(chosen: argparse.Namespace) -> None:
    """Measure and print the table."""
    began = conditions()
    with tempfile.TemporaryDirectory() as name:
        model = matmuls(Path(name))
        rows = [row(model, float(seconds), chosen.rounds) for seconds in chosen.seconds.split(",")]
    print(f"{chosen.rounds} blocks; began {began}; ended with load {os.getloadavg()[0]:.1f}\n")
    print(
        "| sampled for | median, µs | inferences | looks | inside the rule | at most 1 % | the same by CPU time | added between inferences "
        "| median with / without | within 1 % |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    print("\n".join(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", default="2,8")
    main(parser.parse_args())
