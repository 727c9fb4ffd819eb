"""The table of what disagrees with the node tests of the package `onnx`, kept as data beside this file.

``python tests/lab/backend_table.py`` runs every case on every target, brings the data up to date (a row that is new has
no class and fails the tests until somebody judges it) and writes the page from them; ``--page`` only writes the page.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from backend_cases import DISAGREEMENTS, TARGETS, Outcome, node_cases, run_cases

from pytest_edgert import clock
from pytest_edgert.locks import DeviceLock
from pytest_edgert.run import Run
from pytest_edgert.runtimes.registry import adapter_references
from pytest_edgert.sessions import Deadlines, SessionPool
from pytest_edgert.transports.local import TRANSPORT

TABLE = Path(__file__).with_name("backend_table.json")
PAGE = Path(__file__).parents[2] / "docs" / "known-divergences.md"
BEGIN, END = "<!-- backend table: begin -->", "<!-- backend table: end -->"
#: What a row may be called, and what that means.
CLASSES = {
    "runtime fault": "the runtime departs from the operator's definition",
    "oracle fault": "our reference does",
    "ambiguous": "the definition, or the case, can be read in two ways, and independent implementations read it differently",
    "unspecified": "the definition leaves it open: rounding between operators, results whose exact value is zero",
}
#: Features of a CPU that decide which kernels run.
FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimddp", "i8mm", "bf16", "sve")
#: Longest waits: a case that hangs costs this much.
DEADLINES = Deadlines(open_s=60.0, infer_s=30.0)


@dataclass(frozen=True)
class Found:
    """What one target did with all cases, and the runtime's own version."""

    outcomes: Mapping[str, Outcome]
    version: str


def run_targets(folder: Path) -> dict[str, Found]:
    """Return what every target does with every case; each target has a pool and a worker of its own, two at a time."""
    cases = node_cases()
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(lambda target: _run_target(target, cases, folder), sorted(TARGETS, reverse=True))
        return dict(zip(sorted(TARGETS, reverse=True), found, strict=True))


def _run_target(target: str, cases: list[Any], folder: Path) -> Found:
    own = folder / re.sub(r"\W", "_", target)
    own.mkdir()
    lock = DeviceLock(f"backend-{own.name}", 60.0, own)
    pool = SessionPool(Run("lab", own), TRANSPORT, adapter_references(), lock, deadlines=DEADLINES)
    try:
        outcomes = dict(run_cases(pool, cases, target, own))
        return Found(outcomes, pool.versions.get(target.partition(":")[0], ""))
    finally:
        pool.close()


def cpu_features() -> str:
    """Return those of `FEATURES` that this CPU has, in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "").split()
    return " ".join([platform.machine(), *(name for name in FEATURES if name in flags)])


def disagreements(outcomes: Mapping[str, Outcome]) -> set[tuple[str, str]]:
    """Return (case, kind) of every disagreement."""
    return {(name, outcome.kind) for name, outcome in outcomes.items() if outcome.kind in DISAGREEMENTS}


def skips(outcomes: Mapping[str, Outcome]) -> dict[str, list[str]]:
    """Return the cases that were not judged, by reason."""
    found: dict[str, list[str]] = {}
    for name, outcome in outcomes.items():
        if outcome.kind == "skipped":
            found.setdefault(reason_of(outcome.what), []).append(name)
    return {reason: sorted(names) for reason, names in sorted(found.items())}


#: Patterns of refusals, and what is left of them when names of cases, nodes and tensors are taken out.
_REASONS = (
    (
        r"(?:Input|Output) '.*?' of \S+ is (?:tensor\()?([\w]+)\)?, which (\w+) does not exchange.*",
        r"\2 exchanges no \1",
    ),
    (r"\S+ lacks the operator ([\w.:]+)(?: \(version (\d+)\))?.*", r"lacks the operator \1 \2"),
    (r"\S+ cannot convert the operators? ([\w., -]+?) of \S+(.*)", r"cannot convert \1\2"),
    (r"\S+ cannot convert \S+: (.*)", r"cannot convert: \1"),
    (r"\S+ cannot compile \S+: (.*?)(?: Operation name.*)?", r"cannot compile: \1"),
    (r"\S+ cannot run \S+: (.*)", r"cannot run: \1"),
    (r"\S+ needs operators that the reference lacks: (.*?)\.", r"lacks the operator \1"),
    (r"The evaluator of the package onnx cannot do node \S+ \((\w+)\): (.*)", r"\1: \2"),
    (r"Node \S+ \((\w+)\) (.*)", r"\1 \2"),
)


def reason_of(said: str) -> str:
    """Return the reason of a skip without what belongs to the single case."""
    for pattern, kept in _REASONS:
        found = re.fullmatch(pattern, said, re.DOTALL)
        if found is not None:
            said = found.expand(kept)
            break
    said = re.sub(r"\s*\(\w*test_\w+\)|\w*_\d{4,}\b|\S*test_\w+(\.onnx)?", "", said)
    return " ".join(said.split()).rstrip(".,: ")[:120]


def read_table() -> Any:
    """Return the data of the table."""
    return json.loads(TABLE.read_text(encoding="utf-8"))


def updated(old: Any, found: Mapping[str, Found]) -> Any:
    """Return the table for what was found, with the judgement of every row that was there before."""
    judged = {
        (target, case, row["outcome"]): (row["class"], row["why"])
        for target, part in old["targets"].items()
        for row in part["rows"]
        for case in row["cases"]
    }
    return {
        "made": {
            "date": clock.utc_now()[:10],
            "onnx": version("onnx"),
            "numpy": version("numpy"),
            "python": platform.python_version(),
            "cpu": cpu_features(),
        },
        "targets": {target: _part(target, one, judged) for target, one in sorted(found.items())},
    }


def _part(target: str, found: Found, judged: Mapping[tuple[str, str, str], tuple[str, str]]) -> Any:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for case, kind in sorted(disagreements(found.outcomes)):
        name, why = judged.get((target, case, kind), ("", found.outcomes[case].what))
        rows.setdefault((name, kind, why), []).append(case)
    return {
        "version": found.version,
        "agree": sum(outcome.kind == "agrees" for outcome in found.outcomes.values()),
        "rows": [
            {"class": name, "outcome": kind, "why": why, "cases": cases}
            for (name, kind, why), cases in sorted(rows.items())
        ],
        "skipped": skips(found.outcomes),
    }


def page(table: Any) -> str:
    """Return the section of the page that the data make."""
    made = table["made"]
    parts = [
        f"{BEGIN}\n## ONNX backend node tests\n\n"
        f"The {_total(table)} node tests that come with onnx {made['onnx']}, each run in a worker on every target, with the case's own"
        f" tolerances.\nMade on {made['date']} with Python {made['python']} and NumPy {made['numpy']} on {made['cpu']};"
        " written by `python tests/lab/backend_table.py` from\n`tests/lab/backend_table.json`, and checked against a new run by"
        " `tests/lab/test_backend_table.py`: a new disagreement fails, and so does\none that is gone.\n",
        _summary(table),
        "".join(f"- **{name}**: {meaning}.\n" for name, meaning in CLASSES.items()),
        *(_target(target, part) for target, part in table["targets"].items()),
        END,
    ]
    return "\n".join(parts)


def _total(table: Any) -> int:
    part = next(iter(table["targets"].values()))
    return int(part["agree"]) + sum(len(row["cases"]) for row in part["rows"]) + sum(map(len, part["skipped"].values()))


def _summary(table: Any) -> str:
    lines = [
        f"| target | version | agree | {' | '.join(CLASSES)} | not run |",
        "|---|---|---|" + "---|" * (len(CLASSES) + 1),
    ]
    for target, part in table["targets"].items():
        counts = [sum(len(row["cases"]) for row in part["rows"] if row["class"] == name) for name in CLASSES]
        cells = [f"`{target}`", part["version"], part["agree"], *counts, sum(map(len, part["skipped"].values()))]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _target(target: str, part: Any) -> str:
    lines = [f"### `{target}`, {part['version']}\n", "| class | outcome | what and why | cases |", "|---|---|---|---|"]
    for row in sorted(part["rows"], key=lambda row: (list(CLASSES).index(row["class"] or "ambiguous"), row["why"])):
        names = " ".join(f"`{name.removeprefix('test_')}`" for name in row["cases"])
        lines.append(f"| {row['class']} | {row['outcome']} | {row['why']} | {names} |")
    lines += ["", "Not run, by reason:\n", "| cases | reason |", "|---|---|"]
    for reason, names in sorted(part["skipped"].items(), key=lambda item: (-len(item[1]), item[0])):
        lines.append(f"| {len(names)} | {reason.replace('|', '/')} |")
    return "\n".join(lines) + "\n"


def write_page(table: Any) -> None:
    """Put the section into the page, in the place of the old one."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + page(table) + rest.split(END)[1], encoding="utf-8")


def main() -> None:
    """Read the command line, run what is asked for and write."""
    parser = argparse.ArgumentParser(description="Bring the table of ONNX node tests and its page up to date.")
    parser.add_argument("--page", action="store_true", help="only write the page from the data")
    if not parser.parse_args().page:
        with tempfile.TemporaryDirectory() as folder:
            found = run_targets(Path(folder))
        table = updated(read_table(), found)
        TABLE.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_page(read_table())


if __name__ == "__main__":
    main()
