"""Compares runtimes on the same artefacts: every cell measured alone in fresh workers, one row for each.

Nothing is timed here: latency, memory and load are the checks of the gate without limits. All cells are weighed
first and timed after that, in an order drawn from the seed, so that a machine that warms up or is disturbed for a while
does not favour the target that happens to come first.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert.bench_records import BenchRow
from pytest_edgert.cold_path import check_load, check_memory
from pytest_edgert.errors import EdgertError
from pytest_edgert.latencies import check_latency
from pytest_edgert.records import BlockPlan, Cell, CheckRecord, Latency, Placement
from pytest_edgert.sessions import SessionPlan, SessionPool

if TYPE_CHECKING:
    from pytest_edgert.tensors import Signature

#: Names of floating-point types as runtimes tell them.
_FLOATS = {"f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16"}
#: Types of eight-bit nodes, as OpenVINO's runtime graph names them.
_EIGHT_BITS = ("i8", "u8")
#: Precision of an artefact whose runtime does not say whether it is quantised inside.
NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell to be compared: what to open, or why nothing can be opened.

    Args:
        cell: The artefact and the target.
        plan: What to open; None where `problem` says why not.
        problem: What is wrong with the cell.
    """

    cell: Cell
    plan: SessionPlan | None = None
    problem: EdgertError | None = None


def measure_entries(pool: SessionPool, entries: Sequence[Entry]) -> tuple[BenchRow, ...]:
    """Return a row for each entry, in their order; a cell that cannot run has its reason in its row."""
    rows = []
    for number, entry in enumerate(entries, start=1):
        pool.run.progress(
            f"cell {number} of {len(entries)}: memory and load of {entry.cell.artefact} on {entry.cell.target}"
        )
        rows.append(_weigh(pool, entry))
    pool.run.progress("")
    for index in timing_order(len(entries), pool.run.seed):
        rows[index] = _time(pool, entries[index], rows[index])
    return tuple(rows)


def timing_order(count: int, seed: int) -> list[int]:
    """Return the order in which `count` cells are timed, drawn from the seed."""
    order = list(range(count))
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    return order


def _weigh(pool: SessionPool, entry: Entry) -> BenchRow:
    """Return the row of a cell with everything but its latency; one that cannot be opened keeps its reason."""
    row = BenchRow(entry.cell)
    if entry.plan is None:
        return _failed(row, entry.problem or EdgertError("Nothing was planned for it."))
    row = replace(row, options=dict(entry.plan.options))
    try:
        row = _described(pool, entry.plan, row)
        session = pool.session(entry.plan)
        memory, load = check_memory(session), check_load(session)
    except EdgertError as error:
        return _failed(row, error)
    row = replace(
        row,
        peak_memory_bytes=_amount(memory, "peak"),
        cold_load_s=_amount(load, "cold"),
        first_s=_amount(load, "first"),
    )
    return _with_reason(_with_reason(row, memory), load)


def _described(pool: SessionPool, plan: SessionPlan, row: BenchRow) -> BenchRow:
    """Return the row with what the runtime tells of the artefact, opened once in a worker that ends at once."""
    with pool.private(plan) as session:
        return replace(
            row,
            precision=precision_of(session.signature, session.placement),
            runtime_version=session.runtime_version,
        )


def _time(pool: SessionPool, entry: Entry, row: BenchRow) -> BenchRow:
    """Return the row with its latency; left as it is where the cell cannot be opened."""
    if entry.plan is None or not row.precision:
        return row
    try:
        record = check_latency(pool.session(entry.plan))
    except EdgertError as error:
        return _failed(row, error)
    power = None if record.latency is None else power_beside(pool, record.latency)
    row = replace(row, power_w=None if power is None else power[0])
    return _with_reason(replace(row, latency=record.latency, conditions=record.conditions), record)


def power_beside(pool: SessionPool, latency: Latency) -> tuple[float, tuple[str, ...]] | None:
    """Return the mean watts while latency was measured and the sensors that told it; None where none did.

    From the readings kept beside the raw samples, by the rule of the check of energy.
    """
    from pytest_edgert.job.energy import sources_of
    from pytest_edgert.measure.samples import read_samples
    from pytest_edgert.verdicts.energy import mean_power_w

    samples = read_samples(Path(latency.samples_path))
    sources = sources_of(BlockPlan(sensors=pool.run.power_sensors), samples.series.names)
    if sources.problem or not len(samples.starts_ns):
        return None
    power_w = mean_power_w(samples.series, sources.names, int(samples.starts_ns[0]))
    return None if power_w is None else (power_w, sources.names)


def meter_of(pool: SessionPool, rows: Sequence[BenchRow]) -> str:
    """Return the sensors that told the power of a row; empty where no row has one."""
    told = (power_beside(pool, row.latency) for row in rows if row.power_w is not None and row.latency is not None)
    return next((", ".join(found[1]) for found in told if found is not None), "")


def precision_of(signature: Signature, placement: Placement) -> str:
    """Return what a session computes in: "int8", "float32", …; "int8 as float32" where the runtime undoes quantisation.

    A quantised artefact is called by the type of its quantised inputs and outputs, int8 where they are float; where
    the runtime tells what it computes the rest in, that is added: "int8 and bfloat16".
    `NOT_TOLD` where the runtime does not say whether the artefact is quantised.
    """
    computed = _float_type(signature, placement)
    quantized = _is_quantized(signature, placement)
    if quantized is None:
        return NOT_TOLD
    if not quantized:
        return computed
    integers = [spec.dtype for spec in (*signature.inputs, *signature.outputs) if spec.quantization is not None]
    stored = integers[0] if integers else "int8"
    if placement.detail.get("low_precision") is False:
        return f"{stored} as {computed}"
    return f"{stored} and {computed}" if placement.detail.get("precision") else stored


def _is_quantized(signature: Signature, placement: Placement) -> bool | None:
    if any(spec.quantization is not None for spec in (*signature.inputs, *signature.outputs)):
        return True
    nodes = placement.detail.get("node_precisions")
    if signature.quantized is None and nodes:
        return any(word in _EIGHT_BITS for word in str(nodes).split())
    return signature.quantized


def _float_type(signature: Signature, placement: Placement) -> str:
    """Return the type of float operators as the runtime tells it, else that of the first float input or output."""
    told = str(placement.detail.get("precision") or "")
    if told:
        return _FLOATS.get(told, told)
    types = [spec.dtype for spec in (*signature.inputs, *signature.outputs)]
    return next((dtype for dtype in types if "float" in dtype), types[0] if types else NOT_TOLD)


def _amount(record: CheckRecord, name: str) -> float | None:
    return next((amount.value for amount in record.amounts if amount.name == name), None)


def _with_reason(row: BenchRow, record: CheckRecord) -> BenchRow:
    """Return the row with the reason of a check that found no figure; the first reason stays."""
    if record.verdict.green or row.reason:
        return row
    return replace(row, reason=f"{record.verdict.value}: {record.check}: {record.reason}", remedy=record.remedy)


def _failed(row: BenchRow, error: EdgertError) -> BenchRow:
    return row if row.reason else replace(row, reason=error.message, remedy=error.remedy)
