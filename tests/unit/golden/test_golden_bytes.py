from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_samples import make_golden
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_edgert.errors import ArtefactError, UsageError
from pytest_edgert.golden.format import parse_manifest, parse_payload, render, render_manifest
from pytest_edgert.golden.manifest import Payload

MANIFEST, PAYLOAD, WRITTEN = render(make_golden(store_inputs=True))

SEAL = "manifest_sha256"

PRINT_HASHES = """
import hashlib
from golden_samples import make_golden
from pytest_edgert.golden.format import render
manifest, payload, _ = render(make_golden(store_inputs=True))
print(hashlib.sha256(manifest).hexdigest(), hashlib.sha256(payload).hexdigest())
"""


def resealed(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A manifest changed by someone who knows how to seal it."""
    data = json.loads(MANIFEST)
    del data[SEAL]
    change(data)
    body = (json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()
    data[SEAL] = hashlib.sha256(body).hexdigest()
    return (json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def test_equal_goldens_give_equal_bytes() -> None:
    assert render(make_golden(store_inputs=True))[:2] == (MANIFEST, PAYLOAD)


def test_the_order_of_mappings_changes_no_byte() -> None:
    golden = make_golden(store_inputs=True)
    turned = replace(
        golden,
        outputs=dict(reversed(golden.outputs.items())),
        manifest=replace(
            golden.manifest, model=replace(golden.manifest.model, details={"producer": None, "opset": 13})
        ),
    )
    assert render(turned)[:2] == (MANIFEST, PAYLOAD)


@pytest.mark.parametrize("seed", ["1", "4242"])
def test_another_process_with_another_hash_seed_gives_equal_bytes(seed: str) -> None:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[2]}"}
    told = subprocess.run(
        [sys.executable, "-c", PRINT_HASHES], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.split() == [hashlib.sha256(MANIFEST).hexdigest(), hashlib.sha256(PAYLOAD).hexdigest()]


def test_the_manifest_is_json_with_sorted_keys_that_people_can_read() -> None:
    data = json.loads(MANIFEST)
    assert MANIFEST.decode().startswith("{\n  ")
    assert list(data) == sorted(data)
    assert data["reason"] == "first µ"
    assert "first µ" in MANIFEST.decode()


def test_the_payload_carries_one_metadata_key() -> None:
    length = int.from_bytes(PAYLOAD[:8], "little")
    header = json.loads(PAYLOAD[8 : 8 + length])
    assert header["__metadata__"] == {"edgert.golden": "1"}
    assert set(header) == {"__metadata__", "output/y", "output/q", "input/x"}


def test_every_truncation_of_the_manifest_is_refused() -> None:
    for length in range(len(MANIFEST)):
        with pytest.raises(ArtefactError):
            parse_manifest(MANIFEST[:length], "m.json")


def test_every_truncation_of_the_payload_is_refused_as_one() -> None:
    for length in range(len(PAYLOAD)):
        with pytest.raises(ArtefactError, match="truncated"):
            parse_payload(PAYLOAD[:length], WRITTEN, "p.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_every_flipped_byte_of_the_manifest_is_refused(mask: int) -> None:
    for position in range(len(MANIFEST)):
        changed = bytearray(MANIFEST)
        changed[position] ^= mask
        with pytest.raises(ArtefactError):
            parse_manifest(bytes(changed), "m.json")


def test_every_flipped_byte_of_the_payload_is_refused() -> None:
    for position in range(len(PAYLOAD)):
        changed = bytearray(PAYLOAD)
        changed[position] ^= 0x01
        with pytest.raises(ArtefactError, match=r"p\.safetensors was changed"):
            parse_payload(bytes(changed), WRITTEN, "p.safetensors")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "truncated or not"),
        (b"[1]", "no JSON object"),
        (b'{"schema": 2}', "schema version 2; this version reads 1"),
        (b'{"schema": true}', "schema version True"),
        (b"{}", "schema version None"),
        (b'{"schema": NaN}', "NaN is not JSON"),
        (b"[" * 100_000, "truncated or not"),
        (b"\xff\xfe", "truncated or not"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (MANIFEST.replace(b"first", b"other"), "edited after it was recorded"),
        (MANIFEST + b"\n", "edited"),
        (MANIFEST.replace(b'"schema": 1', b'"schema": 1, "schema": 1'), "edited"),
        (MANIFEST.replace(b"\n", b"\r\n"), "line ends are CRLF"),
    ],
)
def test_a_manifest_that_cannot_be_read_names_the_file_the_fault_and_the_remedy(content: bytes, said: str) -> None:
    with pytest.raises(ArtefactError) as caught:
        parse_manifest(content, "goldens/m.json")
    assert "goldens/m.json" in caught.value.message
    assert said in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.pop("outputs"), "not a golden's manifest"),
        (lambda data: data.update(future=1), "no field"),
        (lambda data: data.update(model=3), "not a golden's manifest"),
        (lambda data: data.update(outputs=[None]), "not a golden's manifest"),
        (lambda data: data.update(inputs=[]), "not a golden's manifest"),
        (lambda data: data["payload"].update(sha256="../../../etc/passwd"), "tells no payload"),
        (lambda data: data["payload"].update(size_bytes=-1), "tells no payload"),
        (lambda data: data["outputs"][0].update(dtype="object"), "object"),
        (lambda data: data["outputs"][0].update(shape=[-1]), r"\[-1\]"),
        (lambda data: data["outputs"].append(data["outputs"][0]), "twice"),
    ],
)
def test_a_forged_manifest_is_refused(change: Callable[[dict[str, Any]], None], said: str) -> None:
    with pytest.raises(ArtefactError, match=said):
        parse_manifest(resealed(change), "m.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["outputs"][0].update(name="z"), "its manifest tells"),
        (lambda data: data["outputs"][0].update(dtype="int32"), "as float32"),
        (lambda data: data["outputs"][0].update(shape=[2]), "as float32"),
        (lambda data: data["outputs"][0].update(sha256="0" * 64), "other values of output 'y'"),
        (lambda data: data["inputs"].update(stored=False), "its manifest tells"),
    ],
)
def test_a_payload_that_does_not_fit_its_manifest_is_refused(
    change: Callable[[dict[str, Any]], None], said: str
) -> None:
    manifest = parse_manifest(resealed(change), "m.json")
    with pytest.raises(ArtefactError, match=said):
        parse_payload(PAYLOAD, manifest, "p.safetensors")


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\xff" * 64, b"\x80\x04pickle", PAYLOAD[:-1]])
def test_a_payload_that_is_no_safetensors_is_refused_even_with_the_right_hash(content: bytes) -> None:
    manifest = replace(WRITTEN, payload=Payload(hashlib.sha256(content).hexdigest(), len(content)))
    with pytest.raises(ArtefactError, match=r"p\.safetensors is not a safetensors file"):
        parse_payload(content, manifest, "p.safetensors")


@pytest.mark.parametrize(
    "outputs",
    [
        {"y": np.zeros((1, 2), np.float32)},
        {},
        {"y": np.array([[1.5, 0.0]], np.float32), "q": np.zeros((1, 2), np.int8)},
    ],
    ids=["missing", "empty", "sign of zero"],
)
def test_arrays_that_the_manifest_does_not_describe_are_not_written(outputs: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="manifest"):
        render(replace(make_golden(), outputs=outputs))


def test_inputs_are_written_only_where_the_manifest_tells_so() -> None:
    with pytest.raises(UsageError, match="whether inputs are stored"):
        render(replace(make_golden(), inputs={"x": np.zeros(3, np.float32)}))


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        render_manifest(replace(make_golden().manifest, reason="\ud800"))


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("a\x00/.", max_size=3),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2)
)


def paths(value: Any) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, as the keys that lead to it."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in inside for place in ((key,), *((key, *deeper) for deeper in paths(item)))]


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(data=st.data(), value=values)
def test_any_value_anywhere_in_a_sealed_manifest_is_read_or_refused_as_ours(data: st.DataObject, value: Any) -> None:
    *way, last = data.draw(st.sampled_from(paths({k: v for k, v in json.loads(MANIFEST).items() if k != SEAL})))

    def change(manifest: dict[str, Any]) -> None:
        place: Any = manifest
        for key in way:
            place = place[key]
        place[last] = value

    with suppress(ArtefactError):
        parse_payload(PAYLOAD, parse_manifest(resealed(change), "m.json"), "p.safetensors")
