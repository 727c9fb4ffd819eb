"""Agreement in words: one short figure for a table, and the lines below a failing test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_edgert.records import SEVERITY, Agreement, OutputAgreement, Plain, Verdict

#: How a figure is shown, the most telling first.
_FIGURES: tuple[tuple[str, str], ...] = (
    ("lsb", "{:.3g} LSB"),
    ("ulp", "{:.3g} ULP"),
    ("sqnr_db", "{:.0f} dB"),
    ("top1", "top-1 {:.3g}"),
    ("max_abs", "max {:.2g}"),
)
#: Outputs told in full below a failure; the rest are in the record.
_SHOWN = 6


def figure(agreements: Sequence[Agreement]) -> str:
    """Return the worst deciding figure of each question: ``implementation 1 LSB, port 38 dB``."""
    told = []
    for question in dict.fromkeys(one.question for one in agreements):
        asked = [one for one in agreements if one.question == question and one.decides]
        if asked:
            told.append(f"{question} {_short(max(asked, key=lambda one: SEVERITY.index(one.verdict)))}")
    return ", ".join(told)


def _short(agreement: Agreement) -> str:
    if not agreement.outputs:
        return agreement.verdict.value
    worst = max(agreement.outputs, key=lambda one: SEVERITY.index(one.verdict))
    return next(iter(_figures(worst)), worst.verdict.value)


def lines(agreements: Sequence[Agreement]) -> Iterator[str]:
    """Yield what each comparison found, deciding ones first, and each of its outputs."""
    for agreement in sorted(agreements, key=lambda one: not one.decides):
        beside = "" if agreement.decides else " (told beside it, does not decide)"
        yield (
            f"{agreement.question}, against {agreement.reference}, {agreement.n_feeds} inputs{beside}: "
            f"{agreement.verdict.value}{'' if agreement.outputs else f': {agreement.reason}'}"
        )
        for output in agreement.outputs[:_SHOWN]:
            yield from _output(output)
        if len(agreement.outputs) > _SHOWN:
            yield f"  and {len(agreement.outputs) - _SHOWN} more outputs"


def _output(output: OutputAgreement) -> Iterator[str]:
    told = "; ".join(_figures(output))
    yield f"  {output.output} = {output.reference_output} (by {output.matched_by}): {output.verdict.value} {told}".rstrip()
    if output.verdict is not Verdict.PASS:
        yield f"    {output.reason}"
        allowed = ", ".join(f"{name} {_plain(value)}" for name, value in output.tolerance.items())
        yield f"    allowed: {allowed} ({output.tolerance_reason}; from {output.tolerance_source})"
    for word, explanation in zip(("looks like", "or"), output.explanations, strict=False):
        yield f"    {word}: {explanation}"
    for note in output.notes:
        yield f"    {note}"


def _figures(output: OutputAgreement) -> list[str]:
    if output.figures.get("max_abs") == 0 and output.figures.get("n_finite") and output.verdict is Verdict.PASS:
        return ["equal"]
    found = {name: output.figures.get(name) for name, _ in _FIGURES}
    return [words.format(found[name]) for name, words in _FIGURES if isinstance(found[name], (int, float))]


def _plain(value: Plain) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
