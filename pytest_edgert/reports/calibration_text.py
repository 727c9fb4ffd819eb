"""What a calibration showed, as TOML to paste into a gate file: the widest margins of each output, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_edgert.records import CheckRecord, OutputAgreement

_PREFIX = "margin_"
#: Keys whose smaller number is looser.
_FLOORS = ("sqnr", "top1", "cosine")
#: Figures whose quantile is p99.9 from so many elements on, else their largest.
_LEAST = 1000
#: Fields of a tolerance by the keys of a gate file, where they differ.
_FIELDS = {"sqnr": "sqnr_db", "over_one": "over_one_share", "bias": "bias_lsb", "atol": "atol_rms"}


@dataclass(frozen=True, slots=True)
class _Seen:
    """One output of one deciding comparison, with the record that it is from."""

    record: CheckRecord
    reference: str
    n_feeds: int
    output: OutputAgreement

    @property
    def margins(self) -> dict[str, float]:
        """The margins by key; none where nothing could be taken."""
        return {
            name.removeprefix(_PREFIX): float(value)
            for name, value in self.output.figures.items()
            if name.startswith(_PREFIX) and name != f"{_PREFIX}n" and value is not None
        }

    @property
    def refused(self) -> bool:
        """Whether nothing was to be taken from it."""
        return any(note.startswith("calibration: refused") for note in self.output.notes)

    def has(self, key: str) -> bool:
        """Return whether a key judges this output: it has a margin, or a gate of it that showed no error."""
        return key in self.margins or bool({key, _FIELDS.get(key)} & set(self.output.tolerance))

    @property
    def n(self) -> int:
        """Elements that the margins came from."""
        return int(self.output.figures.get(f"{_PREFIX}n") or 0)

    @property
    def told(self) -> str:
        """The cell, as a comment names it."""
        return f"{self.record.cell.artefact} on {self.record.cell.target} against {self.reference}"


def calibration_lines(records: Sequence[CheckRecord]) -> Iterator[str]:
    """Yield TOML: for each model, question and output the widest margins of all its cells, what gave them as comments.

    Args:
        records: Of a run that was a calibration, all checks.
    """
    found = [record for record in records if record.check == "agreement"]
    if not found:
        yield "# calibration: no agreement check ran, there is nothing to freeze"
    for model in dict.fromkeys(record.cell.model for record in found):
        mine = [record for record in found if record.cell.model == model]
        yield f"# {model}: paste into its gate file; where that has agreement = {{ … }}, write it as a table [agreement]"
        groups: dict[tuple[str, str], list[_Seen]] = {}
        for seen, question in _deciding(mine):
            groups.setdefault((question, seen.output.output), []).append(seen)
        for (question, output), group in groups.items():
            yield from _table(question, output, group)
        yield from _silent(mine)


def _deciding(records: Sequence[CheckRecord]) -> Iterator[tuple[_Seen, str]]:
    for record in records:
        for agreement in record.agreement:
            if agreement.decides:
                for output in agreement.outputs:
                    yield _Seen(record, agreement.reference, agreement.n_feeds, output), agreement.question


def _silent(records: Sequence[CheckRecord]) -> Iterator[str]:
    """Yield the cells that compared nothing, and why."""
    for record in records:
        if not any(agreement.outputs for agreement in record.agreement if agreement.decides):
            yield f"# refused: {record.cell.artefact} on {record.cell.target}: {_one_line(record.reason)}"


def _table(question: str, output: str, group: Sequence[_Seen]) -> Iterator[str]:
    usable = [seen for seen in group if seen.margins]
    for seen in group:
        yield from _comments(seen)
    if not usable:
        return
    sound = [seen for seen in group if not seen.refused]
    keys = dict.fromkeys(key for seen in usable for key in seen.margins)
    kept = {key: _widest(key, usable) for key in keys if all(seen.has(key) for seen in sound)}
    if not kept:
        return
    yield f"[agreement.{question}.outputs.{json.dumps(output, ensure_ascii=False)}]"
    for key, value in kept.items():
        yield f"{key} = {value!r}"
    yield f"reason = {json.dumps(_reason(usable), ensure_ascii=False)}"
    left = [key for key in keys if key not in kept]
    if left:  # to the cells that lack them they would be new gates
        yield f"# left at their defaults, for not every cell has them: {', '.join(left)}"


def _widest(key: str, group: Sequence[_Seen]) -> float:
    return (min if key in _FLOORS else max)(seen.margins[key] for seen in group if key in seen.margins)


def _comments(seen: _Seen) -> Iterator[str]:
    notes = [note.removeprefix("calibration: ") for note in seen.output.notes if note.startswith("calibration: ")]
    refused = [note for note in notes if seen.refused]
    values = ", ".join(f"{key} {value:g}" for key, value in seen.margins.items())
    what = refused[0] if refused else values or "no error to freeze"
    yield f"# {_one_line(seen.told)}: {seen.output.verdict.value}; {_one_line(what)}"
    for note in notes:
        if note.startswith("the largest error"):
            yield f"#   {note}: look at it before you freeze this"
    if not seen.output.verdict.green and seen.margins:
        yield f"#   why it failed: {_one_line(seen.output.reason)}"


def _reason(group: Sequence[_Seen]) -> str:
    first = group[0].record
    devices = dict.fromkeys(one.record.environment.device for one in group if one.record.environment is not None)
    runtimes = dict.fromkeys(_runtime(one.record) for one in group)
    least, feeds = min(one.n for one in group), min(one.n_feeds for one in group)
    failed = ", ".join(dict.fromkeys(one.record.cell.target for one in group if not one.output.verdict.green))
    how = f"the largest of {least} elements, too few for p99.9" if least < _LEAST else f"p99.9 of {least} elements"
    return (
        f"calibrated {first.started_utc[:10]} on {', '.join(devices) or 'this machine'}: 2 times {how}, {feeds} feeds;"
        f" {', '.join(runtimes)}{f'; failed until then: {failed}' if failed else ''}"
    )


def _runtime(record: CheckRecord) -> str:
    version = record.environment.runtime_version if record.environment is not None else ""
    return f"{record.cell.target} {version}".rstrip()


def _one_line(text: str) -> str:
    """Return a text that cannot end a comment."""
    return " ".join(text.split())
