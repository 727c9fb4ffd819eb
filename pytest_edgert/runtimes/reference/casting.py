"""Cast, CastLike and BitCast: between any two types, the narrow floating ones by ONNX's own tables.

Float8 and float4: https://onnx.ai/onnx/technical/float8.html and float4.html. Out of range and NaN to integers are
unspecified by ONNX; here they do what NumPy does on this machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed
from pytest_edgert.runtimes.reference.values import Value, is_floating
from pytest_edgert.tensors import Array

#: Types of eight bits and fewer that Cast and QuantizeLinear go to, with their largest number.
_LARGEST = {
    "float8_e4m3fn": 448.0,
    "float8_e4m3fnuz": 240.0,
    "float8_e5m2": 57344.0,
    "float8_e5m2fnuz": 57344.0,
    "float4_e2m1fn": 6.0,
}
NARROW = tuple(_LARGEST)
_EXPONENT = "float8_e8m0fnu"


def cast(node: Node, arguments: Arguments) -> Value:
    """Cast: rounds once to a narrower type; a float32 that is float32 already is left as it is."""
    return converted(node, needed(node, arguments, 0), type_named(node.attributes["to"]))


def cast_like(node: Node, arguments: Arguments) -> Value:
    """CastLike: to the type of the second input."""
    return converted(node, needed(node, arguments, 0), needed(node, arguments, 1).dtype)


def bit_cast(node: Node, arguments: Arguments) -> Value:
    """BitCast: the same bits read as another type of the same width."""
    x, name = needed(node, arguments, 0), type_named(node.attributes["to"])
    stored = x.array.astype(numpy_type(x.dtype))
    if stored.dtype.itemsize != numpy_type(name).itemsize:
        raise UnsupportedModelError(f"Node {node.label} reads {x.dtype} as {name}, which has another width.")
    return _held(stored.view(numpy_type(name)), name)


def type_named(element: Any) -> str:
    """Return NumPy's name of one of ONNX's element types."""
    from onnx.helper import tensor_dtype_to_np_dtype

    return str(tensor_dtype_to_np_dtype(int(element)).name)


def numpy_type(name: str) -> np.dtype[Any]:
    """Return the NumPy type of a name, those of the package ml_dtypes too."""
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        kind: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return kind


def converted(node: Node, x: Value, name: str) -> Value:
    """Return a value in another type.

    Args:
        node: Its attributes `saturate` and `round_mode` say what becomes of numbers between and beyond.
        x: Any value.
        name: NumPy's name of the type.
    """
    if name == x.dtype:
        return x
    if name == "str":
        raise UnsupportedModelError(f"Node {node.label} makes text, and the reference takes numbers only.")
    if name == _EXPONENT:
        return _held(_power_of_two(node, x.array), name)
    if name in NARROW:
        return Value(narrowed(x.array, name, saturates=bool(node.get("saturate", 1))), name)
    return _held(x.array.astype(numpy_type(name)), name)


def _held(array: Array, name: str) -> Value:
    """Return an array of a type as a value carries it."""
    if is_floating(name):
        return Value(array.astype(np.float64), name)
    if name in {"int4", "uint4", "int2", "uint2"}:
        return Value(array.astype(name.rstrip("24") + "8"), name)
    return Value(array, name)


def narrowed(array: Array, name: str, *, saturates: bool) -> Array:
    """Return numbers rounded to a float8 or float4 type, half to even, in float64.

    Args:
        array: Numbers of any type.
        name: One of `NARROW`.
        saturates: Whether what is beyond the largest number, infinities too, becomes that number; float4 always does.
    """
    kind = numpy_type(name)
    wide = _rounded_to_odd(array.astype(np.float64))
    if saturates or name == "float4_e2m1fn":
        top = _LARGEST[name]
        wide = np.where(np.isnan(wide), wide, np.clip(wide, -top, top))
    return np.asarray(wide.astype(kind).astype(np.float64))


def _rounded_to_odd(array: Array) -> Array:
    """Return float64 cut to float32 with the last bit set where it was inexact.

    Rounding that to fewer than 22 bits gives what rounding the float64 at once gives: ml_dtypes goes through float32.
    """
    near = array.astype(np.float32)
    toward = np.where(np.abs(near.astype(np.float64)) > np.abs(array), np.nextafter(near, np.float32(0)), near)
    inexact = np.isfinite(array) & np.isfinite(toward) & (toward.astype(np.float64) != array)
    bits = toward.astype(np.float32).view(np.uint32) | inexact.astype(np.uint32)
    return np.asarray(bits.view(np.float32))


def _power_of_two(node: Node, array: Array) -> Array:
    from onnx.numpy_helper import to_float8e8m0

    mode = node.get("round_mode", b"up")
    saturates = bool(node.get("saturate", 1))
    text = mode.decode() if isinstance(mode, bytes) else mode
    return np.asarray(to_float8e8m0(array.astype(np.float32), saturates, text))


OPERATORS = {
    "Cast": Operator(cast, Reach.LEAVES),
    "CastLike": Operator(cast_like, Reach.LEAVES),
    "BitCast": Operator(bit_cast, Reach.LEAVES),
}
