"""How often the latency verdict is wrong, and how many samples it takes: by simulation, printed as tables.

Every stream has its true percentile exactly at the budget, where any verdict is wrong; the rates there bound those of
every other stream. Run: ``python benchmarks/error_rates.py [runs]``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_edgert.verdicts.binomial import k_fail_exact, k_pass_exact
from pytest_edgert.verdicts.dependence import HeldTau, last_checkpoint
from pytest_edgert.verdicts.latency import fewest_samples
from pytest_edgert.verdicts.quantile import k_fail, k_pass, log_e_fail_each, log_e_pass_each

Floats: TypeAlias = npt.NDArray[np.float64]
Draw: TypeAlias = Callable[[np.random.Generator, int], Floats]

ALPHA = 0.05
#: Samples between two looks of the simulated streams.
LOOK = 10


def exact_error_rates(p: float, horizon: int) -> tuple[float, float]:
    """Return P(PASS ever) and P(FAIL ever) at the boundary, looking after every sample up to `horizon`.

    Exact for independent samples: the distribution of the number of exceedances, moved on sample by sample, with the
    mass that crosses a boundary taken out.
    """
    q = 1 - p
    mass = np.zeros(horizon + 2)
    mass[0] = 1.0
    passed = failed = 0.0
    for n in range(1, horizon + 1):
        mass[1 : n + 1] = mass[1 : n + 1] * p + mass[:n] * q
        mass[0] *= p
        if n < fewest_samples(1.0):
            continue
        most, fewest = k_pass(n, p, ALPHA), k_fail(n, p, ALPHA)
        if most is not None:
            passed += float(mass[: most + 1].sum())
            mass[: most + 1] = 0.0
        if fewest is not None:
            failed += float(mass[fewest : n + 1].sum())
            mass[fewest : n + 1] = 0.0
    return passed, failed


def first_verdict(series: Floats, limit: float, p: float) -> tuple[str, int]:
    """Return the first verdict of the sequential test on a stream, "" when there is none, and the samples it took."""
    looks = np.arange(LOOK, len(series) + 1, LOOK)
    k = np.cumsum((series > limit).astype(np.int64))[looks - 1]
    held = HeldTau()
    by_checkpoint = {c: held.of(series[:c], [limit]) for c in sorted({last_checkpoint(int(n)) for n in looks})}
    tau = np.array([by_checkpoint[last_checkpoint(int(n))] for n in looks])
    ready = looks >= np.maximum(50, np.ceil(20 * tau))
    needed = tau * -math.log(ALPHA)
    passes = np.flatnonzero(ready & (log_e_pass_each(looks, k, p) >= needed))
    fails = np.flatnonzero(ready & (log_e_fail_each(looks, k, p) >= needed))
    first_pass = passes[0] if len(passes) else len(looks)
    first_fail = fails[0] if len(fails) else len(looks)
    if min(first_pass, first_fail) == len(looks):
        return "", len(series)
    at = int(looks[min(first_pass, first_fail)])
    return ("PASS" if first_pass < first_fail else "FAIL"), at


def ar1(rho: float) -> Draw:
    """Return a first-order autoregressive stream with standard normal margins."""

    def draw(stream: np.random.Generator, n: int) -> Floats:
        noise = stream.standard_normal(n) * math.sqrt(1 - rho**2)
        series = np.empty(n)
        series[0] = stream.standard_normal()
        for i in range(1, n):
            series[i] = rho * series[i - 1] + noise[i]
        return series

    return draw


def error_rates(draw: Draw, limit: float, p: float, runs: int, *, horizon: int, seed: int) -> tuple[float, float]:
    """Return the shares of streams that PASS and that FAIL, out of `runs` streams of up to `horizon` samples."""
    found = [first_verdict(draw(np.random.default_rng([seed, run]), horizon), limit, p)[0] for run in range(runs)]
    return found.count("PASS") / runs, found.count("FAIL") / runs


def samples_to_verdict(p: float, share: float, runs: int, seed: int) -> tuple[float, float, float]:
    """Return the median and 90th percentile of samples to the right verdict, and the share of right verdicts.

    Args:
        p: The quantile of the budget.
        share: True share of samples above the budget, as a multiple of 1 - p: below 1 PASS is right.
        runs: Streams.
        seed: Seed of the streams.
    """
    right = "PASS" if share < 1 else "FAIL"
    taken = []
    for run in range(runs):
        uniform = np.random.default_rng([seed, run]).random(40_000)
        verdict, n = first_verdict(uniform, 1 - share * (1 - p), p)
        taken.append(n if verdict == right else math.inf)
    taken.sort()
    return taken[runs // 2], taken[int(0.9 * runs)], sum(map(math.isfinite, taken)) / runs


def fixed_samples(p: float, share: float, power: float) -> int:
    """Return the fewest samples with which the exact binomial test is right with probability `power`, n planned."""
    from pytest_edgert.verdicts.binomial import lower_tail, upper_tail

    n, theta = 1.0, share * (1 - p)
    while True:
        n = n * 1.02 + 1
        size = round(n)
        threshold = k_pass_exact(size, p, ALPHA) if share < 1 else k_fail_exact(size, p, ALPHA)
        if threshold is None:
            continue
        tail = lower_tail if share < 1 else upper_tail
        if tail(size, threshold, theta) >= power:
            return size


def main(runs: int) -> None:
    """Print the tables of docs/latency.md."""
    print("Independent samples at the boundary, exact, a look after every sample (nominal 5 %)")
    print("| percentile | horizon | false PASS | false FAIL |\n|---|---|---|---|")
    for p in (0.5, 0.9, 0.95, 0.99):
        passed, failed = exact_error_rates(p, 10_000)
        print(f"| p{100 * p:g} | 10,000 | {passed:.2%} | {failed:.2%} |")
    print(f"\nDependent samples at the boundary, {runs} streams of 5,000, a look every {LOOK} samples (nominal 5 %)")
    print("| stream | percentile | false PASS | false FAIL |\n|---|---|---|---|")
    for rho in (0.6, 0.9):
        for p, limit in ((0.5, 0.0), (0.95, 1.6448536269514722)):
            passed, failed = error_rates(ar1(rho), limit, p, runs, horizon=5_000, seed=1)
            print(f"| AR(1) {rho:g} | p{100 * p:g} | {passed:.1%} | {failed:.1%} |")
    print(f"\nSamples to the right verdict, independent, {runs} streams, and the exact test with n planned")
    print("| percentile | true share above | median | 90 % | right | fixed n for 90 % |\n|---|---|---|---|---|---|")
    for p in (0.95, 0.99):
        for share in (0.0, 0.25, 0.5, 2.0, 4.0):
            median, most, right = samples_to_verdict(p, share, runs, seed=2)
            fixed = fixed_samples(p, share, 0.9) if share else math.ceil(math.log(ALPHA) / math.log(p))
            print(f"| p{100 * p:g} | {share * (1 - p):.2%} | {median:.0f} | {most:.0f} | {right:.0%} | {fixed} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
