"""How healthy the grids of a quantised artefact are, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Characters of a name that a message shows at most, and at either end of a longer one.
_LONGEST, _ENDS = 60, 29


@dataclass(frozen=True, slots=True)
class TensorHealth:
    """One quantised tensor: what its file says, and what the oracle saw of it. None where that was not to be seen.

    Args:
        name: The tensor's name in the artefact.
        role: "weight", "bias", "activation" or "constant".
        dtype: NumPy's name of its integers.
        scales: How many scales it has; none where they are computed.
        scale_min, scale_max: Smallest and largest scale, channels of nothing but zeros left out.
        n: Numbers looked at: of the constant, or of all inferences.
        rmse: Root mean square error of rounding onto the grid, in steps (RMSE/scale); 1/√12 for a sound grid.
        clipped: Share of the numbers that lay beyond the grid; of an int32 bias, that lie on its rails.
        cut: Share of the numbers that lay beyond the zero (or the six) at which the grid ends, as under a folded Relu.
        unused: Share of the grid's 2^bits codes below the smallest and above the largest one in use; of weights that of
            the worst filter, mirrored about the zero point where the grid is.
        codes: Different codes in use.
        channels: Channels that `dead` and `constant` are out of.
        dead: Filters of which each weight stands for zero.
        constant: Output channels with one number in all inferences.
        reach: Largest accumulator that a filter could make, bias aside: Σ|w - zero_w| · max|x - zero_x|.
        faults: What cannot be right, as sentences without a full stop.
    """

    name: str
    role: str
    dtype: str
    scales: int = 0
    scale_min: float | None = None
    scale_max: float | None = None
    n: int = 0
    rmse: float | None = None
    clipped: float | None = None
    cut: float | None = None
    unused: float | None = None
    codes: int | None = None
    channels: int | None = None
    dead: int | None = None
    constant: int | None = None
    reach: float | None = None
    faults: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name as messages call it: in quotes, the middle of a long one left out (TFLite joins those it fuses)."""
        return repr(self.name if len(self.name) <= _LONGEST else f"{self.name[:_ENDS]}…{self.name[-_ENDS:]}")


@dataclass(frozen=True, slots=True)
class QuantizationReading:
    """What a file says of its grids.

    Args:
        quantized: Whether any tensor of it is quantised.
        tensors: Each of them.
        unread: Quantised operators that are not looked into.
        input_ranges: By float input that goes onto a grid, the smallest and largest number of that grid.
    """

    quantized: bool
    tensors: tuple[TensorHealth, ...] = ()
    unread: tuple[str, ...] = ()
    input_ranges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
