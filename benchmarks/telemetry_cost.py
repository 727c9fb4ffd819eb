"""What telemetry twice a second costs: the median latency with and without it, at 100 us an inference.

Fresh processes in blocks of with, without, without, with, on an ONNX Runtime session of one thread: once with every
meter of this machine, and once with the meters of Linux on a folder of many sensor files that stands for ``/``.
Printed: the median ratio over blocks with its bootstrap interval of 95 %, and what the readings add to the time between
inferences.

Run: ``python benchmarks/telemetry_cost.py [--rounds=7] [--seconds=6]``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path

from loop_costs import added, conditions, in_blocks, in_turn, matmuls, measure, percent
from paired_ratios import block_ratio

from pytest_edgert.devices.telemetry.registry import meter_references

BOUND = 0.01
#: Zones, chips, cooling devices, cores and power zones of the folder: more than the boards that we know of have.
ZONES, CHIPS, COOLERS, CORES, POWERS = 24, 8, 16, 16, 4


def write_sensors(root: Path) -> Path:
    """Write a folder with the sensor files of a large board and return it."""
    files = {f"class/thermal/thermal_zone{i}/{name}": text for i in range(ZONES) for name, text in _zone(i)}
    files |= {f"class/hwmon/hwmon{i}/{name}": text for i in range(CHIPS) for name, text in _chip(i)}
    files |= {f"class/thermal/cooling_device{i}/{name}": text for i in range(COOLERS) for name, text in _cooler(i)}
    files |= {f"devices/system/cpu/cpufreq/policy{i}/{name}": text for i in range(CORES) for name, text in _clock(i)}
    files |= {f"class/powercap/intel-rapl:{i}/{name}": text for i in range(POWERS) for name, text in _power(i)}
    for name, text in files.items():
        path = root / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def _zone(i: int) -> tuple[tuple[str, str], ...]:
    return ("type", f"zone-{i}"), ("temp", f"{40_000 + 100 * i}")


def _chip(i: int) -> tuple[tuple[str, str], ...]:
    inputs = [(f"{kind}{n}_input", f"{1_000 + n + i}") for kind in ("temp", "in", "curr") for n in (1, 2, 3)]
    return ("name", f"chip{i}"), *inputs, ("power1_input", f"{2_000_000 + i}")


def _cooler(i: int) -> tuple[tuple[str, str], ...]:
    return ("type", f"cooler-{i}"), ("cur_state", "0"), ("max_state", "10")


def _clock(i: int) -> tuple[tuple[str, str], ...]:
    return ("scaling_cur_freq", "1800000"), ("scaling_governor", "performance"), ("affected_cpus", f"{i}")


def _power(i: int) -> tuple[tuple[str, str], ...]:
    return ("name", f"package-{i}"), ("energy_uj", f"{5_000_000 + i}"), ("max_energy_range_uj", "262143328850")


def row(title: str, model: Path, chosen: argparse.Namespace, sysroot: Path) -> str:
    """Return the row of one set of sensors."""
    meters = list(meter_references().values())
    sides = {
        "with": partial(measure, model, seconds=chosen.seconds, meters=meters, sysroot=str(sysroot)),
        "without": partial(measure, model, seconds=chosen.seconds),
    }
    found = in_turn(chosen.rounds, sides)
    ours, theirs = found["with"], found["without"]
    fewest = min(one.readings for one in ours)
    if fewest < 2 * chosen.seconds - 2 or not ours[0].sensors:
        raise SystemExit(f"the meters were read {fewest} times in {chosen.seconds:g} s, {ours[0].sensors} sensors")
    medians = in_blocks([one.median_ns for one in ours], [one.median_ns for one in theirs], block_ratio)
    gaps = in_blocks([one.gap_share for one in ours], [one.gap_share for one in theirs], added)
    return (
        f"| {title} | {ours[0].sensors} | {fewest} | {theirs[0].median_ns / 1e3:.1f} | {medians} | "
        f"{medians.shows(BOUND)} | {percent(gaps)} |"
    )


def main(chosen: argparse.Namespace) -> None:
    """Measure and print the table."""
    began = conditions()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = matmuls(folder)
        rows = [
            row("this machine", model, chosen, Path("/")),
            row("a large board's files", model, chosen, write_sensors(folder / "board")),
        ]
    print(
        f"{chosen.rounds} blocks, {chosen.seconds:g} s a process; began {began}; ended with load {os.getloadavg()[0]:.1f}\n"
    )
    print(
        "| sensors of | sensors | readings | median, µs | median with / without | within 1 % | added between inferences |"
        "\n|---|---|---|---|---|---|---|"
    )
    print("\n".join(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=6.0)
    main(parser.parse_args())
