"""Rows Q01 to Q05, Q21 and the I rows: integer products, accumulators, casts, overflow, indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from fault_arithmetic import (
    Array,
    exact_product,
    half_away,
    half_even,
    pair_saturated_product,
    quantized,
    saturated,
    shifted_saturated_product,
    wrapped,
)
from fault_cases import Case, Model, Rng, Rows, Scope, graph, one_operator

from pytest_edgert.tensors import Quantization

ROWS = Rows()
#: Inner lengths around the widths of vector units.
LENGTHS = (2, 8, 15, 16, 17, 31, 32, 33, 64, 144)


@ROWS.row("Q01", "MatMulInteger uint8 × int8 whose pairs of products leave int16")
def _matmul_integer(rng: Rng) -> Sequence[Case]:
    length = int(rng.choice(LENGTHS))
    a = rng.integers(200, 256, (int(rng.integers(1, 5)), length), np.uint8)
    b = rng.integers(80, 128, (length, int(rng.integers(1, 9)))).astype(np.int8)
    exact = exact_product(a, b).astype(np.int32)
    in_float64 = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int32)
    model = one_operator("MatMulInteger", {"a": a, "b": b}, None, exact)
    return [
        Case("pairs saturate at int16", exact, pair_saturated_product(a, b).astype(np.int32), True, model=model),
        Case("summed in float64", exact, in_float64, False),
    ]


def _convolution(rng: Rng, low: int, high: int) -> tuple[Array, Array, float]:
    """Return (positions, channels) activations, (channels, filters) int8 weights of full range, and an output scale."""
    channels = int(rng.choice(LENGTHS[1:]))
    x = rng.integers(low, high, (49, channels))
    w = rng.integers(-127, 128, (channels, 16)).astype(np.int8)
    w[:, :4] = rng.integers(100, 128, (channels, 4))
    return x, w, float(np.float32(np.abs(exact_product(x, w)).max() / 120))


def _dequantised_product(x: Array, w: Array, scale: float, exact: Array) -> Model:
    """Return x × w between DequantizeLinear and QuantizeLinear: a 1×1 convolution, position by position."""
    constants = {
        "one": np.float32(1 / 8), "w": w, "s": np.float32(scale / 64), "z": np.int8(3), "zx": np.zeros((), x.dtype),
        "zw": np.int8(0),
    }  # fmt: skip
    nodes = [
        ("DequantizeLinear", ["x", "one", "zx"], "xd", {}),
        ("DequantizeLinear", ["w", "one", "zw"], "wd", {}),
        ("MatMul", ["xd", "wd"], "p", {}),
        ("QuantizeLinear", ["p", "s", "z"], "y", {}),
    ]
    return graph(nodes, {"x": x}, constants, exact)


def _as_quantized(
    name: str, sums: tuple[Array, Array], scale: float, rounding: object = half_even, *, faulty: bool, whole: bool
) -> Case:
    """Return a case of a requantised product: as int8 with its scale, or dequantised to float32."""
    real = 1 / 64
    exact = quantized(sums[0] * real, scale * real, 3)
    output = quantized(sums[1] * real, scale * real, 3, rounding=rounding)
    if whole:
        return Case(name, exact, output, faulty, quantization=Quantization((scale * real,), (3,)))
    floats = [((q.astype(np.float64) - 3) * scale * real).astype(np.float32) for q in (exact, output)]
    return Case(f"{name}, dequantised", floats[0], floats[1], faulty, inside=True)


@ROWS.row("Q02", "quantised convolution, uint8 activations × int8 weights of full range, without VNNI")
def _convolution_unsigned(rng: Rng) -> Sequence[Case]:
    x, w, scale = _convolution(rng, 160, 256)
    exact, wrong = exact_product(x, w), pair_saturated_product(x, w)
    narrow = w // 2
    control = exact_product(x, narrow), pair_saturated_product(x, narrow)
    first = _as_quantized("pairs saturate at int16", (exact, wrong), scale, faulty=True, whole=True)
    return [
        replace(first, model=_dequantised_product(x.astype(np.uint8), w, scale, first.exact)),
        _as_quantized("pairs saturate at int16", (exact, wrong), scale, faulty=True, whole=False),
        _as_quantized("weights of 7 bits: the same instruction is exact", control, scale, faulty=False, whole=True),
        _as_quantized("ties away from zero", (exact, exact), scale, half_away, faulty=False, whole=True),
    ]


@ROWS.row("Q03", "quantised convolution, int8 activations shifted to uint8 and compensated, without VNNI")
def _convolution_signed(rng: Rng) -> Sequence[Case]:
    x, w, scale = _convolution(rng, 40, 128)
    exact, wrong = exact_product(x, w), shifted_saturated_product(x, w)
    first = _as_quantized("pairs saturate after the shift", (exact, wrong), scale, faulty=True, whole=True)
    return [
        replace(first, model=_dequantised_product(x.astype(np.int8), w, scale, first.exact)),
        _as_quantized("pairs saturate after the shift", (exact, wrong), scale, faulty=True, whole=False),
        _as_quantized("ties away from zero", (exact, exact), scale, half_away, faulty=False, whole=False),
    ]


@ROWS.row("Q04", "the same model optimised and not: a fused kernel instead of float arithmetic")
def _fused(rng: Rng) -> Sequence[Case]:
    x, w, scale = _convolution(rng, 0, 256)
    x[rng.random(len(x)) < 0.5] = 255
    exact, wrong = exact_product(x, w), pair_saturated_product(x, w)
    a, b = (rng.integers(-128, 128, 4096) for _ in range(2))
    halves = Quantization((1.0,), (0,))
    added = [saturated(rounding((a + b) / 2), np.int8) for rounding in (half_even, half_away)]
    return [
        _as_quantized("the fused convolution saturates", (exact, wrong), scale, faulty=True, whole=True),
        Case("Add: ties of the fused kernel go away from zero", *added, False, Scope.OPERATOR, halves),
        _as_quantized("a float32 convolution, then rounded", (exact, _float32(x, w)), scale, faulty=False, whole=True),
    ]


def _float32(x: Array, w: Array) -> Array:
    product: Array = x.astype(np.float32) @ w.astype(np.float32)
    return product


@ROWS.row("Q05", "two pairs of QuantizeLinear and DequantizeLinear in a row, the first removed")
def _two_pairs(rng: Rng) -> Sequence[Case]:
    fine = float(rng.uniform(0.01, 0.05))
    coarse = fine * float(rng.uniform(2.5, 5))
    x = (rng.standard_normal((1, 16, 32)) * fine * 40).astype(np.float32)
    first = quantized(x, np.float32(coarse), 0).astype(np.float32) * np.float32(coarse)
    exact, wrong = quantized(first, np.float32(fine), 0), quantized(x, np.float32(fine), 0)
    scales = {"c": np.float32(coarse), "f": np.float32(fine), "z": np.int8(0)}
    nodes = [
        ("QuantizeLinear", ["x", "c", "z"], "q", {}),
        ("DequantizeLinear", ["q", "c", "z"], "d", {}),
        ("QuantizeLinear", ["d", "f", "z"], "y", {}),
    ]
    model = graph(nodes, {"x": x}, scales, exact)
    declared = Quantization((float(np.float32(fine)),), (0,))
    floats = [q.astype(np.float32) * np.float32(fine) for q in (exact, wrong)]
    return [
        Case("the first pair is removed", exact, wrong, True, quantization=declared, model=model),
        Case("the first pair is removed, dequantised", floats[0], floats[1], True, inside=True),
        Case("both pairs in one look-up table", exact, _looked_up(x, coarse, fine), False, quantization=declared),
    ]


def _looked_up(x: Array, coarse: float, fine: float) -> Array:
    table = quantized(np.arange(-128, 128).astype(np.float32) * np.float32(coarse), np.float32(fine), 0)
    found: Array = table[quantized(x, np.float32(coarse), 0).astype(int) + 128]
    return found


@ROWS.row("Q21", "accumulators near the end of int32")
def _accumulators(rng: Rng) -> Sequence[Case]:
    length = int(rng.integers(145_000, 190_000))
    x = rng.integers(120, 128, (2, length)).astype(np.int8)
    w = rng.integers(122, 128, (length, 4)).astype(np.int8)
    w[:, 2:] = rng.integers(-128, 128, (length, 2))
    sums = exact_product(x, w)
    scale = 2**31 / 100
    parameters = Quantization((scale,), (0,))
    exact = quantized(sums, scale, 0)
    wraps = quantized(wrapped(sums, np.int32).astype(np.int64), scale, 0)
    bias = np.int64(2**31 - 1)
    biased = quantized(sums // 2**12 + bias, scale, 0)
    return [
        Case("the accumulator wraps", exact, wraps, True, quantization=parameters),
        Case(
            "the bias wraps",
            biased,
            quantized(wrapped(sums // 2**12 + bias, np.int32).astype(np.int64), scale, 0),
            True,
            quantization=parameters,
        ),
        Case(
            "the accumulator is 64 bits, then float32",
            exact,
            quantized(sums.astype(np.float32), scale, 0),
            False,
            quantization=parameters,
        ),
    ]


@ROWS.row("I01", "int8 Add, Sub and Mul that overflow: ONNX wraps, some saturate")
def _overflow(rng: Rng) -> Sequence[Case]:
    a, b = (grid.astype(np.int64) for grid in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    operator, results = {
        0: ("Add", a + b),
        1: ("Sub", a - b),
        2: ("Mul", a * b),
    }[int(rng.integers(3))]
    exact = wrapped(results, np.int8)
    model = one_operator(operator, {"a": a.astype(np.int8), "b": b.astype(np.int8)}, None, exact)
    return [
        Case(f"{operator} saturates", exact, saturated(results, np.int8), True, model=model),
        Case(f"{operator} in int32, then narrowed", exact, results.astype(np.int32).astype(np.int8), False),
    ]


@ROWS.row("I03", "Cast from float to 8 bits, out of range and NaN: wraps here, saturates there")
def _cast(rng: Rng) -> Sequence[Case]:
    x = (rng.standard_normal(257) * 200).astype(np.float32)
    within = np.clip(x, -127, 127)
    whole = np.trunc(x.astype(np.float64)).astype(np.int64)
    unsigned = rng.random() < 0.5
    dtype = np.uint8 if unsigned else np.int8
    tame = np.abs(within) if unsigned else within
    exact_tame = np.trunc(tame.astype(np.float64)).astype(dtype)
    model = one_operator("Cast", {"x": tame}, None, exact_tame, to=int(_onnx_type(dtype)))
    with_nan = saturated(whole, dtype)
    with_nan[::16] = 127
    zeroed = with_nan.copy()
    zeroed[::16] = 0
    return [
        Case("wraps where the other saturates", saturated(whole, dtype), wrapped(whole, dtype), True),
        Case("NaN is 0 where the other gives 127", with_nan, zeroed, True),
        Case("in range", exact_tame, tame.astype(np.int32).astype(dtype), False, model=model),
    ]


def _onnx_type(dtype: object) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))  # type: ignore[arg-type]


@ROWS.row("I04", "int64 beyond 2^31 computed as int32")
def _wide(rng: Rng) -> Sequence[Case]:
    a = rng.integers(2**31, 2**40, 64)
    a[::3] = rng.integers(0, 1000, a[::3].shape)
    b = rng.integers(1, 2**33, 64)
    # Python's integers are the exact side.
    exact = np.array([int(x) + int(y) for x, y in zip(a, b, strict=True)], np.int64)
    model = one_operator("Add", {"a": a, "b": b}, None, exact)
    narrow = saturated(saturated(a, np.int32).astype(np.int64) + saturated(b, np.int32).astype(np.int64), np.int32)
    return [
        Case("wraps at 32 bits", exact, wrapped(exact, np.int32).astype(np.int64), True, model=model),
        Case("saturates at 32 bits", exact, narrow.astype(np.int64), True),
        Case("in two halves with a carry", exact, _in_halves(a, b), False),
    ]


def _in_halves(a: Array, b: Array) -> Array:
    low = (a & 0xFFFFFFFF) + (b & 0xFFFFFFFF)
    summed: Array = (((a >> 32) + (b >> 32) + (low >> 32)) << 32) | (low & 0xFFFFFFFF)
    return summed


@ROWS.row("I06", "indices where scores tie: ArgMax, TopK, boxes that survive suppression")
def _ties(rng: Rng) -> Sequence[Case]:
    rows, classes = int(rng.integers(4, 9)), int(rng.integers(5, 20))
    scores = rng.integers(0, 50, (rows, classes)).astype(np.float32)
    order = np.argsort(-scores, axis=1, kind="stable")
    top = order[:, 0]
    scores[np.arange(rows), order[:, 1]] = scores[np.arange(rows), top]
    other = order[:, 1].copy()
    wrong = top.copy()
    wrong[0] = order[0, -1]
    scores[0, order[0, -1]] -= 1
    boxes = np.array([[0, 0, i] for i in range(3)], np.int64)
    return [
        Case("another of two equal scores", top, other, False, scores=scores),
        Case("an index of a lower score", top, wrong, True, scores=scores),
        Case("two boxes survive instead of three", boxes, boxes[:2].copy(), True),
    ]
