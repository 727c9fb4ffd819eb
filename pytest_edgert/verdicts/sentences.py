"""Verdicts on latency in words: the reason and the remedy of a record, from the figures in it.

The figures themselves are in the record for reports to lay out; these sentences must be able to stand alone in an
assertion's message.
"""

from __future__ import annotations

from pytest_edgert.records import BudgetVerdict, Latency, LatencyPlan, Quantile, Verdict

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_DIGITS = range(3, 8)
#: An interval is written in the unit of its limit when the two are within this factor of each other.
_ALIKE = 100


def explain(verdict: Verdict, latency: Latency, plan: LatencyPlan, fewest_samples: int) -> tuple[str, str]:
    """Return (reason, remedy) of a verdict that is not INVALID; the remedy is empty when there is nothing to do.

    Args:
        verdict: The verdict over all budgets.
        latency: The record, as judged.
        plan: What was asked.
        fewest_samples: Samples that a verdict of either kind needs at least.
    """
    if verdict is Verdict.MEASURED:
        return _measured(latency), ""
    if verdict is Verdict.INCONCLUSIVE:
        return _inconclusive(latency, plan, fewest_samples)
    shown = [part for part in latency.budgets if part.verdict is verdict]
    reason = f"{'; '.join(map(_decided, shown))} ({_basis(latency)})"
    if verdict is Verdict.PASS:
        return reason, ""
    return reason, "Make the model faster on this target, choose another target or variant, or raise the budget."


def interval_text(quantile: Quantile, limit_s: float | None = None) -> str:
    """Return the interval of a percentile, such as "in [4.87, 5.09] ms"; digits enough to tell it from `limit_s`."""
    ends_s = [end for end in (quantile.low_s, quantile.high_s) if end is not None]
    if not ends_s:
        return "not bounded yet"
    alike = limit_s is not None and _ALIKE * quantile.value_s > limit_s > quantile.value_s / _ALIKE
    factor, unit = _unit(limit_s if limit_s is not None and alike else quantile.value_s)
    numbers = [_number(end, factor, limit_s) for end in ends_s]
    if len(numbers) == 2:
        return f"in [{numbers[0]}, {numbers[1]}] {unit}"
    return f"at {'most' if quantile.low_s is None else 'least'} {numbers[0]} {unit}"


def duration_text(seconds: float) -> str:
    """Return a duration of at least 0 in the unit that suits it, three digits: "4.87 ms"."""
    factor, unit = _unit(seconds)
    return f"{_number(seconds, factor, None)} {unit}"


def _decided(part: BudgetVerdict) -> str:
    side = "within" if part.verdict is Verdict.PASS else "beyond"
    limit_s = part.budget.limit_s
    return f"{part.budget.name} {interval_text(part.quantile, limit_s)}, {side} the budget of {duration_text(limit_s)}"


def _measured(latency: Latency) -> str:
    figures = [f"p{q.percentile:g} {duration_text(q.value_s)} {interval_text(q)}" for q in latency.quantiles]
    return f"{', '.join(figures) or 'too few samples for a percentile'} ({_basis(latency)})"


def _inconclusive(latency: Latency, plan: LatencyPlan, fewest_samples: int) -> tuple[str, str]:
    if latency.n < (plan.fixed_n or 0):
        why = f"only {latency.n} of the {plan.fixed_n} samples asked for"
        remedy = "Allow more time with --edge-max-time, or ask for fewer samples."
    elif latency.n < fewest_samples:
        why = f"too few samples: {latency.n} of at least {fewest_samples}"
        remedy = "Allow more time with --edge-max-time."
        if plan.fixed_n is not None:
            remedy = f"Ask for at least --edge-samples={fewest_samples}, or leave the number out."
    elif latency.span_s < plan.min_s:
        why = f"too short: the samples span {duration_text(latency.span_s)} of at least {duration_text(plan.min_s)}"
        remedy = "Allow more time with --edge-max-time."
    else:
        why = "too close to call"
        remedy = (
            "Allow more time with --edge-max-time or more samples, give the budget more room, or make the model faster."
        )
    return f"{why}: {'; '.join(map(_undecided, _open(latency)))} ({_basis(latency)})", remedy


def _open(latency: Latency) -> list[BudgetVerdict]:
    return [part for part in latency.budgets if part.verdict is Verdict.INCONCLUSIVE]


def _undecided(part: BudgetVerdict) -> str:
    limit_s = part.budget.limit_s
    return f"{part.budget.name} {interval_text(part.quantile, limit_s)} against {duration_text(limit_s)}"


def _basis(latency: Latency) -> str:
    worth = f", worth {latency.n_effective:.0f} independent ones" if latency.tau > 1.005 else ""
    return f"{latency.n} samples{worth}; stopped: {latency.stop_reason}"


def _unit(seconds: float) -> tuple[float, str]:
    return next(((factor, unit) for factor, unit in _UNITS if seconds >= factor), _UNITS[-1])


def _number(seconds: float, factor: float, limit_s: float | None) -> str:
    """Three digits, or as many as it takes for a number that is not the limit to look different from it."""
    texts = [_digits(seconds / factor, digits) for digits in _DIGITS]
    if limit_s is None or seconds == limit_s:
        return texts[0]
    return next((text for text in texts if float(text) != limit_s / factor), texts[-1])


def _digits(number: float, digits: int) -> str:
    """Return `digits` significant digits without an exponent and without padding beyond whole numbers."""
    text = f"{number:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text else text
