"""A golden into two byte strings and back: the manifest as JSON, the payload as safetensors; never pickle.

Equal goldens give equal bytes, on every machine and under every hash seed. Every byte of both is covered by a
hash: the payload's stands in the manifest, the manifest's in its own last word, `manifest_sha256`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NoReturn

from pytest_edgert.codec import decode, encode
from pytest_edgert.errors import ArtefactError, UsageError
from pytest_edgert.golden.describe import describe_tensor, stored_sha256
from pytest_edgert.golden.dtypes import DTYPES, from_stored, stored_form, to_stored
from pytest_edgert.golden.manifest import SCHEMA_VERSION, Golden, Manifest, Payload, TensorRecord
from pytest_edgert.tensors import Array, Feeds

_SEAL = "manifest_sha256"
#: The one metadata key of a payload: safetensors writes several in random order.
_METADATA_KEY = "edgert.golden"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LFS_HEAD = b"version https://git-lfs"
_AGAIN = "Restore it from version control, or record it again: pytest … --edge-update-golden=all."


def render(golden: Golden) -> tuple[bytes, bytes, Manifest]:
    """Return manifest bytes, payload bytes, and the manifest with its payload filled in.

    Raises:
        UsageError: An array cannot be held, is not what the manifest says, or a name cannot be written.
    """
    payload = render_payload(golden)
    manifest = replace(golden.manifest, payload=Payload(hashlib.sha256(payload).hexdigest(), len(payload)))
    return render_manifest(manifest), payload, manifest


def render_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as JSON with sorted keys and its own hash; raises UsageError for text that is no Unicode."""
    try:
        return _sealed(encode(manifest))
    except UnicodeEncodeError as error:
        raise UsageError(f"The golden {manifest.name!r} holds text that cannot be written: {error}.") from error


def _sealed(data: Mapping[str, Any]) -> bytes:
    bare = {key: value for key, value in data.items() if key != _SEAL}
    return _canonical({**bare, _SEAL: hashlib.sha256(_canonical(bare)).hexdigest()})


def _canonical(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def render_payload(golden: Golden) -> bytes:
    """Return the arrays as safetensors; raises UsageError where they are not what the manifest says."""
    from safetensors.numpy import save

    stored = _stored("output", golden.manifest.outputs, golden.outputs)
    if golden.manifest.inputs.stored != (golden.inputs is not None):
        raise UsageError("The golden's manifest and its arrays differ in whether inputs are stored.")
    if golden.inputs is not None:
        stored |= _stored("input", golden.manifest.inputs.tensors, golden.inputs)
    return bytes(save(stored, metadata={_METADATA_KEY: str(SCHEMA_VERSION)}))


def _stored(role: str, records: tuple[TensorRecord, ...], arrays: Feeds) -> dict[str, Array]:
    if len(records) != len(arrays) or {record.name for record in records} != set(arrays):
        raise UsageError(f"The golden's manifest tells {role}s {[r.name for r in records]}, found {list(arrays)}.")
    stored = {}
    for record in records:
        told = describe_tensor(record.name, arrays[record.name])
        if (told.dtype, told.shape, told.sha256) != (record.dtype, record.shape, record.sha256):
            raise UsageError(f"The {role} {record.name!r} is not the array that the golden's manifest describes.")
        stored[f"{role}/{record.name}"] = to_stored(record.name, arrays[record.name])
    return stored


def parse_manifest(content: bytes, where: str) -> Manifest:
    """Return the manifest of a file's bytes.

    Args:
        content: The whole file.
        where: Its path, for messages.

    Raises:
        ArtefactError: It is truncated, no manifest, of another schema version, or was edited.
    """
    data = _read_json(content, where)
    if data.get("schema") != SCHEMA_VERSION or type(data["schema"]) is not int:
        raise ArtefactError(
            f"{where} has the golden schema version {data.get('schema')!r}; this version reads {SCHEMA_VERSION}.",
            "Update pytest-edgert, or record the golden again: pytest … --edge-update-golden=all.",
        )
    if not _is_sealed(data, content):
        raise ArtefactError(f"{where} was edited after it was recorded: its hash differs{_line_ends(content)}.", _AGAIN)
    try:
        manifest = decode(Manifest, {key: value for key, value in data.items() if key != _SEAL})
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        what = error.args[0] if error.args else type(error).__name__
        raise ArtefactError(
            f"{where} is not a golden's manifest that this version reads: {what} "
            f"(recorded by pytest-edgert {data.get('tool_version')}).",
            "If that version is newer, update pytest-edgert. Otherwise: " + _AGAIN,
        ) from error
    _check_payload_told(manifest.payload, where)
    _check_records(manifest, where)
    return manifest


def _read_json(content: bytes, where: str) -> dict[str, Any]:
    if content.startswith(_LFS_HEAD):
        raise _lfs_pointer(where)
    try:
        data = json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(
            f"{where} is truncated or not a golden's manifest: {str(error) or type(error).__name__}.", _AGAIN
        ) from error
    if not isinstance(data, dict):
        raise ArtefactError(f"{where} is not a golden's manifest: it holds no JSON object.", _AGAIN)
    return data


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_sealed(data: Mapping[str, Any], content: bytes) -> bool:
    try:
        return _sealed(data) == content
    except (UnicodeEncodeError, ValueError):
        return False


def _line_ends(content: bytes) -> str:
    return " (its line ends are CRLF: mark *.golden.* as -text in .gitattributes)" if b"\r\n" in content else ""


def _check_payload_told(payload: Payload, where: str) -> None:
    if _SHA256.fullmatch(payload.sha256) is None or payload.size_bytes < 0:
        raise ArtefactError(f"{where} tells no payload: hash {payload.sha256!r}, {payload.size_bytes} bytes.", _AGAIN)


def _check_records(manifest: Manifest, where: str) -> None:
    for role, records in (("output", manifest.outputs), ("input", manifest.inputs.tensors)):
        names = [record.name for record in records]
        if len(set(names)) != len(names):
            raise ArtefactError(f"{where} tells an {role} twice: {names}.", _AGAIN)
        for record in records:
            if record.dtype not in DTYPES or any(length < 0 for length in record.shape):
                raise ArtefactError(
                    f"{where} tells {role} {record.name!r} as {record.dtype}{list(record.shape)}, "
                    "which a golden does not hold.",
                    _AGAIN,
                )


def parse_payload(content: bytes, manifest: Manifest, where: str) -> Golden:
    """Return the golden of a manifest and its payload's bytes; its arrays are read-only.

    Args:
        content: The whole payload.
        manifest: What it must hold.
        where: Its path, for messages.

    Raises:
        ArtefactError: It is truncated, was changed, or holds other tensors than the manifest tells.
    """
    _check_content(content, manifest.payload, where)
    tensors = _load(content, where)
    stored_inputs = manifest.inputs.tensors if manifest.inputs.stored else ()
    wanted = {f"output/{record.name}" for record in manifest.outputs} | {f"input/{r.name}" for r in stored_inputs}
    if wanted != set(tensors):
        raise ArtefactError(f"{where} holds {sorted(tensors)}; its manifest tells {sorted(wanted)}.", _AGAIN)
    outputs = {record.name: _restored("output", record, tensors, where) for record in manifest.outputs}
    inputs = {record.name: _restored("input", record, tensors, where) for record in stored_inputs}
    return Golden(manifest, outputs, inputs if manifest.inputs.stored else None)


def _check_content(content: bytes, told: Payload, where: str) -> None:
    if content.startswith(_LFS_HEAD):
        raise _lfs_pointer(where)
    if len(content) < told.size_bytes:
        raise ArtefactError(f"{where} is truncated: {len(content)} of {told.size_bytes} bytes are there.", _AGAIN)
    if len(content) > told.size_bytes:
        raise ArtefactError(f"{where} has {len(content)} bytes; {told.size_bytes} were recorded.", _AGAIN)
    if hashlib.sha256(content).hexdigest() != told.sha256:
        raise ArtefactError(f"{where} was changed after it was recorded: its hash differs.", _AGAIN)


def _load(content: bytes, where: str) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors: dict[str, Array] = load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ArtefactError(f"{where} is not a safetensors file that NumPy reads: {error}.", _AGAIN) from error
    return tensors


def _restored(role: str, record: TensorRecord, tensors: Mapping[str, Array], where: str) -> Array:
    stored = tensors[f"{role}/{record.name}"]
    if (stored.dtype.name, tuple(stored.shape)) != stored_form(record.dtype, record.shape):
        raise ArtefactError(
            f"{where} holds {role} {record.name!r} as {stored.dtype.name}{list(stored.shape)}; its manifest tells "
            f"{record.dtype}{list(record.shape)}.",
            _AGAIN,
        )
    if stored_sha256(to_stored(record.name, stored)) != record.sha256:
        raise ArtefactError(f"{where} holds other values of {role} {record.name!r} than were recorded.", _AGAIN)
    array = from_stored(record.dtype, stored)
    array.flags.writeable = False
    return array


def _lfs_pointer(where: str) -> ArtefactError:
    return ArtefactError(f"{where} is a Git LFS pointer, not the golden.", "Fetch the file itself: git lfs pull.")
