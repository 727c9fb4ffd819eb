"""The N rows (NaN and infinities) and the F rows (precision, order, range of floats)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from fault_arithmetic import Array, bfloat16, blocked_product, float16, tf32
from fault_cases import Case, Rng, Rows, one_operator

ROWS = Rows()
NAN = np.float32(np.nan)


def _with_nan(rng: Rng, *shape: int) -> Array:
    x = rng.standard_normal(shape).astype(np.float32)
    x.reshape(-1)[rng.choice(x.size, max(1, x.size // 10), replace=False)] = NAN
    return x


def _where_nan(x: Array, right: Array, value: float) -> Array:
    replaced: Array = np.where(np.isnan(x), np.float32(value), right)
    return replaced


@ROWS.row("N01", "Relu and Clip of NaN")
def _relu(rng: Rng) -> Sequence[Case]:
    x = _with_nan(rng, 4, int(rng.integers(3, 20)))
    exact = np.maximum(x, np.float32(0))
    negative = exact.copy()
    negative[np.isnan(x)] = -NAN
    clipped = np.clip(x, -1, 1)
    return [
        Case("Relu gives 0", exact, _where_nan(x, exact, 0), True, model=one_operator("Relu", {"x": x}, None, exact)),
        Case("Clip gives its lower bound", clipped, _where_nan(x, clipped, -1), True),
        Case("the sign of NaN", exact, negative, False),
    ]


@ROWS.row("N04", "Max and Min of NaN and a number depend on the order of the operands")
def _maximum(rng: Rng) -> Sequence[Case]:
    a, b = _with_nan(rng, 8, 8), rng.standard_normal((8, 8)).astype(np.float32)
    exact = np.maximum(a, b)
    model = one_operator("Max", {"a": a, "b": b}, None, exact)
    return [
        Case("the number wins", exact, np.fmax(a, b), True, model=model),
        Case("operands swapped", exact, np.maximum(b, a), False),
    ]


@ROWS.row("N06", "Softmax of a row with NaN or an infinity")
def _softmax(rng: Rng) -> Sequence[Case]:
    x = rng.standard_normal((3, int(rng.integers(3, 10)))).astype(np.float32)
    x[0, 0] = np.inf if rng.random() < 0.5 else NAN
    with np.errstate(invalid="ignore"):
        exact = _softmaxed(x, np.float64).astype(np.float32)
        again = _softmaxed(x, np.float32)
    partly = exact.copy()
    partly[0] = 0
    partly[0, 0] = NAN
    ignored = exact.copy()
    ignored[0] = _softmaxed(x[:1, 1:], np.float64).mean()
    return [
        Case(
            "NaN in one place, the rest of the row 0",
            exact,
            partly,
            True,
            model=one_operator("Softmax", {"x": x}, None, exact),
        ),
        Case("NaN left out of the row", exact, ignored, True),
        Case("in float32", exact, again, False),
    ]


def _softmaxed(x: Array, dtype: type) -> Array:
    powers = np.exp(x.astype(dtype) - x.astype(dtype).max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


@ROWS.row("N08", "ReduceMax and ArgMax of NaN")
def _reduce_max(rng: Rng) -> Sequence[Case]:
    x = rng.standard_normal((6, 12)).astype(np.float32)
    x[0, int(rng.integers(12))] = NAN
    exact, ignored = x.max(axis=1), np.nanmax(x, axis=1)
    model = one_operator("ReduceMax", {"x": x}, {"axes": np.array([1])}, exact, keepdims=0)
    return [
        Case("ReduceMax leaves NaN out", exact, ignored, True, model=model),
        Case("ArgMax leaves NaN out", x.argmax(axis=1), np.nanargmax(x, axis=1), True),
        Case("ReduceMax in two halves", exact, np.maximum(x[:, :6].max(axis=1), x[:, 6:].max(axis=1)), False),
    ]


@ROWS.row("N09", "Gemm with beta 0 and a bias of NaN")
def _gemm(rng: Rng) -> Sequence[Case]:
    a, b = rng.standard_normal((3, 16)).astype(np.float32), rng.standard_normal((16, 5)).astype(np.float32)
    exact = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32)
    spoiled = exact + np.float32(0) * np.where(np.arange(5) == rng.integers(5), NAN, np.float32(1))
    return [
        Case("0 times NaN", exact, spoiled, True),
        Case("in float32, in blocks", exact, blocked_product(a, b, 4), False),
    ]


@ROWS.row("N10", "Sign and PRelu of NaN on a GPU")
def _sign(rng: Rng) -> Sequence[Case]:
    x = _with_nan(rng, 5, 7)
    sign, slope = np.sign(x), np.float32(0.25)
    prelu = np.where(x < 0, x * slope, x).astype(np.float32)
    return [
        Case("Sign gives -1", sign, _where_nan(x, sign, -1), True, model=one_operator("Sign", {"x": x}, None, sign)),
        Case("PRelu gives 0", prelu, _where_nan(x, prelu, 0), True),
        Case("PRelu by its two parts", prelu, np.maximum(x, 0) + slope * np.minimum(x, 0), False),
    ]


@ROWS.row("N13", "negative zero: equal, until something divides by it")
def _negative_zero(rng: Rng) -> Sequence[Case]:
    x = rng.standard_normal(32).astype(np.float32)
    x[:: int(rng.integers(2, 6))] = 0
    minus = np.where(x == 0, np.float32(-0.0), x)
    with np.errstate(divide="ignore"):
        divided, other = np.float32(1) / x, np.float32(1) / minus
    return [
        Case("one over it", divided, other, True),
        Case("itself", x, minus, False),
    ]


def _product(rng: Rng, length: int) -> tuple[Array, Array, Array]:
    a = rng.standard_normal((32, length)).astype(np.float32)
    b = rng.standard_normal((length, 24)).astype(np.float32) / np.float32(np.sqrt(length))
    return a, b, (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32)


@ROWS.row("F01", "TF32 where float32 is told")
def _tensor_float(rng: Rng) -> Sequence[Case]:
    a, b, exact = _product(rng, int(rng.choice([64, 256, 768])))
    reduced = blocked_product(tf32(a), tf32(b), 64)
    model = one_operator("MatMul", {"a": a}, {"b": b}, exact)
    return [
        Case("TF32, float32 told", exact, reduced, True, accelerator="cuda", precision="f32", model=model),
        Case("TF32, told", exact, reduced, False, accelerator="cuda", precision="tf32"),
        Case("float32 in blocks", exact, blocked_product(a, b, 32), False, accelerator="cuda", precision="f32"),
    ]


@ROWS.row("F02", "bfloat16 or float16 where float32 is told")
def _reduced(rng: Rng) -> Sequence[Case]:
    a, b, exact = _product(rng, int(rng.choice([64, 256, 768])))
    narrow = {"bf16": bfloat16, "f16": float16}
    cases = []
    for name, rounded in narrow.items():
        reduced = rounded(blocked_product(rounded(a), rounded(b), 64))
        cases += [
            Case(f"{name}, float32 told", exact, reduced, True, precision="f32"),
            Case(f"{name}, told", exact, reduced, False, precision=name),
        ]
    return [*cases, Case("float32 in blocks", exact, blocked_product(a, b, 48), False)]


@ROWS.row("F03", "a float64 model computed in float32")
def _double(rng: Rng) -> Sequence[Case]:
    x = rng.standard_normal((8, 40))
    w = rng.standard_normal((40, 6))
    # Long double has 11 more bits than float64 here, and needs none where it has not.
    exact = (x.astype(np.longdouble) @ w.astype(np.longdouble)).astype(np.float64)
    near_one = 1 + rng.integers(1, 1000, 64) * 1e-12
    narrow = (x.astype(np.float32) @ w.astype(np.float32)).astype(np.float64)
    model = one_operator("MatMul", {"x": x}, {"w": w}, exact)
    return [
        Case("a product in float32", exact, narrow, True, model=model),
        Case("1 + 1e-12 becomes 1", near_one, near_one.astype(np.float32).astype(np.float64), True),
        Case("a product in float64, another order", exact, (x[:, ::-1] @ w[::-1]), False),
    ]


@ROWS.row("F04", "an intermediate beyond 65504 in float16")
def _overflow(rng: Rng) -> Sequence[Case]:
    x = rng.uniform(50, 400, (4, 50)).astype(np.float32)
    x[:, 0] = 400
    mean = np.sqrt((x.astype(np.float64) ** 2).mean(axis=1, keepdims=True))
    exact = (x / mean).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = (x.astype(np.float16) ** 2).astype(np.float32)
        broken = (x / np.sqrt(squares.mean(axis=1, keepdims=True))).astype(np.float32)
        infinite = (x.astype(np.float16) * np.float16(300)).astype(np.float32)
    told = {"accelerator": "ane", "precision": "f16"}
    return [
        Case("the square overflows: everything is 0", exact, broken, True, **told),  # type: ignore[arg-type]
        Case("infinities", x * np.float32(300), infinite, True, **told),  # type: ignore[arg-type]
        Case("stored as float16", exact, float16(exact), False, **told),  # type: ignore[arg-type]
    ]


@ROWS.row("F06", "ReduceSum of a million float32 numbers")
def _long_sum(rng: Rng) -> Sequence[Case]:
    x = rng.random((2, 2**20)).astype(np.float32)
    exact = x.astype(np.float64).sum(axis=1).astype(np.float32)
    lanes = np.cumsum(x.reshape(2, -1, 16), axis=1, dtype=np.float32)[:, -1].sum(axis=1)
    half = np.array([_summed_in_float16(row) for row in x], np.float32)
    model = one_operator("ReduceSum", {"x": x}, {"axes": np.array([1])}, exact, keepdims=0)
    return [
        Case("one after the other in 16 lanes", exact, lanes, False, model=model),
        Case("an accumulator in float16 that stalls", exact, half, True),
        Case("the last lanes are forgotten", exact, x[:, : -(2**15)].sum(axis=1), True),
    ]


def _summed_in_float16(row: Array) -> float:
    # Blocks first, for speed; then the partial sums one after the other, where float16 stalls.
    total = np.float16(0)
    with np.errstate(over="ignore"):
        for part in row.reshape(-1, 16).sum(axis=1)[:8192].astype(np.float16):
            total = np.float16(total + part)
    return float(total)


@ROWS.row("F07", "matrix products with a long inner length, where much cancels")
def _cancelling(rng: Rng) -> Sequence[Case]:
    length = int(rng.choice([1024, 2048, 4096]))
    a = rng.random((16, length)).astype(np.float32)
    b = rng.standard_normal((length, 16)).astype(np.float32)
    exact = (a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32)
    return [
        Case("float32 in blocks of 16", exact, blocked_product(a, b, 16), False),
        Case("float32 in one piece", exact, a @ b, False),
        Case("TF32, float32 told", exact, blocked_product(tf32(a), tf32(b), 64), True, precision="f32"),
    ]


@ROWS.row("F08", "another order of summation at each run")
def _nondeterministic(rng: Rng) -> Sequence[Case]:
    a, b, exact = _product(rng, 512)
    order = rng.permutation(512)
    lost = exact.copy()
    place = int(rng.integers(16)) * 32
    lost[0] -= (a[:1, place : place + 32] @ b[place : place + 32])[0]
    return [
        Case("summed in another order", exact, blocked_product(a[:, order], b[order], 32), False),
        Case(
            "a partial sum is lost in a race",
            exact,
            lost,
            True,
            model=one_operator("MatMul", {"a": a}, {"b": b}, exact),
        ),
    ]
