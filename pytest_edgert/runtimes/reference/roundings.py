"""What roundings onto a grid cost: the error in steps, what was clipped, how much of the grid was in use.

RMSE/scale as the quantisation debugger of TensorFlow Lite has it: rounding alone makes an error that is even over one
step, 1/√12 = 0.289 of it; clipping makes more (https://ai.google.dev/edge/litert/models/quantization_debugger).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pytest_edgert.records import TensorHealth
from pytest_edgert.runtimes.reference.grids import ACTIVATION, MOST_BITS, bits_of
from pytest_edgert.runtimes.reference.rounding import RANGES
from pytest_edgert.runtimes.reference.watching import Rounding
from pytest_edgert.tensors import Array

#: Numbers that an output channel must have shown before it counts as constant: a unit of which few are seen is often
#: silent by chance.
ENOUGH = 64
#: Where Relu6 ends.
_SIX = 6.0


class Tally:
    """Sums over all roundings onto the grid of one tensor."""

    def __init__(self, dtype: str, channel_axis: int | None, *, folds: bool) -> None:
        self.dtype = dtype
        self._axis = channel_axis
        self._folds = folds
        self._n = self._rounded = self._clipped = self._cut = 0
        self._squares = 0.0
        self._seen = np.zeros(2 ** bits_of(dtype), bool)
        self._lows: Array | None = None
        self._highs: Array | None = None
        self._by_channel = 0

    def add(self, one: Rounding) -> None:
        """Count a rounding in; NaN counts nowhere, a grid whose scale is no positive number not at all."""
        low, high = RANGES[self.dtype]
        if not (np.isfinite(one.scale) & (one.scale > 0)).all():
            return
        one = replace(one, zero_point=np.asarray(one.zero_point, np.int64))  # its own type would wrap below
        number = ~np.isnan(one.real)
        with np.errstate(all="ignore"):
            quotient = one.real / one.scale + one.zero_point
            whole = np.rint(quotient)
            below, above = number & (whole < low), number & (whole > high) & ~_is_one(one, whole, high)
            cut = self._under_a_folded_activation(one, below, above)
            kept = number & ~cut & np.isfinite(quotient)
            errors = (quotient - one.codes)[kept]
        self._n += int(number.sum())
        self._clipped += int(((below | above) & ~cut).sum())
        self._cut += int(cut.sum())
        self._rounded += errors.size
        self._squares += float(np.square(errors).sum())
        self._seen[one.codes.astype(np.int64).reshape(-1) - low] = True
        self._add_channels(one.codes)

    def _under_a_folded_activation(self, one: Rounding, below: Array, above: Array) -> Array:
        """Return what lies beyond the zero, and beyond the six, at which a grid ends: exporters fold Relu and Relu6 so."""
        low, high = RANGES[self.dtype]
        if not self._folds:
            return np.zeros(below.shape, bool)
        ends_at_zero = np.broadcast_to(one.zero_point == low, below.shape)
        ends_at_six = ends_at_zero & (np.abs((high - one.zero_point) * one.scale - _SIX) <= one.scale)
        return np.asarray((below & ends_at_zero) | (above & ends_at_six))

    def _add_channels(self, codes: Array) -> None:
        if self._axis is None or codes.ndim < 2:
            return
        rows = np.moveaxis(codes, self._axis, 0).reshape(codes.shape[self._axis], -1)
        lows, highs = rows.min(axis=1), rows.max(axis=1)
        if self._lows is None or self._highs is None or len(self._lows) != len(lows):
            self._lows, self._highs, self._by_channel = lows, highs, 0
        self._lows, self._highs = np.minimum(self._lows, lows), np.maximum(self._highs, highs)
        self._by_channel += rows.shape[1]

    def health(self, name: str) -> TensorHealth:
        """Return the figures so far."""
        used = np.flatnonzero(self._seen)
        constant = channels = None
        if self._lows is not None and self._highs is not None and self._by_channel >= ENOUGH:
            constant, channels = int((self._lows == self._highs).sum()), len(self._lows)
        return TensorHealth(
            name,
            ACTIVATION,
            self.dtype,
            n=self._n,
            rmse=math.sqrt(self._squares / self._rounded) if self._rounded else None,
            clipped=self._clipped / self._n if self._n else None,
            cut=self._cut / self._n if self._n else None,
            unused=float(1 - (used[-1] - used[0] + 1) / self._seen.size) if used.size else None,
            codes=int(used.size) if used.size else None,
            channels=channels,
            constant=constant,
        )


def _is_one(one: Rounding, whole: Array, high: int) -> Array:
    """Return what would be 1 on a grid that ends one step below it, as that of a softmax has to by TFLite's rules.

    Softmax and logistic have the scale 1/256, tanh 1/128 (https://ai.google.dev/edge/litert/models/quantization_spec):
    1 becomes the last code, one step off, and nobody could calibrate it away.
    """
    ends_below_one = (high + 1 - one.zero_point) * one.scale == 1
    return np.asarray(ends_below_one & (whole == high + 1))


class Tallies:
    """A tally for each tensor that is rounded onto a grid; `watching.watched_by` takes `add`."""

    def __init__(self, channel_axes: Mapping[str, int], *, folds: bool) -> None:
        """Count for tensors with these axes of output channels, where known.

        Args:
            channel_axes: By the tensor's name.
            folds: Whether the format leaves Relu and Relu6 to the ends of a grid; those that name them do not.
        """
        self._axes = channel_axes
        self._folds = folds
        self._tallies: dict[str, Tally] = {}

    def add(self, one: Rounding) -> None:
        """Count a rounding in; one onto accumulators' integers is left out."""
        if bits_of(one.dtype) > MOST_BITS or not one.real.size:
            return
        tally = self._tallies.get(one.name)
        if tally is None:
            tally = self._tallies[one.name] = Tally(one.dtype, self._axes.get(one.name), folds=self._folds)
        tally.add(one)

    def health(self) -> tuple[TensorHealth, ...]:
        """Return the figures of every tensor so far."""
        return tuple(tally.health(name) for name, tally in self._tallies.items())
