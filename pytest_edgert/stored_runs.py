"""Stored runs as baselines: which record of an earlier run is the same cell, and what makes it no baseline here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.errors import EdgertError, NotRunError
from pytest_edgert.records import Cell, CheckRecord, Environment, Latency, Plain

if TYPE_CHECKING:
    from pytest_edgert.measure.samples import LatencySamples

#: Facts of a device that move latency: figures of two machines that differ in one are not compared.
_FACTS = (
    "arch",
    "board",
    "cpu_model",
    "cpu_features",
    "cores_usable",
    "cores_quota",
    "governor",
    "frequency_max_hz",
    "power_mode",
    "virtualised",
)
#: Conditions that someone has set, which were read beside a measurement.
_SET = ("governor", "power_mode")
_REMEDY = (
    "Record the stored run again under these conditions with --edge-json, or name the baseline artefact itself, "
    "which is then measured here."
)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """The records of an earlier run and the document they lie in."""

    path: Path
    records: tuple[CheckRecord, ...]


def record_of(run: StoredRun, cell: Cell) -> CheckRecord:
    """Return the latency record of the same model, artefact name and target; the last where there are several.

    Raises:
        NotRunError: There is none, or it is no sound measurement.
    """
    mine = [
        record
        for record in run.records
        if record.latency is not None
        and (record.cell.model, record.cell.artefact, record.cell.target) == (cell.model, cell.artefact, cell.target)
    ]
    asked = f"latency of {cell.artefact} on {cell.target} (model {cell.model})"
    if not mine:
        held = sorted({f"{one.cell.artefact} on {one.cell.target}" for one in run.records if one.latency is not None})
        told = f"It has: {', '.join(held[:5])}{' …' if len(held) > 5 else ''}." if held else "It has no latency at all."
        raise NotRunError(f"{run.path} holds no {asked}. {told}", _REMEDY)
    found = mine[-1]
    if not found.verdict.green:
        raise NotRunError(f"The {asked} in {run.path} ended {found.verdict.value}: {found.reason}", _REMEDY)
    return found


def refuse_other_conditions(
    run: StoredRun, stored: CheckRecord, here: Environment, conditions: Mapping[str, Plain]
) -> None:
    """Raise NotRunError, which names both, where a stored record was made under conditions that are not these."""
    differing = list(_differences(stored, here, conditions))
    if differing:
        told = "; ".join(f"{name} {_shown(before)} there and {_shown(now)} here" for name, before, now in differing)
        raise NotRunError(f"{run.path} was recorded under other conditions: {told}.", _REMEDY)


def _differences(
    stored: CheckRecord, here: Environment, conditions: Mapping[str, Plain]
) -> Iterator[tuple[str, object, object]]:
    """Give name, stored and present value of everything that moves latency and differs."""
    made = stored.environment
    if made is None:
        yield "environment", None, here.device
        return
    pairs: list[tuple[str, object, object]] = [
        ("device", made.device, here.device),
        ("runtime version", made.runtime_version, here.runtime_version),
        *(
            (f"option {name}", made.options.get(name), here.options.get(name))
            for name in {*made.options, *here.options}
        ),
        *((name, made.device_facts.get(name), here.device_facts.get(name)) for name in _FACTS),
        *((f"{name} meanwhile", stored.conditions.get(name), conditions.get(name)) for name in _SET),
        ("arrival of requests", stored.latency.arrival if stored.latency else "", "closed"),
    ]
    yield from (pair for pair in pairs if pair[1] != pair[2])


def _shown(value: object) -> str:
    return "not told" if value is None else repr(value) if isinstance(value, str) else str(value)


def samples_of(run: StoredRun, latency: Latency) -> LatencySamples:
    """Return the raw samples of a stored record: at its path, else beside the document, where both were moved.

    Raises:
        NotRunError: The file is missing, is not the one that was recorded, or cannot be read.
    """
    from pytest_edgert.measure.samples import read_samples

    recorded = Path(latency.samples_path)
    places = [place for place in (recorded, run.path.parent / recorded.name) if place.is_file()]
    if not latency.samples_path or not places:
        raise NotRunError(
            f"The raw samples that {run.path} names are not there: {latency.samples_path or 'no file is named'}.",
            "Keep .edgert/runs with the document, or put the file beside it.",
        )
    place = places[0]
    if _hash(place) != latency.samples_sha256:
        raise NotRunError(f"{place} is not the file of samples that {run.path} was written with.", _REMEDY)
    try:
        return read_samples(place)
    except EdgertError as error:
        raise NotRunError(f"The raw samples of {run.path} cannot be read: {error}", _REMEDY) from error


def _hash(path: Path) -> str:
    """Return the SHA-256 of a file in hex; empty, which equals none, where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
