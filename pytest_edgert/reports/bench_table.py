"""A comparison of runtimes in words: as a table for a terminal, as Markdown, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from pytest_edgert.bench_records import BenchRow, BenchTable
from pytest_edgert.codec import encode
from pytest_edgert.records import Latency, Quantile
from pytest_edgert.reports import text

#: What stands where there is no figure.
NOTHING = "-"
#: Facts of the device that are worth a line.
_FACTS = ("cpu_model", "cores_usable", "governor", "virtualised")
#: Reading before a measurement that tells of other work on the device.
_LOAD = "before.load_1min"
_PERCENTILES = (50.0, 95.0, 99.0)
_HEADINGS = ("artefact", "device", "target", "precision", "p50", "p95", "p99", "throughput", "memory", "load", "first")


def as_table(found: BenchTable) -> str:
    """Return the comparison for a terminal: what was measured where, aligned columns, and why figures are missing."""
    rows = [_headings(found), *_cells(found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*_head(found), "", *lines, *_after("", found)])


def as_markdown(found: BenchTable) -> str:
    """Return the comparison as a Markdown table with the same lines above and below it."""
    headings = _headings(found)
    rows = [headings, ("---",) * len(headings), *_cells(found)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([*(f"- {line}" for line in _head(found)), "", *lines, *_after("- ", found)])


def as_csv(found: BenchTable) -> str:
    """Return the comparison as CSV (RFC 4180 but for its line ends): SI numbers, empty where there is no figure."""
    flat = [_flat(found, row) for row in found.rows]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(flat[0]) if flat else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue().rstrip("\n")


def as_json(found: BenchTable) -> str:
    """Return the comparison as JSON, every field of `BenchTable`."""
    return json.dumps(encode(found), indent=2, ensure_ascii=False)


#: How a comparison is written, by the word for it.
FORMATS: Mapping[str, Callable[[BenchTable], str]] = {
    "table": as_table,
    "markdown": as_markdown,
    "csv": as_csv,
    "json": as_json,
}


def _head(found: BenchTable) -> Iterator[str]:
    facts = {name: found.device_facts.get(name) for name in _FACTS}
    told = ", ".join(text.reading(name, fact) for name, fact in facts.items() if fact not in (None, ""))
    yield f"device {found.device}{f' ({told})' if told else ''}"
    versions = {row.cell.target.partition(":")[0]: row.runtime_version for row in found.rows if row.runtime_version}
    engines = ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) or "none could be opened"
    yield f"runtimes {engines}; Python {found.python}; pytest-edgert {found.tool_version}"
    yield (
        f"threads {found.threads} for every CPU runtime; latency watched for "
        f"{text.duration(found.seconds)} a cell; seed {found.seed}; {found.started_utc}"
    )
    yield f"power {f'by {found.meter}' if found.meter else 'not measured: no meter'}{_load(found)}"


def _load(found: BenchTable) -> str:
    """Return the range of the load before each timing: what runs beside a measurement is in its figures."""
    loads = [load for row in found.rows if isinstance(load := row.conditions.get(_LOAD), (int, float))]
    return f"; load before each timing {min(loads):.2g} to {max(loads):.2g}" if loads else ""


def _after(bullet: str, found: BenchTable) -> Iterator[str]:
    """Yield why figures are missing, after an empty line."""
    reasons = [
        f"{row.cell.artefact} on {row.cell.target or 'no target'}: {_why(row)}" for row in found.rows if row.reason
    ]
    if any(row.latency is not None and len(_quantiles(row.latency)) < len(_PERCENTILES) for row in found.rows):
        reasons.append(f"{NOTHING} under a percentile: too few samples for it; watch for longer with --seconds.")
    if reasons:
        yield ""
        yield from (bullet + reason for reason in reasons)


def _why(row: BenchRow) -> str:
    return f"{row.reason} {row.remedy}".strip()


def _headings(found: BenchTable) -> tuple[str, ...]:
    return (*_HEADINGS, "power") if found.meter else _HEADINGS


def _cells(found: BenchTable) -> list[tuple[str, ...]]:
    return [_row(found, row) for row in found.rows]


def _row(found: BenchTable, row: BenchRow) -> tuple[str, ...]:
    cells = [row.cell.artefact, found.device, row.cell.target, row.precision]
    quantiles = {} if row.latency is None else _quantiles(row.latency)
    cells += [_interval(quantiles.get(percentile)) for percentile in _PERCENTILES]
    cells.append("" if row.latency is None else text.rate(row.latency.throughput_per_s))
    cells.append(_shown(row.peak_memory_bytes, text.size))
    cells += [_shown(row.cold_load_s, text.duration), _shown(row.first_s, text.duration)]
    if found.meter:
        cells.append(_shown(row.power_w, lambda watts: f"{watts:.3g} W"))
    return tuple(cell or NOTHING for cell in cells)


def _shown(number: float | None, words: Callable[[float], str]) -> str:
    return "" if number is None or math.isnan(number) else words(number)


def _interval(found: Quantile | None) -> str:
    return "" if found is None else f"{text.duration(found.value_s)} {text.interval(found.low_s, found.high_s)}"


def _quantiles(latency: Latency) -> dict[float, Quantile]:
    return {one.percentile: one for one in latency.quantiles if one.percentile in _PERCENTILES}


def _flat(found: BenchTable, row: BenchRow) -> dict[str, str | int | float | None]:
    """Return a row as CSV has it; the column of power is there only with a meter."""
    latency = row.latency
    flat: dict[str, str | int | float | None] = {
        "artefact": row.cell.artefact,
        "artefact_sha256": row.cell.artefact_sha256,
        "device": found.device,
        "target": row.cell.target,
        "runtime_version": row.runtime_version,
        "threads": found.threads,
        "precision": row.precision,
    }
    quantiles = {} if latency is None else _quantiles(latency)
    for percentile in _PERCENTILES:
        one = quantiles.get(percentile)
        values: Sequence[float | None] = (None,) * 3 if one is None else (one.value_s, one.low_s, one.high_s)
        flat |= dict(zip((f"p{percentile:g}{end}" for end in ("_s", "_low_s", "_high_s")), values, strict=True))
    flat |= {
        "n": None if latency is None else latency.n,
        "throughput_per_s": None if latency is None else latency.throughput_per_s,
        "peak_memory_bytes": row.peak_memory_bytes,
        "cold_load_s": row.cold_load_s,
        "first_s": row.first_s,
    }
    if found.meter:
        flat["power_w"] = row.power_w
    return {**flat, "reason": row.reason, "remedy": row.remedy}
