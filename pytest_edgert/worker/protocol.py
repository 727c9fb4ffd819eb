"""The frames on a worker's pipe: a fixed header, JSON metadata, raw bytes; bounded, versioned, no pickle.

A frame is `HEADER` (20 bytes, little endian), then `json_bytes` of ASCII JSON (an object), then
`payload_bytes` of tensor data. What the tensors in the payload are is said by the JSON
(`worker.packing`). A connection starts with one HELLO from the worker; then the client sends a REQUEST
and gets any number of PROGRESS frames and one RESULT or ERROR, and so on.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pytest_edgert.errors import FeedsError, ProtocolError

#: Version of frames and operations; both sides must have the same.
PROTOCOL_VERSION = 1

MAGIC = b"EDRT"
#: Magic, version, kind, two spare bytes, length of the JSON, length of the payload.
HEADER = struct.Struct("<4sBBxxIQ")

#: Largest JSON of one frame, in bytes.
JSON_LIMIT_BYTES = 16 * 2**20
#: Largest tensors of one frame unless the settings say otherwise, in bytes.
PAYLOAD_LIMIT_BYTES = 8 * 2**30

#: How many of the bytes that are not the protocol an error shows.
_SHOWN_BYTES = 64


class FrameKind(IntEnum):
    """What a frame is."""

    HELLO = 1
    REQUEST = 2
    RESULT = 3
    ERROR = 4
    PROGRESS = 5


_KINDS = {kind.value: kind for kind in FrameKind}
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Header:
    """The fixed head of a frame, checked."""

    kind: FrameKind
    json_bytes: int
    payload_bytes: int


def pack_head(kind: FrameKind, meta: Mapping[str, Any], payload_bytes: int) -> bytes:
    """Return header and JSON of a frame whose payload has `payload_bytes`.

    Raises:
        FeedsError: The JSON is larger than `JSON_LIMIT_BYTES`; only string tensors make it so.
    """
    text = _ENCODER.encode(meta).encode("ascii")
    if len(text) > JSON_LIMIT_BYTES:
        raise FeedsError(
            f"Strings and other plain values of one call have {len(text)} bytes, more than the limit of"
            f" {JSON_LIMIT_BYTES}.",
            "Send fewer or shorter strings.",
        )
    return HEADER.pack(MAGIC, PROTOCOL_VERSION, kind, len(text), payload_bytes) + text


def read_header(data: bytes | bytearray | memoryview, payload_limit_bytes: int) -> Header:
    """Return the checked header at the start of `data`, which holds at least `HEADER.size` bytes.

    Raises:
        ProtocolError: These bytes are not the protocol, another version of it, or announce too much.
    """
    magic, version, kind, json_bytes, payload_bytes = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise not_the_protocol(bytes(data))
    if version != PROTOCOL_VERSION:
        raise ProtocolError(
            f"The other side speaks version {version} of the worker's protocol, this side version {PROTOCOL_VERSION}.",
            "Install the same version of pytest-edgert on both sides.",
        )
    if kind not in _KINDS:
        raise ProtocolError(f"A frame of unknown kind {kind} came over the worker's pipe.")
    if json_bytes > JSON_LIMIT_BYTES or payload_bytes > payload_limit_bytes:
        raise ProtocolError(
            f"A frame announces {json_bytes} bytes of metadata and {payload_bytes} bytes of tensors;"
            f" the limits are {JSON_LIMIT_BYTES} and {payload_limit_bytes}."
        )
    return Header(_KINDS[kind], json_bytes, payload_bytes)


def read_meta(data: bytes | bytearray | memoryview) -> dict[str, Any]:
    """Return the JSON object of a frame; raises ProtocolError when it is none."""
    try:
        meta = json.loads(str(data, "ascii"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"A frame's metadata is no JSON ({error}): {_shown(bytes(data))}.") from error
    if not isinstance(meta, dict):
        raise ProtocolError(f"A frame's metadata is a {type(meta).__name__}, not an object: {_shown(bytes(data))}.")
    return meta


def not_the_protocol(data: bytes) -> ProtocolError:
    """Return the error for bytes that no worker of ours wrote; shows the first of them."""
    return ProtocolError(
        f"The worker's pipe carries something else than the protocol; the first bytes are {_shown(data)}.",
        "Something on the device prints to the standard output before or beside the worker: a login script, a wrapper.",
    )


def _shown(data: bytes) -> str:
    return repr(data[:_SHOWN_BYTES]) + ("…" if len(data) > _SHOWN_BYTES else "")
