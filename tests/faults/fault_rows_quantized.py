"""The other Q rows: rounding, requantising, scales that are none, channels, accelerators of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from fault_arithmetic import (
    Array,
    double_rounded,
    exact_product,
    fixed_point,
    half_away,
    half_even,
    half_up,
    quantized,
    saturated,
)
from fault_cases import Case, Rng, Rows, Scope, graph, one_operator

from pytest_edgert.tensors import Quantization

ROWS = Rows()


@ROWS.row("Q06", "int8 ADD and SUB at scales of a power of two: every odd sum is a tie")
def _ties_of_add(rng: Rng) -> Sequence[Case]:
    a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    sums = (a - b) if rng.random() < 0.5 else (a + b)
    scale = float(2.0 ** rng.integers(-6, 3))
    declared = Quantization((scale,), (0,))
    exact, away, up = (saturated(rounding(sums / 2), np.int8) for rounding in (half_even, half_away, half_up))
    integers = saturated((sums >> 1) + ((sums & 1) & ((sums >> 1) & 1)), np.int8)
    # Both operands at half the output's scale.
    half = {"half": np.float32(scale / 2), "s": np.float32(scale), "z": np.int8(0)}
    nodes = [
        ("DequantizeLinear", ["a", "half", "z"], "x", {}),
        ("DequantizeLinear", ["b", "half", "z"], "w", {}),
        ("Sub" if (sums == a - b).all() else "Add", ["x", "w"], "v", {}),
        ("QuantizeLinear", ["v", "s", "z"], "y", {}),
    ]
    model = graph(nodes, {"a": a.astype(np.int8), "b": b.astype(np.int8)}, half, exact)
    return [
        Case("ties away from zero, even declared", exact, away, True, Scope.DECLARED, declared, model=model),
        Case("ties upwards, even declared", exact, up, True, Scope.DECLARED, declared),
        Case("ties away from zero, none declared", exact, away, False, Scope.OPERATOR, declared),
        Case("ties to even by shifts", exact, integers, False, Scope.DECLARED, declared),
    ]


@ROWS.row("Q07", "requantising of MUL, CONV and FC: one rounding, or two of gemmlowp")
def _double_rounding(rng: Rng) -> Sequence[Case]:
    if rng.random() < 0.5:
        a, b = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
        sums = a * b
    else:
        length = int(rng.integers(16, 64))
        x = rng.integers(-128, 128, (128, length))
        sums = exact_product(x, rng.integers(-127, 128, (length, 256)))
    multiplier = float(rng.uniform(0.3, 0.9)) * 110 / float(np.abs(sums).max())
    fixed, shift = fixed_point(multiplier)
    real = fixed * 2.0 ** (shift - 31)
    declared = Quantization((0.05,), (0,))
    exact = saturated(half_even(sums * real), np.int8)
    twice = saturated(double_rounded(sums, multiplier), np.int8)
    # The multiplier has 31 bits and the sums fewer than 22: the product is exact in float64.
    by_integers = saturated(_shifted_even(sums * fixed, 31 - shift), np.int8)
    cases = [
        Case("rounded twice, once declared", exact, twice, True, Scope.DECLARED, declared),
        Case("rounded twice, none declared", exact, twice, False, Scope.OPERATOR, declared),
        Case("one rounding in 64-bit integers", exact, by_integers, False, Scope.DECLARED, declared),
    ]
    return cases if (exact != twice).any() else cases[1:]


def _shifted_even(values: Array, shift: int) -> Array:
    whole, rest, half = values >> shift, values & ((1 << shift) - 1), 1 << (shift - 1)
    rounded: Array = whole + ((rest > half) | ((rest == half) & (whole & 1 == 1)))
    return rounded


@ROWS.row("Q11", "quantising k + 0.5: ties to even, or away from zero")
def _half_grid(rng: Rng) -> Sequence[Case]:
    scale = float(2.0 ** rng.integers(-5, 4))
    zero_point = int(rng.integers(-20, 20))
    x = ((np.arange(-100, 100) + 0.5) * scale).astype(np.float32)
    declared = Quantization((scale,), (zero_point,))
    exact = quantized(x, scale, zero_point)
    away = quantized(x, scale, zero_point, rounding=half_away)
    noise = (rng.standard_normal(1000) * 40 * scale).astype(np.float32)
    constants = {"s": np.float32(scale), "z": np.int8(zero_point)}
    model = one_operator("QuantizeLinear", {"x": x}, constants, exact)
    return [
        Case("ties away from zero, even declared", exact, away, True, Scope.DECLARED, declared, model=model),
        Case("ties away from zero, none declared", exact, away, False, Scope.OPERATOR, declared),
        Case(
            "float32 division, none declared",
            quantized(noise, scale, zero_point),
            saturated(np.rint(noise / np.float32(scale)) + zero_point, np.int8),
            False,
            Scope.OPERATOR,
            declared,
        ),
    ]


@ROWS.row("Q13", "QuantizeLinear with a scale of zero, a subnormal or a tiny one")
def _bad_scales(rng: Rng) -> Sequence[Case]:
    x = rng.standard_normal(64).astype(np.float32)
    limits = np.where(x > 0, 127, -128).astype(np.int8)
    lowest = np.full(64, -128, np.int8)
    zero = Quantization((0.0,), (0,))
    tiny = float(np.float32(1e-38))
    model = one_operator("QuantizeLinear", {"x": x}, {"s": np.float32(tiny), "z": np.int8(0)}, limits)
    reciprocal = saturated(np.clip(np.rint(x * np.float32(1 / tiny)), -1000, 1000), np.int8)
    return [
        Case("scale 0, everything at the lowest", limits, lowest, True),
        Case("a declared scale of 0", limits, limits.copy(), True, quantization=zero),
        Case("a tiny scale flushed to 0", limits, lowest, True, quantization=Quantization((tiny,), (0,)), model=model),
        Case("a tiny scale, by its reciprocal", limits, reciprocal, False, quantization=Quantization((tiny,), (0,))),
    ]


@ROWS.row("Q14", "DynamicQuantizeLinear of zeros: the scale is 0, 1 or 1/255")
def _dynamic_zeros(rng: Rng) -> Sequence[Case]:
    shape = (int(rng.integers(1, 4)), int(rng.integers(2, 40)))
    zeros = np.zeros(shape, np.float32)
    steps, zero_point = np.zeros(shape, np.uint8), 0
    dequantised = (steps.astype(np.float32) - zero_point) * np.float32(1.0)
    with np.errstate(invalid="ignore"):
        divided = zeros / np.float32(0.0)
    ordinary = rng.standard_normal(shape).astype(np.float32)
    return [
        Case("a scale of 0 divides by zero downstream", zeros, divided, True, inside=True),
        Case("a scale of 1: the values are equal", zeros, dequantised, False, inside=True),
        Case("not zeros, scale one unit in the last place off", ordinary, _nudged(ordinary), False, inside=True),
    ]


def _nudged(values: Array) -> Array:
    nudged: Array = values * np.float32(1 + 2.0**-23)
    return nudged


@ROWS.row("Q15", "DynamicQuantizeLinear at a tie: divided by the scale, or times its reciprocal")
def _dynamic_tie(rng: Rng) -> Sequence[Case]:
    low, high = np.float32(-rng.uniform(0.5, 4)), np.float32(rng.uniform(0.5, 4))
    scale = np.float32((high - low) / np.float32(255))
    zero_point = int(np.rint(-low / scale))
    steps = np.arange(-zero_point, 255 - zero_point) + np.float32(0.5)
    x = np.clip((steps * scale).astype(np.float32), low, high)
    exact = saturated(np.rint(x / scale) + zero_point, np.uint8)
    reciprocal = saturated(np.rint(x * (np.float32(1) / scale)) + zero_point, np.uint8)
    blocks = np.concatenate([saturated(np.rint(part / scale) + zero_point, np.uint8) for part in np.array_split(x, 7)])
    cases = [
        Case("times the reciprocal", exact, reciprocal, True),
        Case("in blocks", exact, blocks, False),
        Case("the scale, one unit in the last place off", np.array(scale), np.nextafter(scale, np.float32(9)), False),
    ]
    return cases if (exact != reciprocal).any() else cases[1:]


ROWS.elsewhere("Q19", "int16 QuantizeLinear does not compile", "the session does not open: an error that names it")


@ROWS.row("Q20", "a channel whose weights are all zero, with a scale of its own")
def _dead_channel(rng: Rng) -> Sequence[Case]:
    channels = int(rng.integers(3, 12))
    zero_point = int(rng.integers(-100, 100))
    sums = rng.standard_normal((1, channels, 8, 8)) * 30
    dead = int(rng.integers(channels))
    sums[:, dead] = 0
    declared = Quantization((0.1,), (zero_point,))
    exact = saturated(half_even(sums) + zero_point, np.int8)
    lowest, garbage = exact.copy(), exact.copy()
    lowest[:, dead] = -128
    garbage[:, dead] = 0 if zero_point else 1
    away = saturated(half_away(sums) + zero_point, np.int8)
    return [
        Case("the dead channel is at the lowest step", exact, lowest, True, quantization=declared),
        Case("the dead channel is 0 and not its zero point", exact, garbage, True, quantization=declared),
        Case("ties away from zero", exact, away, False, quantization=declared),
    ]


ROWS.elsewhere("Q22", "a multiplier of 1 or more in ADD aborts", "the worker dies: its check says INFRA and the signal")


@ROWS.row("Q23", "a 64-bit multiplier of int16 × int8 whose sign overflows")
def _sign_overflow(rng: Rng) -> Sequence[Case]:
    scale = 10 / 32768
    real = rng.uniform(-9.9, 9.9, (4, 32))
    real[rng.integers(4), rng.integers(32)] = 9.77
    exact = quantized(real, scale, 0, np.int16)
    overflown = exact.copy()
    overflown[real > 9.5] = -32768
    declared = Quantization((scale,), (0,))
    return [
        Case("large sums change their sign", exact, overflown, True, quantization=declared),
        Case(
            "ties away from zero",
            exact,
            quantized(real, scale, 0, np.int16, half_away),
            False,
            quantization=declared,
        ),
    ]


@ROWS.row("Q24", "an accelerator against the CPU: constant offsets, the scale of the wrong weights")
def _accelerator(rng: Rng) -> Sequence[Case]:
    declared = Quantization((0.05,), (-3,))
    real = rng.standard_normal((4, 100)) * 1.5
    exact = quantized(real, 0.05, -3)
    offset = int(rng.integers(1, 6)) * int(rng.choice([-1, 1]))
    shifted = saturated(exact.astype(int) + offset, np.int8)
    factor = float(rng.uniform(1.05, 1.4))
    scaled = quantized(real * factor, 0.05, -3)
    jitter = saturated(exact.astype(int) + (rng.random(exact.shape) < 0.2) * rng.choice([-1, 1], exact.shape), np.int8)
    given = {"quantization": declared, "accelerator": "edgetpu"}
    return [
        Case(f"an offset of {offset} steps", exact, shifted, True, **given),  # type: ignore[arg-type]
        Case(f"{factor:.2f} times the scale", exact, scaled, True, **given),  # type: ignore[arg-type]
        Case("a step off here and there", exact, jitter, False, **given),  # type: ignore[arg-type]
    ]


@ROWS.row("Q25", "a fused multiply-add on one processor and not on the other, then requantised")
def _fused_multiply_add(rng: Rng) -> Sequence[Case]:
    scale, bias = np.float32(rng.uniform(0.5e-4, 1e-4)), np.float32(rng.uniform(-3, 3))
    sums = np.arange(-(2**20), 2**20)
    # One rounding: float64 holds the exact product, and the sum to far below a float32 step.
    fused = half_even((sums * np.float64(scale) + np.float64(bias)).astype(np.float32))
    apart = half_even(sums.astype(np.float32) * scale + bias)
    kept = (fused != apart) | (rng.random(sums.size) < 1e-3)
    exact, other = saturated(fused[kept], np.int8), saturated(apart[kept], np.int8)
    declared = Quantization((1.0,), (0,))
    cases = [
        Case("two roundings where one is declared", exact, other, True, Scope.DECLARED, declared),
        Case("fused, another vector width", exact, exact.copy(), False, Scope.DECLARED, declared),
    ]
    return cases if (exact != other).any() else cases[1:]
