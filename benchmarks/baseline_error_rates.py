"""How often the comparison with a baseline is wrong, by the number of pairs it begins at, printed as a table.

Every series of ratios has its true median exactly at the limit, where any verdict is wrong. Exactly for independent
pairs, by simulation for first-order autoregressive ones. Run: ``python benchmarks/baseline_error_rates.py [runs]``.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import numpy.typing as npt

from pytest_edgert.verdicts.dependence import HeldTau, last_checkpoint
from pytest_edgert.verdicts.quantile import k_fail, k_pass, log_e_fail_each, log_e_pass_each

Floats = npt.NDArray[np.float64]

ALPHA = 0.05
LIMIT = 1.05
#: Pairs at which verdicts may begin, and those of one series.
BEGINNINGS = (6, 20, 30, 50)
HORIZON = 750
#: Standard deviation of the logarithm of a ratio.
SPREAD = 0.02


def exact(fewest: int, horizon: int) -> tuple[float, float]:
    """Return P(PASS ever) and P(FAIL ever) for independent pairs with a look after each from `fewest` to `horizon`."""
    mass = np.zeros(horizon + 2)
    mass[0] = 1.0
    passed = failed = 0.0
    for n in range(1, horizon + 1):
        mass[1 : n + 1] = (mass[1 : n + 1] + mass[:n]) / 2
        mass[0] /= 2
        if n < fewest:
            continue
        most, least = k_pass(n, 0.5, ALPHA), k_fail(n, 0.5, ALPHA)
        if most is not None:
            passed += float(mass[: most + 1].sum())
            mass[: most + 1] = 0.0
        if least is not None:
            failed += float(mass[least : n + 1].sum())
            mass[least : n + 1] = 0.0
    return passed, failed


def ratios(rho: float, seed: int) -> Floats:
    """Return ratios in order, (HORIZON,), whose logarithms are a first-order autoregressive series about the limit's."""
    noise = np.random.default_rng([seed, round(rho * 100)]).standard_normal(HORIZON)
    series = np.empty(HORIZON)
    series[0] = noise[0]
    for i in range(1, HORIZON):
        series[i] = rho * series[i - 1] + math.sqrt(1 - rho**2) * noise[i]
    return np.asarray(LIMIT * np.exp(SPREAD * series), np.float64)


def first_verdicts(series: Floats) -> list[str]:
    """Return the first verdict of a series for each of `BEGINNINGS`, "" where there is none."""
    n = np.arange(1, len(series) + 1)
    held = HeldTau()
    by_checkpoint = {c: held.of(series[:c], [LIMIT]) for c in sorted({last_checkpoint(int(one)) for one in n})}
    tau = np.array([by_checkpoint[last_checkpoint(int(one))] for one in n])
    k = np.cumsum((series > LIMIT).astype(np.int64))
    needed = tau * -math.log(ALPHA)
    passes, fails = log_e_pass_each(n, k, 0.5) >= needed, log_e_fail_each(n, k, 0.5) >= needed
    found = []
    for fewest in BEGINNINGS:
        ready = (n >= fewest) & (n >= np.ceil(20 * tau))
        at = np.flatnonzero(ready & (passes | fails))
        found.append("" if not len(at) else "PASS" if passes[at[0]] else "FAIL")
    return found


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_500
    print("| ratios | from pairs | false PASS | false FAIL |")
    print("|---|---|---|---|")
    for fewest in BEGINNINGS:
        passed, failed = exact(fewest, 2_000)
        print(f"| independent, exactly | {fewest} | {passed:.1%} | {failed:.1%} |", flush=True)
    for rho in (0.3, 0.6, 0.8, 0.9):
        found = [first_verdicts(ratios(rho, seed)) for seed in range(runs)]
        for column, fewest in enumerate(BEGINNINGS):
            verdicts = [row[column] for row in found]
            shares = (verdicts.count(word) / runs for word in ("PASS", "FAIL"))
            print(f"| AR(1) {rho} | {fewest} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
