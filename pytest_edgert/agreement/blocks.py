"""Walk two equal-shaped arrays side by side in blocks that stay in the processor's cache, whatever their strides.

Two contiguous arrays are sliced without a copy; any other layout (a transposed view, a broadcast, a negative
stride) goes through one buffered iterator, so the extra memory is a few blocks and never a tensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Array

#: Elements of one block: 256 KiB of float32, so that two inputs and two buffers fill a second-level cache of 1 MiB; a
#: multiple of `ROW`. Smaller blocks cost more calls than they save in cache misses.
BLOCK = 65536
#: Length of the rows into which a block is folded to be summed.
ROW = 256

#: Names of float types that NumPy lacks and that we widen by hand.
BFLOAT16 = "bfloat16"
#: Names of types that no one compares here; widen them where they are made.
UNREAD = ("float8_", "float4_", "float6_", "int4", "uint4", "int2", "uint2", "complex")


def pair_blocks(left: Array, right: Array, size: int = BLOCK) -> Iterator[tuple[int, Array, Array]]:
    """Yield (offset, left block, right block) over the elements in C order; the blocks are 1-D and equally long.

    Args:
        left: Any array.
        right: An array of the same shape.
        size: Most elements of a block, > 0.

    Yields:
        The flat index of the first element, and two 1-D blocks: views, or buffers that live until the next step.
    """
    if left.shape != right.shape:
        raise UsageError(f"Blocks need one shape, got {left.shape} and {right.shape}.")
    if left.flags.c_contiguous and right.flags.c_contiguous:
        flat_left, flat_right = left.reshape(-1), right.reshape(-1)
        for start in range(0, left.size, size):
            yield start, flat_left[start : start + size], flat_right[start : start + size]
        return
    yield from _strided_blocks(left, right, size)


def _strided_blocks(left: Array, right: Array, size: int) -> Iterator[tuple[int, Array, Array]]:
    offset = 0
    walk = np.nditer(
        (left, right), flags=["external_loop", "buffered", "zerosize_ok", "refs_ok"], order="C", buffersize=size
    )
    with walk:
        for one, other in walk:
            # An iterator over a zero-size array gives one empty block on some versions of NumPy.
            for start in range(0, one.size, size):
                yield offset + start, one[start : start + size], other[start : start + size]
            offset += one.size


def logical_dtype(array: Array, declared: str = "") -> str:
    """Return the dtype name a tensor is to be read as.

    Args:
        array: The tensor; bfloat16 may come as its own dtype or as raw uint16 with `declared`.
        declared: What the specification says; empty when there is none.

    Raises:
        UsageError: A type that is not compared here, or a declaration that the array cannot be.
    """
    if array.dtype.kind in "OUST":
        return "string"
    found = array.dtype.newbyteorder("=").name
    if declared == BFLOAT16 and found == "uint16":
        found = BFLOAT16
    if found.startswith(UNREAD) or not (array.dtype.kind in "biu" or is_float(found)):
        raise UsageError(
            f"Tensors of {found} cannot be compared.", "Widen them to float32 or int8 where they are produced."
        )
    return found


def is_float(dtype: str) -> bool:
    """Return whether a dtype name is one of the float types that are compared."""
    return dtype in ("float16", "float32", "float64", BFLOAT16)


def raw_bfloat16(array: Array) -> npt.NDArray[np.uint16]:
    """Return the bits of a bfloat16 tensor, which comes as raw uint16 or as a two-byte extension type."""
    return array.astype(np.uint16, copy=False) if array.dtype.kind == "u" else array.view(np.uint16)


def widen(block: Array, dtype: str) -> npt.NDArray[Any]:
    """Return a float block as float32 (bfloat16, float16) or as it is (float32, float64), in native byte order."""
    if dtype == BFLOAT16:
        return (raw_bfloat16(block).astype(np.uint32) << np.uint32(16)).view(np.float32)
    if dtype == "float16":
        return block.astype(np.float32)
    native = block.dtype.newbyteorder("=")
    return block if block.dtype == native else block.astype(native)
