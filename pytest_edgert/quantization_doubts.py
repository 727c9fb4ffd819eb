"""Signs of poor health in an artefact's grids that are no error: each as a sentence with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pytest_edgert.records import Doubt, TensorHealth

#: RMSE/scale beyond which a grid does not fit its numbers; rounding alone gives 1/√12 = 0.289. The debugger of
#: TensorFlow Lite looks into layers beyond 0.7; a mean square of 1/4 instead of 1/12 is clipping already.
RMSE_LIMIT = 0.5
#: Share of clipped numbers that is told: ten times what a calibration by the 99.9th percentile cuts off on purpose.
CLIPPED_LIMIT = 0.01
#: Largest over smallest scale of one weight that is told. Grids of 8 bits span 127, and filters that differ by more
#: happen; at 10,000 a filter's largest weight is a hundredth of another one's smallest step.
RATIO_LIMIT = 1e4
#: Scales that no signal has: spurious ones of 1e36 are known (https://github.com/tensorflow/tensorflow/pull/62604).
ODD_SCALES = (1e-30, 1e30)
#: What an int32 accumulator holds.
ACCUMULATOR_LIMIT = 2.0**31 - 1
#: Tensors that a sentence names.
_NAMED = 3

_NOISE = "Give real inputs first (inputs.samples of a gate file). "
_CALIBRATE = "Calibrate on inputs as they are in the field, or by a percentile nearer to 100 %."


def doubts_of(tensors: Sequence[TensorHealth], *, real: bool) -> tuple[Doubt, ...]:
    """Return the signs against an artefact's grids.

    Args:
        tensors: Each quantised tensor.
        real: Whether figures come from recorded samples; constant channels are told only then.
    """
    return tuple(_doubts(tensors, real=real))


def _doubts(tensors: Sequence[TensorHealth], *, real: bool) -> Iterator[Doubt]:
    first, remedy = ("", _CALIBRATE) if real else ("on seeded noise, ", _NOISE + _CALIBRATE)
    rough = _beyond(tensors, lambda one: one.rmse, RMSE_LIMIT)
    if rough:
        told = _named(rough, lambda one: f"{one.rmse:.3g}")
        yield Doubt(
            "rmse", f"{first}RMSE/scale beyond {RMSE_LIMIT:g}, where rounding alone makes 0.289: {told}", remedy
        )
    clipped = _beyond([one for one in tensors if one.role != "bias"], lambda one: one.clipped, CLIPPED_LIMIT)
    if clipped:
        told = _named(clipped, lambda one: _percent(one.clipped))
        yield Doubt(
            "clipped", f"{first}more than {_percent(CLIPPED_LIMIT)} of the numbers lie beyond the grid: {told}", remedy
        )
    cut = _beyond(tensors, lambda one: one.cut, 0.0)
    if cut:
        told = _named(cut, lambda one: _percent(one.cut))
        yield Doubt(
            "cut",
            f"numbers below the zero (or above the six) at which a grid ends are cut off, and not counted as clipped: {told}",
            "Right where a Relu or Relu6 was folded into the grid, as exporters do; else the zero point is wrong.",
        )
    yield from _of_weights(tensors)
    constant = _beyond(tensors if real else (), lambda one: one.constant, 0)
    if constant:
        told = _named(constant, lambda one: f"{one.constant} of {one.channels}")
        yield Doubt(
            "constant", f"output channels have one value for every sample: {told}", "Prune them, or train again."
        )


def _of_weights(tensors: Sequence[TensorHealth]) -> Iterator[Doubt]:
    dead = _beyond([one for one in tensors if one.role == "weight"], lambda one: one.dead, 0)
    if dead:
        told = _named(dead, lambda one: f"{one.dead} of {one.channels}")
        yield Doubt(
            "dead", f"filters have nothing but zeros: {told}", "Prune them, or look whether they were alive before."
        )
    full = _beyond([one for one in tensors if one.role == "bias"], lambda one: one.clipped, 0.0)
    if full:
        told = _named(full, lambda one: _percent(one.clipped))
        yield Doubt(
            "bias-rails",
            f"biases lie on the rails of int32: {told}",
            "Their filters' scales are too small: calibrate again.",
        )
    high = _beyond(tensors, lambda one: one.reach, ACCUMULATOR_LIMIT)
    if high:
        told = _named(high, lambda one: f"{one.reach:.3g}")
        yield Doubt(
            "accumulator",
            f"sums of products could leave int32: {told}",
            "Runtimes wrap or saturate there: split the layer.",
        )
    uneven = _beyond(tensors, _ratio, RATIO_LIMIT)
    if uneven:
        told = _named(uneven, lambda one: f"{_ratio(one):.3g}")
        yield Doubt(
            "scale-ratio",
            f"the largest scale of a tensor is more than {RATIO_LIMIT:,.0f} times its smallest: {told}",
            "Filters so small add nothing: they were dead before, or one outlier stretches the others.",
        )
    odd = [one for one in tensors if not one.faults and _is_odd(one)]
    if odd:
        told = _named(odd, lambda one: f"{one.scale_min:.3g} to {one.scale_max:.3g}")
        yield Doubt(
            "odd-scale", f"scales that no signal has: {told}", "Look for a constant or an overflow in calibration."
        )


def _ratio(one: TensorHealth) -> float | None:
    if one.faults or not one.scale_min or one.scale_max is None:
        return None
    return one.scale_max / one.scale_min


def _is_odd(one: TensorHealth) -> bool:
    low, high = ODD_SCALES
    return one.scale_min is not None and one.scale_max is not None and (one.scale_min < low or one.scale_max > high)


def _beyond(
    tensors: Sequence[TensorHealth], figure: Callable[[TensorHealth], float | None], limit: float
) -> list[TensorHealth]:
    """Return the tensors whose figure is beyond a limit, the worst first."""
    found = [(value, one) for one in tensors if (value := figure(one)) is not None and value > limit]
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _percent(share: float | None) -> str:
    return f"{(share or 0.0) * 100:.3g} %"


def _named(tensors: Sequence[TensorHealth], words: Callable[[TensorHealth], str]) -> str:
    told = ", ".join(f"{one.label} {words(one)}" for one in tensors[:_NAMED])
    return f"{told}{f' and {len(tensors) - _NAMED} more' if len(tensors) > _NAMED else ''}"
