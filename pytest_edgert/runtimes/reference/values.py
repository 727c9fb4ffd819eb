"""What the oracle carries between operators: real numbers, exactly where integers and scales tell them exactly.

Every floating type is carried in float64, every other type as itself. Beside the float64 approximation, a value
that comes from integers keeps what it *is*: ``(n_1·s_1 + n_2·s_2 + …) / d`` with whole `n` and with scales that float64
holds exactly (a float32 scale has 24 significant bits, the product of two has 48). Rounding to integers looks at that
sum where the approximation lies near a tie, so that a tie is a tie and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_edgert.tensors import Array

#: `Term.factors` of numbers that are no whole multiples of a scale, such as a float32 bias.
LITERAL = 99
#: Whole numbers up to here are exact in float64.
WHOLE_LIMIT = 2.0**53


@dataclass(frozen=True, slots=True)
class Term:
    """One summand ``count * scale`` of a value.

    Args:
        count: float64, of the value's shape or broadcast to it; whole numbers unless `factors` is `LITERAL`.
        scale: float64, of one element or of the value's rank with 1 where it is constant.
        factors: How many float32 scales were multiplied into `scale`; two still fit into float64 exactly.
    """

    count: Array
    scale: Array
    factors: int


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor.

    Args:
        array: float64 for every floating type, otherwise of the type itself (4-bit integers as int8 or uint8).
        dtype: NumPy's name of the type that the model says.
        terms: The exact value as a sum; empty where only `array` is known.
        divisor: What the sum of terms is divided by: whole, of one element or broadcast to the shape.
        given: Whether the numbers are the model's or the caller's own, and so exact in `array`.
    """

    array: Array
    dtype: str
    terms: tuple[Term, ...] = ()
    divisor: Array | None = None
    given: bool = False

    @property
    def is_float(self) -> bool:
        """Whether the model's type is a floating one."""
        return is_floating(self.dtype)


def is_floating(dtype: str) -> bool:
    """Return whether a type is a floating one: float64 down to float16, bfloat16, float8."""
    return dtype.startswith(("float", "bfloat"))


def given(array: Array, dtype: str | None = None) -> Value:
    """Return a tensor of the model or the caller as a value; floating types are widened to float64."""
    name = dtype or array.dtype.name
    if is_floating(name):
        return Value(np.asarray(array, np.float64), name, given=True)
    if name in {"int4", "uint4", "int2", "uint2"}:
        return Value(array.astype("int8" if name.startswith("i") else "uint8"), name, given=True)
    return Value(np.asarray(array), name, given=True)


def computed(array: Array, like: Value) -> Value:
    """Return a result: of the type of `like` when floating or of the same NumPy type, else of its own type."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        return Value(array.astype(np.float64, copy=False), like.dtype if like.is_float else array.dtype.name)
    return Value(array, like.dtype if array.dtype == like.array.dtype else array.dtype.name)


def from_terms(terms: Sequence[Term], dtype: str, divisor: Array | None = None) -> Value:
    """Return the value that is the sum of `terms`, divided by `divisor`."""
    total: Array = terms[0].count * terms[0].scale
    for term in terms[1:]:
        total = total + term.count * term.scale
    array = np.asarray(total if divisor is None else total / divisor)
    return Value(array, dtype, tuple(terms), divisor)


def moved(value: Value, move: Callable[[Array], Array]) -> Value:
    """Return a value after data movement, which keeps what is known of it exactly.

    Args:
        value: Any value.
        move: Gives elements of its argument in another place or shape, and no others.
    """
    array = move(value.array)
    shape = value.array.shape

    def carried(part: Array) -> Array:
        return part if part.size == 1 else collapsed(move(np.broadcast_to(part, shape)))

    terms = tuple(
        Term(move(np.broadcast_to(term.count, shape)), _flat(carried(term.scale)), term.factors) for term in value.terms
    )
    divisor = None if value.divisor is None else _flat(carried(value.divisor))
    return replace(value, array=array, terms=terms, divisor=divisor)


def collapsed(scale: Array) -> Array:
    """Return a broadcast array with length 1 wherever it is constant along an axis."""
    for axis, length in enumerate(scale.shape):
        first = np.take(scale, [0], axis) if length > 1 else scale
        if length > 1 and bool((scale == first).all()):
            scale = first
    return scale


def _flat(part: Array) -> Array:
    """Return a part of one element without its rank, which may no longer be the value's."""
    return part.reshape(()) if part.size == 1 else part


def exact_terms(value: Value) -> tuple[Term, ...]:
    """Return a value as a sum of terms, as far as that is exact; empty when it is not known."""
    if value.terms:
        return value.terms
    return (Term(value.array, np.asarray(1.0), LITERAL),) if value.given and value.is_float else ()


def single(value: Value) -> Term | None:
    """Return the only term of a value that is whole multiples of one float32 scale, None when it is not."""
    ok = len(value.terms) == 1 and value.divisor is None and value.terms[0].factors == 1
    return value.terms[0] if ok else None


def replaced(value: Value, mask: Array, by: Array) -> Value:
    """Return a value with the elements under `mask` replaced by given numbers, exactly."""
    array = np.where(mask, by, value.array)
    if not value.terms or value.divisor is not None:
        return Value(array, value.dtype)
    terms = [replace(term, count=np.where(mask, 0.0, term.count)) for term in value.terms]
    literal = np.where(mask, by, 0.0)
    if literal.any():
        terms.append(Term(literal, np.asarray(1.0), LITERAL))
    return Value(array, value.dtype, tuple(terms))
