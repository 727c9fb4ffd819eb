"""The check of a quantised artefact's grids: what its file says of them, and what rounding onto them costs.

The file is read, and its feeds are run through the exact oracle, in a worker; the cell's own runtime is not asked, for
grids are the artefact's. `docs/quantization.md` has the formulas and where the limits come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_edgert.checks import Limit, limited
from pytest_edgert.errors import EdgertError, NotApplicableError, UnreadGridsError, UnsupportedModelError, UsageError
from pytest_edgert.harness import Finding, run_check
from pytest_edgert.panel import ORACLE
from pytest_edgert.quantization_doubts import doubts_of
from pytest_edgert.records import Amount, CheckRecord, QuantizationReading, TensorHealth, Verdict, worst
from pytest_edgert.sessions import FEED_SETS, EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.panel import Panel
    from pytest_edgert.tensors import Array

#: Figures by the key of a gate file that limits them, with their unit.
FIGURES: Mapping[str, str] = {
    "rmse": "ratio",
    "clipped": "share",
    "unused": "share",
    "dead": "count",
    "constant": "count",
}
#: Figures that are counted together; of the others the worst tensor tells.
_COUNTED = ("dead", "constant")
#: Tells the stream of feeds from other streams of one seed.
_STREAM = 0x9A


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found of an artefact's grids.

    Args:
        tensors: Each quantised tensor.
        fed: What the oracle was run on, in words; empty where it was not.
        real: Whether that were recorded samples.
        silent: Why the oracle was not run; empty where it was.
        unread: Quantised operators that are not looked into.
    """

    tensors: tuple[TensorHealth, ...]
    fed: str = ""
    real: bool = False
    silent: str = ""
    unread: tuple[str, ...] = ()


def check_quantization(session: EdgeSession, panel: Panel, limits: Mapping[str, Limit] | None = None) -> CheckRecord:
    """Judge the grids of a session's artefact.

    Args:
        session: The cell.
        panel: Who may be asked about it; only the exact oracle is.
        limits: By a name of `FIGURES`; without any, what is not wrong is only measured.

    Raises:
        NotApplicableError: The artefact is not quantised, or of a format that is not read.
        TargetMissingError: What reads the file is not installed.
    """
    return run_check("quantization", session, lambda: _find(session, oracle_of(panel), limits or {}))


def oracle_of(panel: Panel) -> EdgeSession | None:
    """Return the oracle's session of a panel, None where it does not read the artefact."""
    return next((one for one in panel.witnesses if one.target.runtime == ORACLE), None)


def _find(session: EdgeSession, oracle: EdgeSession | None, limits: Mapping[str, Limit]) -> Finding:
    name = session.plan.artefact.path.name
    if oracle is None:
        return _unread(session, limits, f"quantization reads .onnx and .tflite files, and {name} is neither")
    seen = oracle.pool.quantization.get(oracle.plan)
    if seen is None:
        try:
            seen = oracle.pool.quantization[oracle.plan] = look_at(oracle)
        except UnsupportedModelError as error:
            return _unread(session, limits, f"The grids of {name} cannot be read: {error.message.rstrip('.')}")
    return judge_grids(seen, limits)


def _unread(session: EdgeSession, limits: Mapping[str, Limit], words: str) -> Finding:
    """Return that limits cannot be judged on a quantised file that is not read; without limits it is a skip."""
    signature = session.signature
    on_grids = any(spec.quantization for spec in (*signature.inputs, *signature.outputs))
    if not signature.quantized and not on_grids:
        raise NotApplicableError(f"{words}.")
    if limits:
        reason = f"{words}. It is quantised, and limits were given."
        return Finding(Verdict.INCONCLUSIVE, reason, "Judge an .onnx or .tflite file of it that the reference reads.")
    raise UnreadGridsError(f"{words}. It is quantised, and nobody looked at its grids.")


def look_at(oracle: EdgeSession) -> Seen:
    """Return what an artefact's file and a run of the oracle tell of its grids.

    Raises:
        UnsupportedModelError: The file cannot be read.
        NotApplicableError, TargetMissingError: As `check_quantization`.
    """
    pool, path = oracle.pool, oracle.plan.artefact.path
    pool.lock.share()
    adapter = pool.adapter(oracle.target.runtime)
    reading = pool.worker(oracle.plan).read_quantization(adapter, path, timeout_s=pool.deadlines.open_s)
    if not reading.quantized:
        raise NotApplicableError(f"{path.name} is not quantised: no tensor of it lies on an integer grid.")
    try:
        feeds, fed = _feeds(oracle, reading)
        opened = oracle.open()
        found = oracle.worker.watch_quantization(opened.session_id, feeds, idle_timeout_s=pool.deadlines.infer_s)
    except UsageError:
        raise
    except EdgertError as error:
        return Seen(reading.tensors, silent=error.message, unread=reading.unread)
    return Seen(joined(reading.tensors, found), fed, bool(oracle.plan.samples), unread=reading.unread)


def _feeds(oracle: EdgeSession, reading: QuantizationReading) -> tuple[list[dict[str, Array]], str]:
    """Return feeds and what they are; without samples, noise over the range of each grid that an input goes onto."""
    import numpy as np

    feeds = oracle.feed_sets()
    if oracle.plan.samples:
        return feeds, f"{len(feeds)} recorded sample{'' if len(feeds) == 1 else 's'}"
    for turn, one in enumerate(feeds):
        draw = np.random.default_rng([oracle.pool.run.seed, _STREAM, turn])
        for name, (low, high) in reading.input_ranges.items():
            if name in one and one[name].dtype.kind == "f":
                one[name] = draw.uniform(low, high, one[name].shape).astype(one[name].dtype)
    return feeds, f"{FEED_SETS} sets of seeded noise"


def joined(told: Sequence[TensorHealth], seen: Sequence[TensorHealth]) -> tuple[TensorHealth, ...]:
    """Return each tensor once, with what its file tells and what was seen of it."""
    figures = {one.name: one for one in seen}
    both = [_with_figures(one, figures.pop(one.name, None)) for one in told]
    return (*both, *figures.values())


def _with_figures(told: TensorHealth, seen: TensorHealth | None) -> TensorHealth:
    if seen is None:
        return told
    return replace(
        seen, role=told.role, dtype=told.dtype, scales=told.scales, scale_min=told.scale_min,
        scale_max=told.scale_max, faults=told.faults,
    )  # fmt: skip


def judge_grids(seen: Seen, limits: Mapping[str, Limit]) -> Finding:
    """Return what was found as a finding: what cannot be right FAILs always, figures only against limits."""
    faulty = [one for one in seen.tensors if one.faults]
    amounts = [limited(one, limits.get(one.name)) for one in _amounts(seen.tensors)]
    if faulty:
        amounts.insert(0, Amount("defects", float(sum(len(one.faults) for one in faulty)), "count", 0.0))
    lacking = [key for key in limits if key not in {one.name for one in amounts}]
    verdict = worst([one.verdict for one in amounts] + [Verdict.INCONCLUSIVE for _ in lacking])
    return Finding(
        verdict,
        _reason(seen, faulty, amounts, lacking),
        _remedy(verdict, faulty, seen),
        amounts=tuple(amounts),
        quantization=seen.tensors,
        doubts=doubts_of(seen.tensors, real=seen.real),
        notes=tuple(_notes(seen)),
    )


def _amounts(tensors: Sequence[TensorHealth]) -> list[Amount]:
    """Return the figures of the whole artefact, those left out that no tensor has."""
    found = []
    for key, unit in FIGURES.items():
        values = [value for one in tensors if (value := getattr(one, key)) is not None]
        if values:
            found.append(Amount(key, float(sum(values) if key in _COUNTED else max(values)), unit))
    return found


def worst_of(tensors: Sequence[TensorHealth], key: str) -> TensorHealth:
    """Return the tensor with the largest figure of a name of `FIGURES`; one that has it must be there."""
    return max(tensors, key=lambda one: -1.0 if getattr(one, key) is None else float(getattr(one, key)))


def _reason(seen: Seen, faulty: Sequence[TensorHealth], amounts: Sequence[Amount], lacking: Sequence[str]) -> str:
    if faulty:
        told = [f"{one.role} {one.label}: {fault}" for one in faulty for fault in one.faults]
        return f"{'; '.join(told[:3])}{f'; and {len(told) - 3} more' if len(told) > 3 else ''}."
    beyond = [one for one in amounts if one.verdict is Verdict.FAIL]
    if not beyond and lacking:
        return f"Nothing tells {', '.join(lacking)}: {seen.silent or 'no tensor of the artefact has it.'}"
    shown = beyond or [one for one in amounts if one.value]
    worst_ones = ", ".join(_at_worst(one, seen.tensors) for one in shown)
    on = f" on {seen.fed}" if seen.fed else ", by the file alone"
    count = f"{len(seen.tensors)} quantised tensors{on}"
    if beyond:
        return f"{count}: beyond the limit are {worst_ones}."
    return f"{count}{f', the worst {worst_ones}' if worst_ones else ''}."


def _at_worst(amount: Amount, tensors: Sequence[TensorHealth]) -> str:
    value = f"{amount.value:.3g}" if amount.unit != "share" else f"{amount.value * 100:.3g} %"
    where = "most in" if amount.name in _COUNTED else "at"
    return f"{amount.name} {value} {where} {worst_of(tensors, amount.name).label}"


def _remedy(verdict: Verdict, faulty: Sequence[TensorHealth], seen: Seen) -> str:
    if verdict.green:
        return ""
    if faulty:
        return "Quantise and convert it again; a grid like that was edited by hand or calibrated on nothing."
    real = "" if seen.real else 'Give real inputs (inputs = { samples = "samples/*.npz" } in a gate file). '
    return f"{real}Calibrate on inputs as they are in the field, or give the tensor that is named more bits."


def _notes(seen: Seen) -> list[str]:
    notes = []
    if seen.silent:
        notes.append(f"judged by the file alone, without RMSE and clipping: {seen.silent}")
    elif not seen.real:
        notes.append(f"the oracle ran on {seen.fed}: clipping and RMSE of real inputs can be smaller")
    if seen.unread:
        notes.append(f"not looked into: {', '.join(seen.unread)}")
    return notes
