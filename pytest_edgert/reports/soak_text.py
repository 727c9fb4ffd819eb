"""A soak in lines of text: how it began and ended, the knee, what its limits say, and its series as a row of bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from pytest_edgert.records import CheckRecord, Segment, Soak
from pytest_edgert.reports import text

#: Bars of a series at most, and their heights, lowest first.
_COLUMNS = 60
_BARS = "▁▂▃▄▅▆▇█"
#: Quantities whose series is shown beside latency, by how their names begin.
_SHOWN = ("temperature_c.", "frequency_hz.", "throttled.", "cooling_state.", "power_w.", "rss_bytes.")
#: Sensors whose series is shown at most.
_MOST = 6


def figure(soak: Soak) -> str:
    """Return a soak for a table: ``median 4.1 ms → 4.6 ms, slowdown 1.12``."""
    return f"median {text.duration(soak.first_s)} → {text.duration(soak.last_s)}, slowdown {soak.slowdown:.3g}"


def lines(record: CheckRecord) -> Iterator[str]:
    """Yield what a person needs to know of a soak that is not green, the series last."""
    soak = record.soak
    if soak is None:
        return
    n = sum(segment.n for segment in soak.segments)
    for part in soak.budgets:
        yield f"{text.budget(part, None)}, over the last {text.duration(soak.duration_s - soak.last_from_s)}"
    others = [one for one in soak.quantiles if one.percentile not in {part.budget.percentile for part in soak.budgets}]
    if others:
        yield f"also {'; '.join(map(text.quantile, others))}"
    knee = "none" if soak.knee_s is None else f"after {text.duration(soak.knee_s)}"
    growth = soak.memory_growth_bytes
    memory = "no reading" if growth is None else text.growth(growth)
    yield f"soak: {figure(soak)}, knee {knee}, memory {memory}; {n:,} inferences in {text.duration(soak.duration_s)}"
    yield f"stopped because: {soak.stop_reason}"
    yield from series(soak)
    if soak.samples_path:
        yield f"raw samples and sensors: {soak.samples_path}"


def series(soak: Soak) -> Iterator[str]:
    """Yield the series as rows of bars with their lowest and highest value: latency, then the sensors that moved."""
    yield _row("p50", [segment.p50_s for segment in soak.segments], text.duration)
    yield _row("p95", [segment.p95_s for segment in soak.segments], text.duration)
    names = [name for name in _names(soak.segments) if name.startswith(_SHOWN)]
    moved = [name for name in names if len({segment.readings.get(name) for segment in soak.segments} - {None}) > 1]
    for name in moved[:_MOST]:
        label = text.labelled(name, 0.0)[0]
        readings = [segment.readings.get(name) for segment in soak.segments]
        yield _row(label, readings, _in_unit_of(name))


def properties(soak: Soak) -> Mapping[str, str | int | float]:
    """Return what JUnit carries of a soak; figures in SI units."""
    found: dict[str, str | int | float] = {
        "edgert.soak.duration_s": float(soak.duration_s),
        "edgert.soak.first_s": float(soak.first_s),
        "edgert.soak.last_s": float(soak.last_s),
        "edgert.soak.slowdown": float(soak.slowdown),
    }
    if soak.knee_s is not None:
        found["edgert.soak.knee_s"] = float(soak.knee_s)
    if soak.memory_growth_bytes is not None:
        found["edgert.soak.memory_growth_bytes"] = float(soak.memory_growth_bytes)
    found.update({f"edgert.soak.p{one.percentile:g}_s": float(one.value_s) for one in soak.quantiles})
    return found


def _names(segments: Sequence[Segment]) -> list[str]:
    return list(dict.fromkeys(name for segment in segments for name in segment.readings))


def _in_unit_of(name: str) -> Callable[[float], str]:
    return lambda value: text.labelled(name, value)[1]


def _row(label: str, values: Sequence[float | None], told: Callable[[float], str]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return f"{label}: no reading"
    low, high = min(known), max(known)
    return f"{label:<12} {bars(values)} {told(low)} … {told(high)}"


def bars(values: Sequence[float | None]) -> str:
    """Return a series as bars from its lowest to its highest value, the highest of each stretch; a gap is a space."""
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    columns = min(_COLUMNS, len(values))
    edges = [column * len(values) // columns for column in range(columns + 1)] if columns else [0]
    found = []
    for begin, end in pairwise(edges):
        stretch = [value for value in values[begin:end] if value is not None]
        found.append(" " if not stretch else _bar(max(stretch), low, high))
    return "".join(found)


def _bar(value: float, low: float, high: float) -> str:
    share = 0.0 if high == low else (value - low) / (high - low)
    return _BARS[min(len(_BARS) - 1, int(share * len(_BARS)))]
