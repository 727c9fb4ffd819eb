"""``edgert bench MODEL…``: reads the command line, finds the cells, has them measured and prints the comparison."""

from __future__ import annotations

import argparse
import math
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgert import clock
from pytest_edgert.errors import EdgertError, UsageError
from pytest_edgert.records import LatencyPlan

if TYPE_CHECKING:
    from pytest_edgert.bench_records import BenchTable
    from pytest_edgert.benchmarking import Entry
    from pytest_edgert.devices.profile import Device
    from pytest_edgert.plugin.cells import CellPlan, Surroundings
    from pytest_edgert.plugin.settings import Settings
    from pytest_edgert.run import Run
    from pytest_edgert.sessions import SessionPool

DEFAULT_SECONDS = 2.0
#: Longest watch of one cell in seconds: an hour.
MOST_SECONDS = 3600.0
#: Time beyond the watch that warm-up may take, in seconds.
_WARM_UP_S = 60.0
_FORMATS = ("table", "markdown", "csv", "json")
#: Options of pytest that this command has under a name of its own.
_SHARED = re.compile(r"--edge-(?=(?:target|option|shape|profiles|seed|wait)\b)")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the sub-command and return its parser."""
    bench = commands.add_parser(
        "bench",
        help="compare runtimes on the same models in one table",
        description="Measure each model on every target that is usable here and reads it, and print one table.",
        epilog="Exit status: 0 every cell was measured; 1 some cell was not, its row says why; 2 wrong command line.",
        allow_abbrev=False,
    )
    bench.add_argument("models", nargs="+", metavar="MODEL", help="an artefact: .onnx, .tflite, .xml, …")
    bench.add_argument("--format", choices=_FORMATS, default="table", help="how to print it; table by default")
    repeatable: Mapping[str, Any] = {"action": "append", "default": []}
    bench.add_argument("--target", **repeatable, metavar="RUNTIME[:ACCEL][+VARIANT]", help="only these; repeatable")
    bench.add_argument("--option", **repeatable, metavar="TARGET.KEY=VALUE", help="an option of a target; repeatable")
    bench.add_argument("--shape", **repeatable, metavar="INPUT=SHAPE", help="free dimensions, 1x3x224x224; repeatable")
    bench.add_argument("--threads", metavar="N", help="threads of every CPU runtime; the cores by default")
    bench.add_argument("--seconds", metavar="S", help=f"time to watch each cell; {DEFAULT_SECONDS:g} by default")
    bench.add_argument("--seed", metavar="N", help="seed of the feeds; 0 by default")
    bench.add_argument("--wait", metavar="10m", default="10m", help="longest wait for a busy device")
    return bench


def run(chosen: argparse.Namespace) -> int:
    """Measure and print; returns the exit status.

    Raises:
        UsageError: A value of the command line cannot be understood; its message names the options of this command.
        DeviceError: No profile matches this machine.
    """
    try:
        table = _measure(chosen)
    except EdgertError as error:
        raise type(error)(own_words(error.message), own_words(error.remedy)) from error
    from pytest_edgert.reports.bench_table import FORMATS

    sys.stdout.write(FORMATS[chosen.format](table) + "\n")
    return 0 if table.complete else 1


def own_words(message: str) -> str:
    """Return a message that the gate shares with this command, with the options as this command calls them."""
    return _SHARED.sub("--", message)


def _measure(chosen: argparse.Namespace) -> BenchTable:
    from pytest_edgert.bench_records import BenchTable
    from pytest_edgert.benchmarking import measure_entries, meter_of
    from pytest_edgert.devices.profile import find_device, profile_folders
    from pytest_edgert.plugin.setting import LOCAL_LOCK

    seconds = _read_seconds(chosen.seconds)
    around = _surroundings(chosen)
    device = find_device("auto", profile_folders(chosen.profiles, Path.cwd()))
    entries = _entries(_paths(chosen.models), around)
    started_utc = clock.utc_now()
    pool = _pool(_run(device, around.settings.seed, seconds), LOCAL_LOCK, around.settings.wait_s)
    try:
        rows = measure_entries(pool, entries)
        meter = meter_of(pool, rows)
    finally:
        pool.close()
    return BenchTable(
        device=device.profile.id,
        device_facts=device.facts,
        threads=around.threads,
        seconds=seconds,
        seed=around.settings.seed,
        meter=meter,
        tool_version=metadata.version("pytest-edgert"),
        python=platform.python_version(),
        started_utc=started_utc,
        rows=tuple(replace(row, reason=own_words(row.reason), remedy=own_words(row.remedy)) for row in rows),
    )


def _pool(setting: Run, lock: str, wait_s: float) -> SessionPool:
    from pytest_edgert.locks import DeviceLock
    from pytest_edgert.runtimes.registry import adapter_references
    from pytest_edgert.sessions import SessionPool
    from pytest_edgert.transports.local import TRANSPORT

    return SessionPool(setting, TRANSPORT, adapter_references(), DeviceLock(lock, wait_s))


def _run(device: Device, seed: int, seconds: float) -> Run:
    from pytest_edgert.devices.facts import conditions
    from pytest_edgert.measuring import plan_on, power_of, rules_of
    from pytest_edgert.run import Run, make_run_folder

    plan = plan_on(device.profile, LatencyPlan(measure_s=seconds, max_s=seconds + _WARM_UP_S, seed=seed))
    folder = make_run_folder(Path.cwd())
    return Run(
        device.profile.id,
        folder,
        device.facts,
        seed,
        plan,
        conditions=conditions,
        progress=_progress(),
        rules=rules_of(device.profile),
        power_sensors=power_of(device.profile)[1],
    )


def _progress() -> Callable[[str], None]:
    from pytest_edgert.plugin.progress import Progress
    from pytest_edgert.run import silent

    if not sys.stderr.isatty() or os.environ.get("CI"):
        return silent
    return Progress(_rewrite)


def _rewrite(line: str) -> None:
    """Write over the terminal's current line."""
    sys.stderr.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
    sys.stderr.flush()


def _surroundings(chosen: argparse.Namespace) -> Surroundings:
    from pytest_edgert.plugin.cells import Surroundings, core_count
    from pytest_edgert.plugin.probes import probe_runtimes
    from pytest_edgert.runtimes.registry import how_to_install, is_installed, runtimes

    settings = _settings(chosen)
    threads = core_count() if chosen.threads is None else _read_count(chosen.threads, "--threads", least=1, most=1024)
    infos = {name: runtime.info for name, runtime in runtimes().items()}
    installed = frozenset(name for name, info in infos.items() if is_installed(info))
    probe = cache(probe_runtimes)
    return Surroundings(settings, infos, installed, probe, how_to_install, threads)


def _settings(chosen: argparse.Namespace) -> Settings:
    from pytest_edgert.plugin.option_values import LARGEST_SEED
    from pytest_edgert.plugin.settings import DEFAULT_SEED, Settings
    from pytest_edgert.plugin.targets import read_options, read_shapes, read_target
    from pytest_edgert.units import parse_duration

    for folder in chosen.profiles:
        if not folder.is_dir():
            raise UsageError(f"--profiles: {folder} is not a folder.", "Name a folder of device profiles (*.toml).")
    options = read_options(chosen.option, "--option")
    for target, values in options.items():
        if "threads" in values:
            raise UsageError(
                f"--option {target}.threads: every CPU runtime of one table has the same number of threads.",
                f"Write --threads={values['threads']}, or make two tables.",
            )
    seed = DEFAULT_SEED if chosen.seed is None else _read_count(chosen.seed, "--seed", least=0, most=LARGEST_SEED)
    return Settings(
        targets=tuple(read_target(text, "--target") for text in chosen.target),
        options=options,
        shapes=read_shapes(chosen.shape, "--shape"),
        seed=seed,
        wait_s=parse_duration(chosen.wait, "--wait"),
        profiles=tuple(chosen.profiles),
    )


def _paths(models: Sequence[str]) -> list[Path]:
    """Return the artefacts as absolute paths, each once."""
    if not all(model.strip() for model in models):
        raise UsageError("MODEL: the path is empty.", "Write edgert bench MODEL.onnx.")
    return list(dict.fromkeys(Path(os.path.normpath(Path.cwd() / model)) for model in models))


def _entries(artefacts: Sequence[Path], around: Surroundings) -> list[Entry]:
    """Return the cells of every artefact: each usable target that reads it, or those that were named."""
    from pytest_edgert.contracts import Target
    from pytest_edgert.plugin.cells import CellPlan, plan_cells

    found: list[Entry] = []
    for artefact in artefacts:
        frame = CellPlan(artefact.stem, artefact, Target(""), shapes=around.settings.shapes, threads=around.threads)
        found += [_entry(cell) for cell in plan_cells(frame, around, [around.settings.options])]
    return found


def _entry(cell: CellPlan) -> Entry:
    from pytest_edgert.benchmarking import Entry
    from pytest_edgert.plugin.setting import session_plan
    from pytest_edgert.records import Cell

    try:
        plan = session_plan(cell)
    except EdgertError as error:
        digest = "" if cell.identity is None else cell.identity.sha256
        return Entry(Cell(cell.model, cell.artefact.name, digest, str(cell.target)), problem=error)
    return Entry(plan.cell, plan)


def _read_seconds(text: str | None) -> float:
    if text is None:
        return DEFAULT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MOST_SECONDS:
        raise UsageError(
            f"--seconds: {text!r} is not a number of seconds above 0, at most {MOST_SECONDS:g}.",
            "Write e.g. --seconds=2.",
        )
    return seconds


def _read_count(text: str, option: str, *, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise UsageError(
            f"{option}: {text!r} is not a whole number from {least} to {most}.", f"Write e.g. {option}={max(least, 1)}."
        )
    return int(text)
