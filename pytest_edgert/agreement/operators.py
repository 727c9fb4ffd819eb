"""The tolerance of an artefact that is one operator: against the exact oracle it is tighter than that of a whole model."""

from __future__ import annotations

from pytest_edgert.agreement.policy import POLICY, choose_operator
from pytest_edgert.agreement.tolerance import Tolerance
from pytest_edgert.records import Placement
from pytest_edgert.tensors import TensorSpec

#: Precisions in which an operator on integers is computed as exactly as on paper, but for ties; unknown counts so.
_WHOLE = ("", "f32", "fp32", "float32", "i8", "u8", "int8", "uint8")
#: Operators of both formats whose float32 elements are chosen from the inputs, or made in one rounding.
_CHOICES = ("Relu", "Clip", "Max", "Min", "RELU", "RELU6", "MAXIMUM", "MINIMUM")
_ONE_ROUNDING = ("Add", "Sub", "Mul", "LeakyRelu", "PRelu", "ADD", "SUB", "MUL", "LEAKY_RELU", "PRELU")


def operator_tolerance(
    whole: Tolerance, spec: TensorSpec, other: TensorSpec, placement: Placement, oracle: Placement
) -> Tolerance:
    """Return the tolerance of one output where the artefact is one operator, that of the whole model where it is not.

    Args:
        whole: What holds for a whole model.
        spec: The output under test.
        other: The reference's output.
        placement: Where the session under test ran.
        oracle: Where the reference ran; the oracle alone tells that an artefact is one operator, and how well it knows
            the result.
    """
    told = oracle.detail
    if not told.get("operator") or str(placement.detail.get("precision") or "").lower() not in _WHOLE:
        return whole
    moves, exact = bool(told.get("moves")), told.get("exact") == sum(oracle.nodes.values())
    if whole is POLICY["float32"]:
        return _float_row(str(told["operator"]), spec, moves=moves) or whole
    if whole is not POLICY["quantized"] or spec.quantization != other.quantization or not exact:
        return whole
    rounding = told.get("rounding")
    return choose_operator(
        spec,
        rounding_declared=rounding is not None and placement.detail.get("rounding") == rounding,
        arithmetic=not moves,
        ties_open=True,
    )


def _float_row(operator: str, spec: TensorSpec, *, moves: bool) -> Tolerance | None:
    """Return the row of a float32 operator, None of one that may round more than once."""
    if moves:
        return choose_operator(spec, rounding_declared=False, arithmetic=False)
    if operator in _CHOICES:
        return POLICY["operator float32, choice"]
    return POLICY["operator float32, one rounding"] if operator in _ONE_ROUNDING else None
