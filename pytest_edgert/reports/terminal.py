"""The terminal's summary as lines of text: the matrix model × target, grouped skips, what did not run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_edgert.records import Cell, CheckRecord, Plain, Verdict, worst
from pytest_edgert.reports import beside_text, text
from pytest_edgert.reports.items import ItemOutcome, Outcome

#: Items named one by one before the rest is only counted.
_NAMED = 5
#: What is said of a check that has nothing to judge on an artefact.
NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary; `verdict` lets a terminal choose a colour."""

    text: str
    verdict: Verdict | None = None


def header_lines(
    *,
    device: str,
    facts: Mapping[str, Plain],
    runtimes: Mapping[str, str],
    threads: int | None,
    seed: int,
    gate_files: Sequence[str] = (),
) -> list[str]:
    """Return the header: the device, runtimes with versions, threads, seed and the gate files in use.

    Args:
        device: Id of the device's profile.
        facts: What the device says of itself and is worth a line: model, power mode.
        runtimes: Version by runtime; empty when none is installed.
        threads: Threads of CPU runtimes; None where the runtime chooses.
        seed: Seed of generated feeds.
        gate_files: Gate files that were found and are used.
    """
    told = ", ".join(text.reading(name, fact) for name, fact in facts.items() if fact not in (None, ""))
    engines = ", ".join(f"{name} {found}" for name, found in runtimes.items()) or "none installed"
    lines = [
        f"edgert: device {device}{f' ({told})' if told else ''}",
        f"edgert: runtimes {engines}; threads {'by the runtime' if threads is None else threads}; seed {seed}",
    ]
    return lines + [f"edgert: gate file {path}" for path in gate_files]


def summary_lines(records: Sequence[CheckRecord], items: Sequence[ItemOutcome], width: int) -> Iterator[Line]:
    """Yield the summary of a run: matrix, skips by what is missing, items not run, and how many ran.

    Args:
        records: What the checks left, in order.
        items: What became of every item on a cell.
        width: Columns of the terminal.
    """
    yield from matrix_lines(records, items, width)
    yield from told_lines(records)
    yield from skip_lines(items)
    yield from not_run_lines(items)
    yield from swallowed_lines(records, items)
    if items:
        yield Line(tally(items))


def matrix_lines(records: Sequence[CheckRecord], items: Sequence[ItemOutcome], width: int) -> Iterator[Line]:
    """Yield one table per model: a row per check, a column per cell, wrapped to the terminal's width."""
    entries = _entries(records, items)
    models = dict.fromkeys(cell.model for cell, _ in entries)
    for model in models:
        mine = {key: entry for key, entry in entries.items() if key[0].model == model}
        yield Line(f"{model}:")
        yield from _table(mine, width)


def told_lines(records: Sequence[CheckRecord]) -> Iterator[Line]:
    """Yield what a green run must say too: limits that were overridden, goldens that were recorded."""
    overridden = {note: None for one in records for note in one.notes if note.startswith("overrides ")}
    for note in overridden:
        yield Line(f"budget: {note}")
    for line in beside_text.told(records):
        yield Line(f"beside: {line}")
    for one in records:
        if one.check == "agreement" and one.verdict.green:
            for note in one.notes:
                yield Line(f"agreement: {note}")
        if one.check == "golden" and one.verdict is Verdict.MEASURED:
            yield Line(f"golden: {one.reason} Look at it before it is committed.")


def skip_lines(items: Sequence[ItemOutcome]) -> Iterator[Line]:
    """Yield the skips, one group per missing thing and remedy."""
    groups: dict[tuple[bool, str, str], int] = {}
    for item in items:
        if item.outcome is Outcome.SKIPPED:
            key = (item.applies, item.reason, item.remedy)
            groups[key] = groups.get(key, 0) + 1
    for (applies, reason, remedy), n in groups.items():
        yield Line(f"{Outcome.SKIPPED.value if applies else NOT_APPLICABLE} {n}: {reason}")
        if remedy:
            yield Line(f"    remedy: {remedy}")


def not_run_lines(items: Sequence[ItemOutcome]) -> Iterator[Line]:
    """Yield the items that were planned and never reported."""
    missing = [item for item in items if item.outcome is Outcome.NOTRUN]
    if not missing:
        return
    yield Line(f"NOTRUN {len(missing)}: {missing[0].reason}", Verdict.NOTRUN)
    for item in missing[:_NAMED]:
        yield Line(f"    {item.nodeid}", Verdict.NOTRUN)
    if len(missing) > _NAMED:
        yield Line(f"    and {len(missing) - _NAMED} more", Verdict.NOTRUN)


def swallowed_lines(records: Sequence[CheckRecord], items: Sequence[ItemOutcome]) -> Iterator[Line]:
    """Yield records that are not green although their test passed: someone caught the error."""
    passed = {item.nodeid for item in items if item.outcome is Outcome.PASSED}
    for record in records:
        if not record.verdict.green and record.nodeid in passed:
            yield Line(f"passed although a check ended {text.headline(record)}", record.verdict)


def tally(items: Sequence[ItemOutcome]) -> str:
    """Return how many tests met hardware, and how many did not and why."""
    nothing = sum(item.outcome is Outcome.SKIPPED and not item.applies for item in items)
    skipped = [item for item in items if item.outcome is Outcome.SKIPPED and item.applies]
    missing = [item for item in items if item.outcome is Outcome.NOTRUN]
    ran = len(items) - len(skipped) - len(missing) - nothing
    reasons = list(dict.fromkeys(item.reason for item in [*skipped, *missing] if item.reason))
    why = f" ({'; '.join(reasons[:3])}{' …' if len(reasons) > 3 else ''})" if reasons else ""
    told = f"hardware tests: ran {ran} / skipped {len(skipped)}"
    inapplicable = f" / {NOT_APPLICABLE} {nothing}" if nothing else ""
    return f"{told}{f' / not run {len(missing)}' if missing else ''}{inapplicable}{why}"


@dataclass(frozen=True, slots=True)
class _Entry:
    text: str
    verdict: Verdict | None


def _entries(records: Sequence[CheckRecord], items: Sequence[ItemOutcome]) -> dict[tuple[Cell, str], _Entry]:
    found: dict[tuple[Cell, str], list[CheckRecord]] = {}
    for record in records:
        found.setdefault((_column(record.cell), record.check), []).append(record)
    entries = {key: _entry(group) for key, group in found.items()}
    judged = {record.nodeid for record in records}
    for item in items:
        if item.cell is not None and item.nodeid not in judged and item.outcome is not Outcome.PASSED:
            word = item.outcome.value if item.verdict is None else item.verdict.value
            word = word if item.applies else NOT_APPLICABLE
            key = (_column(item.cell), item.check)
            entries.setdefault(key, _Entry("NOTRUN" if item.outcome is Outcome.NOTRUN else word, item.verdict))
    return entries


def _column(cell: Cell) -> Cell:
    return Cell(cell.model or cell.artefact, cell.artefact, "", cell.target)


def _entry(group: Sequence[CheckRecord]) -> _Entry:
    verdict = worst([record.verdict for record in group])
    shown = next(record for record in reversed(group) if record.verdict is verdict)
    times = f" ×{len(group)}" if len(group) > 1 else ""
    return _Entry(f"{verdict.value}{times} {text.figure(shown)}".strip(), verdict)


def _table(entries: Mapping[tuple[Cell, str], _Entry], width: int) -> Iterator[Line]:
    cells = list(dict.fromkeys(cell for cell, _ in entries))
    checks = list(dict.fromkeys(check for _, check in entries))
    label = max(map(len, checks)) + 2
    widths = {cell: _column_width(cell, entries) for cell in cells}
    for group in _fitting(cells, widths, width - label - 2):
        yield Line(_row("", (cell.artefact for cell in group), label, [widths[cell] for cell in group]))
        yield Line(_row("", (cell.target for cell in group), label, [widths[cell] for cell in group]))
        for check in checks:
            row = [entries.get((cell, check)) for cell in group]
            verdicts = [entry.verdict for entry in row if entry is not None and entry.verdict is not None]
            words = ("-" if entry is None else entry.text for entry in row)
            yield Line(
                _row(check, words, label, [widths[cell] for cell in group]), worst(verdicts) if verdicts else None
            )


def _column_width(cell: Cell, entries: Mapping[tuple[Cell, str], _Entry]) -> int:
    texts = [entry.text for (other, _), entry in entries.items() if other == cell]
    return max(map(len, [cell.artefact, cell.target, *texts])) + 2


def _fitting(cells: Iterable[Cell], widths: Mapping[Cell, int], width: int) -> Iterator[list[Cell]]:
    group: list[Cell] = []
    for cell in cells:
        if group and sum(widths[one] for one in group) + widths[cell] > width:
            yield group
            group = []
        group.append(cell)
    yield group


def _row(name: str, words: Iterable[str], label: int, widths: Sequence[int]) -> str:
    columns = "".join(word.ljust(width) for word, width in zip(words, widths, strict=True))
    return f"  {name.ljust(label)}{columns}".rstrip()
