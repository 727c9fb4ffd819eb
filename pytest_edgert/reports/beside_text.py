"""What was read and noticed beside a measurement, in lines: sensors in short, and signs against the figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_edgert.records import CheckRecord, Doubt, Sensor
from pytest_edgert.reports import text

#: Quantities that only ever grow: their rise over the measurement is what they tell.
_CUMULATIVE = ("_j", "_count", "_s")
#: Sensors that a message shows at most.
_MOST = 12


def lines(record: CheckRecord) -> Iterator[str]:
    """Yield what beside a measurement a person needs to know: each sign with its remedy, then the sensors."""
    for doubt in record.doubts:
        yield f"{'void' if doubt.voids else 'beside'}: {doubt.sentence}. {doubt.remedy}".rstrip()
    moved = [sensor for sensor in record.sensors if sensor.n]
    if moved:
        rest = f", and {len(moved) - _MOST} more in the samples file" if len(moved) > _MOST else ""
        yield f"sensors: {', '.join(map(sensor_text, moved[:_MOST]))}{rest}"


def told(records: Sequence[CheckRecord]) -> Iterator[str]:
    """Yield the signs that green checks carry, each once: a PASS beside which something was noticed says so."""
    seen: dict[tuple[str, str], list[CheckRecord]] = {}
    for record in records:
        for doubt in record.doubts if record.verdict.green else ():
            seen.setdefault(_key(doubt), []).append(record)
    for (kind, _), found in seen.items():
        first = next(doubt for doubt in found[0].doubts if doubt.kind == kind)
        others = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
        yield f"{found[0].check} of {found[0].cell.artefact} on {found[0].cell.target}: {first.sentence}{others}."


def _key(doubt: Doubt) -> tuple[str, str]:
    return doubt.kind, doubt.remedy


def sensor_text(sensor: Sensor) -> str:
    """Return a sensor over a measurement: ``temperature cpu 55 °C → 61 °C``, ``energy package-0 +12 J``."""
    quantity = sensor.name.partition(".")[0]
    if sensor.first is None or sensor.last is None:
        return f"{sensor.name} no reading"
    label, first = text.labelled(sensor.name, sensor.first)
    if quantity.endswith(_CUMULATIVE):
        return f"{label} +{text.labelled(sensor.name, sensor.last - sensor.first)[1]}"
    if sensor.lowest == sensor.highest:
        return f"{label} {first}"
    last, low, high = (text.labelled(sensor.name, value)[1] for value in (sensor.last, sensor.lowest, sensor.highest))
    return f"{label} {first} → {last} ({low} … {high})"
