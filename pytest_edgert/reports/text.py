"""Numbers and records into words: the only place where SI values get units that people read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain

from pytest_edgert.records import Amount, BudgetVerdict, CheckRecord, Latency, Plain, Quantile, Verdict
from pytest_edgert.reports import agreement_text, beside_text, block_text, quantization_text, soak_text

#: Steps of a scale, largest first: factor and unit.
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_MINUTES = ((60.0, "min"),)
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_HERTZ = ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz"), (1.0, "Hz"))
_WATTS = ((1.0, "W"), (1e-3, "mW"), (1e-6, "µW"))
_JOULES = ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"))
_RATES = ((1e6, "M/s"), (1e3, "k/s"), (1.0, "/s"))
#: Begins the names of readings that were taken before the measurement.
_BEFORE = "before."
#: A duration is told in minutes from here on, in seconds.
_MINUTES_FROM_S = 120.0


def duration(seconds: float | None) -> str:
    """Return seconds in the unit people read: ``4.71 ms``; ``?`` for None or NaN."""
    scale = _MINUTES if seconds is not None and abs(seconds) >= _MINUTES_FROM_S else _SECONDS
    return _scaled(seconds, scale)


def size(size_bytes: float | None) -> str:
    """Return bytes in SI units: ``6.1 MB`` is 6,100,000 bytes; ``?`` for None or NaN."""
    return _scaled(size_bytes, _BYTES)


def rate(per_s: float | None) -> str:
    """Return a rate: ``212 /s``; ``?`` for None or NaN."""
    return _scaled(per_s, _RATES)


def share(value: float | None) -> str:
    """Return a share between 0 and 1 in percent, never rounded up to 100 %: ``99.9 %``; ``?`` for None or NaN."""
    if value is None or math.isnan(value):
        return "?"
    rounded = float(f"{value * 100:.3g}")
    return "99.9 %" if rounded >= 100 > value * 100 else f"{rounded:g} %"


def interval(low_s: float | None, high_s: float | None) -> str:
    """Return an interval of durations, ``?`` at an end the samples cannot bound: ``[4.60 ms, 4.83 ms]``."""
    return f"[{duration(low_s)}, {duration(high_s)}]"


def quantile(found: Quantile) -> str:
    """Return a percentile with its interval: ``p95 4.71 ms [4.60 ms, 4.83 ms]``."""
    return f"p{found.percentile:g} {duration(found.value_s)} {interval(found.low_s, found.high_s)}"


def amount(found: Amount) -> str:
    """Return a figure with its limit: ``artefact 6.1 MB, limit 6 MB``."""
    told = f"{found.name} {value(found.value, found.unit)}"
    if found.limit is None:
        return told
    return f"{told}, {'at least' if found.at_least else 'limit'} {value(found.limit, found.unit)}"


def value(number: float | None, unit: str) -> str:
    """Return a number of a record's `unit` ("bytes", "s", "share", "count", "1/s", "J", "ratio") in words."""
    words = {"bytes": size, "s": duration, "share": share, "1/s": rate}
    if unit in words:
        return words[unit](number)
    if number is not None and unit == "J":
        return energy(number)
    if number is not None and unit == "ratio" and not math.isnan(number):
        return f"{number:.4g}"
    return "?" if number is None or math.isnan(number) else f"{number:g}"


def figure(record: CheckRecord) -> str:
    """Return the one figure of a record for a table; empty when the check has none."""
    if record.latency is not None:
        found = _leading_quantile(record.latency)
        told = "" if found is None else quantile(found)
        return told if record.latency.arrival == "closed" else f"{told}, {record.latency.arrival}"
    if record.soak is not None:
        return soak_text.figure(record.soak)
    if record.agreement:
        return agreement_text.figure(record.agreement)
    if record.blocks:
        return block_text.figure(record.blocks, record.verdict)
    if record.check == "golden" and record.verdict is Verdict.MEASURED:
        return "recorded"
    if not record.amounts:
        return ""
    decisive = [one for one in record.amounts if one.verdict is record.verdict]
    told = amount((decisive or list(record.amounts))[0])
    precision = record.placement.detail.get("precision") if record.placement is not None else None
    return f"{told}, {precision}" if precision else told


def headline(record: CheckRecord) -> str:
    """Return one line that stands alone, the verdict first: what was asked, of what, and why it ended so."""
    place = f"{record.cell.artefact} on {record.cell.target}: " if record.cell.artefact else ""
    return f"{record.verdict.value}: {record.check} of {place}{record.reason}"


def sentences(record: CheckRecord) -> Iterator[str]:
    """Yield what a person needs to know of a check that is not green, the headline first, the remedy last."""
    yield headline(record)
    if record.latency is not None:
        yield from _latency_lines(record.latency)
    amounts = [f"{amount(found)}{_source(found.source)}: {found.verdict.value}" for found in record.amounts]
    blocks, agreement = block_text.lines(record.blocks), agreement_text.lines(record.agreement)
    beside = beside_text.lines(record)
    grids = quantization_text.lines(record.quantization)
    for line in chain(soak_text.lines(record), amounts, grids, blocks, agreement, beside, record.notes):
        yield f"  {line}"
    if told := conditions(record):
        yield f"  conditions: {told}"
    if record.environment is not None:
        made = record.environment
        options = ", ".join(f"{name}={plain(option)}" for name, option in made.options.items())
        runtime = f"runtime {made.runtime_version}" if made.runtime_version else "the runtime was not opened"
        yield f"  on {made.device}, {runtime}{f', {options}' if options else ''}"
    if record.verdict is not Verdict.FAIL and not record.verdict.green:
        yield f"  {record.verdict.value} means: {record.verdict.meaning}."
    if record.remedy:
        yield f"  What to do: {record.remedy}"


def conditions(record: CheckRecord) -> str:
    """Return the readings beside a measurement, before and after: ``temperature 55 °C → 61 °C, load_1min 0.4``.

    What no sensor tells is left out; the record has it as null.
    """
    readings = {name: found for name, found in record.conditions.items() if not name.startswith(_BEFORE)}
    told = ((name, record.conditions.get(_BEFORE + name), found) for name, found in readings.items())
    return ", ".join(_change(*each) for each in told if each[1:] != (None, None))


def _change(name: str, before: Plain, after: Plain) -> str:
    told, value = labelled(name, after)
    return f"{told} {value}" if before in (None, after) else f"{told} {labelled(name, before)[1]} → {value}"


def reading(name: str, found: Plain) -> str:
    """Return a reading with its unit, which ends its name: ``frequency 2.4 GHz`` of ``frequency_hz``.

    Where a sensor is named, it comes behind: ``temperature cpu 61 °C`` of ``temperature_c.cpu``.
    """
    return " ".join(labelled(name, found))


def labelled(name: str, found: Plain) -> tuple[str, str]:
    """Return what a reading is of and its value with the unit: ("temperature cpu", "61 °C")."""
    units = {"_bytes": size, "_s": duration, "_hz": frequency, "_c": temperature, "_w": power, "_j": energy}
    kind, _, sensor = name.partition(".")
    if found is None:
        return name, "no sensor"
    for suffix, words in units.items():
        if kind.endswith(suffix) and isinstance(found, (int, float)):
            return f"{kind.removesuffix(suffix)} {sensor}".rstrip(), words(found)
    return name, plain(found)


def frequency(number_hz: float) -> str:
    """Return a frequency: ``2.4 GHz``."""
    return _scaled(number_hz, _HERTZ)


def power(number_w: float) -> str:
    """Return a power: ``4.2 W``."""
    return _scaled(number_w, _WATTS)


def energy(number_j: float) -> str:
    """Return an energy: ``12.5 mJ``."""
    return _scaled(number_j, _JOULES)


def temperature(number_c: float) -> str:
    """Return a temperature: ``61.5 °C``."""
    return f"{number_c:.3g} °C"


def plain(found: Plain) -> str:
    """Return a plain value as text: true and false as in TOML, numbers short."""
    if isinstance(found, bool):
        return str(found).lower()
    return f"{found:.4g}" if isinstance(found, float) else str(found)


def _latency_lines(latency: Latency) -> Iterator[str]:
    for decided in latency.budgets:
        yield f"  {budget(decided, latency.n)}"
    judged = {decided.quantile.percentile for decided in latency.budgets}
    others = [quantile(found) for found in latency.quantiles if found.percentile not in judged]
    if others:
        yield f"  also {'; '.join(others)}"
    yield (
        f"  n = {latency.n:,}{_of_all(latency)} in {duration(latency.span_s)}, effective n = {latency.n_effective:,.0f} "
        f"(autocorrelation time {latency.tau:.3g} samples), {rate(latency.throughput_per_s)}"
    )
    yield (
        f"  before counting: {latency.warm_up_n:,} inferences, {duration(latency.warm_up_s)}{_cut(latency)}; "
        f"the first took {duration(latency.first_s)}"
    )
    if latency.arrival != "closed":
        yield f"  {arrival(latency)}"
    yield f"  stopped because: {latency.stop_reason}"
    if latency.samples_path:
        yield f"  raw samples: {latency.samples_path}"


def arrival(latency: Latency) -> str:
    """Return what an open loop adds: ``requests every 33 ms, response time from the intended start; service time …``."""
    service = "; ".join(map(quantile, latency.service)) or "too few samples for a percentile"
    waited = f"at most {latency.queue:,} waiting" if latency.queue else "none had to wait"
    return f"requests {latency.arrival}, {waited}; response time counts from the intended start; service time {service}"


def _of_all(latency: Latency) -> str:
    """Return how many were timed where a stride counts fewer."""
    return f" of {latency.inferences:,} inferences" if latency.inferences > latency.n else ""


def _cut(latency: Latency) -> str:
    return f", of which {latency.cut_n:,} timed ones were cut off as a longer warm-up" if latency.cut_n else ""


def growth(size_bytes: float) -> str:
    """Return a change of size with its sign: ``+1.2 MB``."""
    return f"{'-' if size_bytes < 0 else '+'}{size(abs(size_bytes))}"


def budget(decided: BudgetVerdict, n: int | None) -> str:
    """Return a budget decided: the percentile, the limit, the verdict, and how many of `n` samples lay above it."""
    limit = decided.budget
    beyond = f"{decided.exceedances:,}{'' if n is None else f' of {n:,}'} samples above it"
    allowed = share(1 - limit.percentile / 100)
    return (
        f"{quantile(decided.quantile)}, budget {duration(limit.limit_s)}{_source(limit.source)}: "
        f"{decided.verdict.value}, {beyond} ({allowed} may be)"
    )


def _leading_quantile(latency: Latency) -> Quantile | None:
    """Return the percentile of the budget that decided, else p95, else the highest there is."""
    if latency.budgets:
        order = [Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE]
        ranked = sorted(
            latency.budgets, key=lambda one: order.index(one.verdict) if one.verdict in order else len(order)
        )
        return ranked[0].quantile
    at_95 = [found for found in latency.quantiles if found.percentile == 95.0]
    return next(iter([*at_95, *reversed(latency.quantiles)]), None)


def _source(source: str) -> str:
    return f" (from {source})" if source else ""


def _scaled(number: float | None, scale: tuple[tuple[float, str], ...]) -> str:
    if number is None or math.isnan(number):
        return "?"
    if math.isinf(number):
        return "infinite" if number > 0 else "-infinite"
    if number == 0:
        return f"0 {next(unit for factor, unit in scale if factor == 1.0)}"
    for factor, unit in scale:
        shown = _three_digits(number / factor)
        if abs(float(shown)) >= 1:
            return f"{shown} {unit}"
    factor, unit = scale[-1]
    return f"{number / factor:.3g} {unit}"


def _three_digits(number: float) -> str:
    """Return three significant digits without an exponent below a million, trailing zeros off."""
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    text = f"{number:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
