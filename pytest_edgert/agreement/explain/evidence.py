"""What explanations look at: an output and its reference as real numbers, and how far apart plain rounding may put them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.blocks import BFLOAT16, is_float
from pytest_edgert.agreement.outcome import Sides
from pytest_edgert.tensors import Array, Quantization

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
#: Unit roundoff by dtype.
ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, BFLOAT16: 2.0**-8}
#: Plain rounding in units of roundoff: sums of a hundred thousand terms stay within it (see the derived bounds).
_ROUNDINGS = 64.0
#: Noise of integer kernels behind a float output, as a share of the reference's root mean square: 40 dB.
_INSIDE = 0.01
#: A step with slack, so that a difference of one step is plain rounding.
_ONE_STEP = 1.01
#: More elements than this are thinned out, so that an explanation stays cheap.
MOST_ELEMENTS = 1 << 21


@dataclass(frozen=True, slots=True)
class Products:
    """The integers of a linear operator whose output is explained, where someone knows them.

    Args:
        left: (rows, K), zero points left in place.
        right: (K, columns), int8.
        scale: Real value of one unit of the sum.
    """

    left: Array
    right: Array
    scale: float


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the two tensors.

    Args:
        question: "implementation" or "port".
        quantized: Whether the model computes on integers inside.
        n_feeds: Inferences whose outputs are stacked along the first axis.
        products: The integers that were multiplied.
    """

    question: str = "implementation"
    quantized: bool = False
    n_feeds: int = 1
    products: Products | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both tensors, ready to be explained.

    Args:
        output, reference: Real values, in the output's layout.
        raw_output, raw_reference: As they came; integers of quantised sides.
        dtype: The output's logical dtype.
        quantization: Of both sides where they are equal and per tensor, else None.
        finite: Where both are finite.
        slack: How far apart plain rounding may put two elements.
        step: One step of a quantised pair, 0 where there is none.
        whole: False where elements were thinned out: then axes mean nothing.
        context: What else is known.
        error: Output minus reference, 0 where either is not finite.
        differs: Where the error is more than plain rounding.
    """

    output: Floats
    reference: Floats
    raw_output: Array
    raw_reference: Array
    dtype: str
    quantization: Quantization | None
    finite: Mask
    slack: Floats
    step: float
    whole: bool
    context: Context
    error: Floats
    differs: Mask

    @property
    def integers(self) -> bool:
        """Whether both sides came as integers of one meaning, so that their difference counts steps."""
        kinds = self.raw_output.dtype.kind + self.raw_reference.dtype.kind
        return set(kinds) <= {"i", "u"} and (self.step == 0.0 or self.quantization is not None)


def weigh(sides: Sides, context: Context) -> Evidence:
    """Return the evidence of a pair of tensors of one shape, numbers both."""
    whole = sides.left.size <= MOST_ELEMENTS
    if not whole and all(q is None or len(q.scale) == 1 for q in (sides.left_quantization, sides.right_quantization)):
        sides = _thinned(sides)
    output, reference = (np.asarray(side, np.float64) for side in sides.real())
    raw = sides.left, sides.right
    finite = np.isfinite(output) & np.isfinite(reference)
    step = _step(sides)
    slack = _slack(sides, reference, finite, step, context)
    error = np.subtract(output, reference, out=np.zeros_like(output), where=finite)
    return Evidence(
        output,
        reference,
        *raw,
        sides.left_dtype,
        _common(sides),
        finite,
        slack,
        step,
        whole,
        context,
        error,
        np.absolute(error) > slack,
    )


def _thinned(sides: Sides) -> Sides:
    """Return every n-th element of both sides, before anything is widened; scales by channel need the whole."""
    every = -(-sides.left.size // MOST_ELEMENTS)
    return replace(sides, left=sides.left.reshape(-1)[::every], right=sides.right.reshape(-1)[::every])


def _step(sides: Sides) -> float:
    scales = [max(q.scale) for q in (sides.left_quantization, sides.right_quantization) if q is not None]
    return max(scales, default=0.0)


def _common(sides: Sides) -> Quantization | None:
    one, other = sides.left_quantization, sides.right_quantization
    return one if one is not None and one == other and len(one.scale) == 1 else None


def _slack(sides: Sides, reference: Floats, finite: Mask, step: float, context: Context) -> Floats:
    magnitude = np.where(finite, np.absolute(reference), 0.0)
    if step:
        return np.full_like(magnitude, _ONE_STEP * step)
    if not is_float(sides.left_dtype):
        return np.zeros_like(magnitude)
    # Scaled, for the squares of subnormals are none.
    largest = float(magnitude.max(initial=0.0))
    rms = largest * float(np.sqrt(np.mean((magnitude / largest) ** 2))) if largest else 0.0
    if context.quantized:
        return np.full_like(magnitude, _INSIDE * rms)
    unit = max(ROUNDOFF.get(dtype, 0.0) for dtype in (sides.left_dtype, sides.right_dtype))
    slack: Floats = _ROUNDINGS * unit * np.maximum(magnitude, rms)
    return slack


def share_explained(evidence: Evidence, candidate: Array, where: Mask | None = None) -> float:
    """Return how much of the squared error beyond plain rounding is gone when the candidate takes the reference's place.

    Args:
        evidence: Both sides.
        candidate: What the reference would be if the explanation held; it broadcasts with the output.
        where: Elements to look at; all that are finite by default.

    Returns:
        1 when nothing is left, 0 or less when it explains nothing.
    """
    kept = evidence.finite if where is None else evidence.finite & where
    before = _beyond(evidence.output - evidence.reference, evidence.slack, kept)
    after = _beyond(evidence.output - candidate, evidence.slack, kept)
    largest = float(before.max(initial=0.0))
    if largest == 0.0:
        return 0.0
    left: Any = after / largest
    return 1.0 - float(np.sum(left * left) / np.sum((before / largest) ** 2))


def _beyond(error: Floats, slack: Floats, kept: Mask) -> Floats:
    distance: Floats = np.absolute(error) - slack
    distance[~(distance > 0) & kept] = 0.0
    distance[~kept] = 0.0
    # A candidate that is not finite explains nothing.
    distance[~np.isfinite(distance)] = np.finfo(np.float64).max ** 0.25
    return distance
