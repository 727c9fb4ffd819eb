"""Integers that wrap around, and pairs of products that saturate at int16."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pytest_edgert.agreement.explain.evidence import Evidence, Products, share_explained
from pytest_edgert.agreement.explain.explanation import Explanation

_SAMPLE = 1000
_LEAST_ELEMENTS = 3
#: Fewest differences that are multiples of a small power of two by more than chance: 2^-24 for 8 bits.
_LEAST_BITS = 24
_ONE_SIDED = 0.95
#: Above factors by channel, which fit saturated pairs too; below one factor for all, which seldom does.
_FALLING_SHORT = 0.86
#: Share of the squared error that falls short.
_MOSTLY_SHORT = 0.9
#: Fewest elements at the end of a type, and how far the others lie from there: an eighth of the type's range.
_LEAST_AT_END, _FAR = 8, 1 / 8
#: Values of the side that wraps: one alone is a constant, not what is left of many.
_LEAST_VALUES = 3


def wrap_around(evidence: Evidence) -> Explanation | None:
    """Explain values reduced modulo a power of two on one side: by their differences, by the ends of the type, by sums."""
    if evidence.integers:
        found = _modulus(evidence) or _ends(evidence)
        if found is not None:
            return found
    return _wrapped_sum(evidence)


def _modulus(evidence: Evidence) -> Explanation | None:
    at = np.flatnonzero((evidence.raw_output != evidence.raw_reference).reshape(-1))
    some = at[:: max(1, at.size // _SAMPLE)]
    one, other = (side.reshape(-1)[some].tolist() for side in (evidence.raw_output, evidence.raw_reference))
    gaps = [a - b for a, b in zip(one, other, strict=True)]
    for bits in (64, 32, 16, 8):
        if gaps and all(gap % (1 << bits) == 0 for gap in gaps) and bits * len(gaps) >= _LEAST_BITS:
            return Explanation("wrap_modulus", 0.97, {"n": at.size, "bits": bits})
    return None


def _ends(evidence: Evidence) -> Explanation | None:
    dtype = evidence.raw_output.dtype
    if dtype != evidence.raw_reference.dtype:
        return None
    ends = np.iinfo(dtype)
    output, reference = evidence.raw_output.astype(np.float64), evidence.raw_reference.astype(np.float64)
    gaps = np.absolute(output - reference)
    apart = gaps > 1
    n = int(np.count_nonzero(apart))
    if n < _LEAST_AT_END or float(np.median(gaps[apart])) < _FAR * (float(ends.max) - float(ends.min)):
        return None
    for name, side, other in (("wrap_output", reference, output), ("wrap_reference", output, reference)):
        at_end = apart & ((side == float(ends.min)) | (side == float(ends.max)))
        hits = int(np.count_nonzero(at_end))
        if hits >= _ONE_SIDED * n and np.unique(other[at_end]).size >= _LEAST_VALUES:
            return Explanation(name, 0.95 * hits / n, {"n": hits})
    return None


def _wrapped_sum(evidence: Evidence) -> Explanation | None:
    """Explain the elements beyond some size that are all off by one constant, to the other side of zero."""
    differs = evidence.differs
    n = int(np.count_nonzero(differs))
    if not evidence.step and not evidence.context.quantized and evidence.dtype.startswith("float"):
        return None
    if n < _LEAST_ELEMENTS or n == differs.size:
        return None
    reference, error = evidence.reference[differs], evidence.error[differs]
    sign = np.sign(reference)
    constant = float(np.median(-error * sign))
    spread = np.absolute(-error * sign - constant)
    largest_right = float(np.absolute(evidence.reference[~differs & evidence.finite]).max(initial=0.0))
    turned = constant > float(np.absolute(reference).max())
    beyond = float(np.absolute(reference).min()) >= largest_right
    if turned and beyond and bool((spread <= 2 * evidence.slack[differs]).all()):
        return Explanation("wrap_sum", 0.9, {"n": n, "constant": constant})
    return None


def pair_saturation(evidence: Evidence) -> Explanation | None:
    """Explain int8 kernels whose pairs of products saturate at int16: by the integers themselves, or by the error's shape.

    Source: oneDNN, "Nuances of int8 computations".
    """
    products = evidence.context.products
    if products is not None and products.left.shape[0] * products.right.shape[1] == evidence.output.size:
        candidate = _pairwise(products).reshape(evidence.output.shape) * products.scale
        share = share_explained(evidence, candidate)
        return Explanation("pairs_known", 0.99 * share) if share >= 0.9 else None
    sums = evidence.integers and evidence.raw_output.dtype.itemsize == 4
    return _falls_short(evidence) if evidence.step or evidence.context.quantized or sums else None


def _pairwise(products: Products) -> npt.NDArray[np.int64]:
    """Return the sums as VPMADDUBSW makes them; int8 activations are shifted to uint8 and compensated (oneDNN issue 476)."""
    shift = 128 if products.left.dtype == np.int8 else 0
    left, right = products.left.astype(np.int64) + shift, products.right.astype(np.int64)
    odd = left.shape[1] % 2
    left, padded = np.pad(left, ((0, 0), (0, odd))), np.pad(right, ((0, odd), (0, 0)))
    total = np.zeros((left.shape[0], right.shape[1]), np.int64)
    for k in range(0, left.shape[1], 2):
        pair = left[:, k, None] * padded[k] + left[:, k + 1, None] * padded[k + 1]
        total += pair.clip(-(1 << 15), (1 << 15) - 1)
    compensated: npt.NDArray[np.int64] = total - shift * right.sum(axis=0)
    return compensated


def _falls_short(evidence: Evidence) -> Explanation | None:
    differs = evidence.differs
    n = int(np.count_nonzero(differs))
    if n < 8:
        return None
    reference, error = evidence.reference[differs], evidence.error[differs]
    short = np.sign(error) == -np.sign(reference)
    share = float(np.sum(error[short] ** 2) / np.sum(error**2))
    right = np.absolute(evidence.reference[~evidence.differs & evidence.finite])
    # Small sums do not saturate: where some elements are right, they are no larger than the wrong ones.
    if share < _MOSTLY_SHORT or (right.size and float(right.mean()) > float(np.absolute(reference).mean())):
        return None
    one_sided = float(np.mean(short)) >= _ONE_SIDED
    return Explanation("pairs", _FALLING_SHORT if one_sided else 0.6, {"n": n, "share": share})
