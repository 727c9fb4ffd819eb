"""A comparison as a record: plain values that survive JSON."""

from __future__ import annotations

from pytest_edgert.agreement.explain.words import sentence
from pytest_edgert.agreement.outcome import Comparison, OutputComparison
from pytest_edgert.records import Agreement, OutputAgreement, Plain

#: Explanations that a record holds of one output: the best, and what else it may be.
TOLD = 2


def told(compared: Comparison, question: str, reference: str, n_feeds: int) -> Agreement:
    """Return the record of a comparison."""
    outputs = tuple(_told_output(output) for output in compared.outputs)
    return Agreement(question, reference, compared.verdict, compared.reason, outputs, n_feeds)


def _told_output(output: OutputComparison) -> OutputAgreement:
    tolerance = output.tolerance
    return OutputAgreement(
        output.pair.left,
        output.pair.right,
        str(output.pair).partition("(by ")[2].rstrip(")"),
        output.verdict,
        output.reason,
        _figures(output),
        {name: getattr(tolerance, name) for name in tolerance.gates} | {"nan": tolerance.nan.value},
        tolerance.reason,
        tolerance.source,
        output.broken,
        output.notes,
        tuple(sentence(one) for one in output.explanations[:TOLD]),
    )


def _figures(output: OutputComparison) -> dict[str, Plain]:
    figures: dict[str, Plain] = {}
    if output.distance is not None:
        told = (
            "n",
            "n_finite",
            "max_abs",
            "max_rel",
            "sqnr_db",
            "cosine",
            "norm_ratio",
            "beyond",
            "nan_mismatch",
            "inf_mismatch",
        )
        figures = {name: getattr(output.distance, name) for name in told}
    if output.lsb is not None:
        figures |= {"lsb": output.lsb.maximum, "over_one_share": output.lsb.over_one_share, "bias_lsb": output.lsb.mean}
    if output.ulp is not None:
        figures["ulp"] = output.ulp.maximum
    if output.top1 is not None:
        figures |= {"top1": output.top1.share, "near_ties": output.top1.excused}
    if output.n_margins:
        figures["margin_n"] = output.n_margins
    return figures | {f"margin_{key}": value for key, value in output.margins.items()}
