from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from golden_samples import make_golden, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pytest_edgert.golden.dtypes import DTYPES
from pytest_edgert.golden.format import parse_manifest, parse_payload, render
from pytest_edgert.golden.manifest import Golden
from pytest_edgert.tensors import Array, Feeds


def dtype_of(name: str) -> np.dtype:
    return np.dtype(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else np.dtype(name)


def round_trip(golden: Golden) -> Golden:
    content, payload, written = render(golden)
    manifest = parse_manifest(content, "m.json")
    assert repr(manifest) == repr(written)  # a NaN of the stats is not equal to itself
    return parse_payload(payload, manifest, "p.safetensors")


def from_bits(dtype: np.dtype, shape: tuple[int, ...], content: bytes) -> Array:
    """An array of any bit pattern: NaNs with payloads, both zeros, subnormal numbers."""
    if dtype == np.bool_:
        return np.frombuffer(bytes(byte & 1 for byte in content), dtype).reshape(shape)
    if dtype.name in ("int4", "uint4", "int2", "uint2"):
        signed, bits = dtype.name.startswith("int"), int(dtype.name[-1])
        raw = np.frombuffer(content, np.uint8) % 2**bits
        values = raw.astype(np.int8) - (2 ** (bits - 1) if signed else 0)
        return values.astype(dtype).reshape(shape)
    return np.frombuffer(content, dtype).reshape(shape)


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    dtype = dtype_of(draw(st.sampled_from(sorted(DTYPES))))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
    size_bytes = int(np.prod(shape, dtype=int)) * dtype.itemsize
    array = from_bits(dtype, shape, draw(st.binary(min_size=size_bytes, max_size=size_bytes)))
    return array.T if draw(st.booleans()) else array


names = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@pytest.mark.slow
@settings(deadline=None)
@given(outputs=st.dictionaries(names, arrays(), max_size=3), inputs=st.dictionaries(names, arrays(), max_size=2))
def test_every_bit_of_every_array_comes_back(outputs: Feeds, inputs: Feeds) -> None:
    back = round_trip(make_golden("g", outputs, inputs, store_inputs=True))
    assert back.inputs is not None
    assert (list(back.outputs), list(back.inputs)) == (list(outputs), list(inputs))
    assert all(same_bits(back.outputs[name], array) for name, array in outputs.items())
    assert all(same_bits(back.inputs[name], array) for name, array in inputs.items())


@pytest.mark.parametrize("name", sorted(DTYPES))
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_every_dtype_comes_back(name: str, shape: tuple[int, ...]) -> None:
    array = np.ones(shape, dtype_of(name))
    assert same_bits(round_trip(make_golden("g", {"y": array})).outputs["y"], array)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float32).reshape(4, 6)[::2, ::-3],
        np.broadcast_to(np.float32([1, 2]), (3, 2)),
        np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
        np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        np.arange(3, dtype=">i4"),
    ],
    ids=["strided", "broadcast", "transposed", "fortran", "big-endian"],
)
def test_an_array_of_any_layout_is_stored_by_its_values(array: Array) -> None:
    back = round_trip(make_golden("g", {"y": array})).outputs["y"]
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype.newbyteorder("=")


def test_a_nan_keeps_its_payload_and_a_zero_its_sign() -> None:
    bits = np.array([0x7FC00001, 0xFF800123, 0x80000000], np.uint32)
    back = round_trip(make_golden("g", {"y": bits.view(np.float32)})).outputs["y"]
    assert back.view(np.uint32).tolist() == bits.tolist()


def test_arrays_read_cannot_be_changed() -> None:
    back = round_trip(make_golden(store_inputs=True))
    assert back.inputs is not None
    assert not any(array.flags.writeable for array in (*back.outputs.values(), *back.inputs.values()))


def test_inputs_that_are_not_kept_are_absent() -> None:
    assert round_trip(make_golden()).inputs is None


def test_quantisation_and_signature_come_back() -> None:
    golden = make_golden()
    back = round_trip(golden).manifest
    assert back.model == golden.manifest.model
    assert back.outputs == golden.manifest.outputs
    assert back.outputs[1].quantization is not None
