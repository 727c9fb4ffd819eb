"""What JUnit carries of records: properties of plain values, the verdict first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_edgert.records import CheckRecord, worst
from pytest_edgert.reports import soak_text

#: Name of the property that holds the verdict's word.
VERDICT = "edgert.verdict"


def properties(records: Sequence[CheckRecord]) -> Iterator[tuple[str, str | int | float]]:
    """Yield name and value of each property of a test; figures in SI units, those of the last record of a name.

    Plain str, int and float only: any other type there ends a run of pytest-xdist.
    """
    if not records:
        return
    yield VERDICT, worst([record.verdict for record in records]).value
    last = records[-1]
    yield "edgert.check", last.check
    yield "edgert.model", last.cell.model
    yield "edgert.artefact", last.cell.artefact
    yield "edgert.target", last.cell.target
    yield from _figures(records).items()


def _figures(records: Sequence[CheckRecord]) -> dict[str, str | int | float]:
    found: dict[str, str | int | float] = {}
    for record in records:
        if record.latency is not None:
            found["edgert.n"] = record.latency.n
            found.update({f"edgert.p{q.percentile:g}_s": float(q.value_s) for q in record.latency.quantiles})
            if record.latency.arrival != "closed":
                found.update({"edgert.arrival": record.latency.arrival, "edgert.queue": record.latency.queue})
                service = record.latency.service
                found.update({f"edgert.service_p{q.percentile:g}_s": float(q.value_s) for q in service})
        if record.soak is not None:
            found.update(soak_text.properties(record.soak))
        found.update({f"edgert.{record.check}.{one.name}_{one.unit}": float(one.value) for one in record.amounts})
    return found
