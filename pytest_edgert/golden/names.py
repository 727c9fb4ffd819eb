"""Names of goldens: from what they are about to a file name that is short, safe and never that of another golden."""

from __future__ import annotations

import hashlib
import re

from pytest_edgert.contracts import Target
from pytest_edgert.errors import UsageError

#: Longest name in characters; with variant and suffix it stays below the 143 that encrypted file systems allow.
MAX_CHARACTERS = 80

MANIFEST_SUFFIX = ".golden.json"
PAYLOAD_SUFFIX = ".golden.safetensors"

_PLAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.]|-(?!-))*(?<!-)", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:@[A-Za-z0-9_.+-]+)?", re.ASCII)
_ODD = re.compile(r"[^A-Za-z0-9_.]+", re.ASCII)
_HASH_CHARACTERS = 10
#: What a payload's file name carries of its hash.
_PAYLOAD_CHARACTERS = 12


def golden_name(*parts: str) -> str:
    """Return the name of a golden.

    Parts of lower-case letters, digits, ``_``, ``.`` and single ``-`` are joined by ``--`` and stay as they are;
    everything else is replaced and a hash of the parts added, so that two goldens never share a file, not even where
    file names ignore case.

    Args:
        parts: What the golden is about: test or gate, model, artefact. Empty ones are left out.

    >>> golden_name("test_digits", "digits", "digits_int8.onnx")
    'test_digits--digits--digits_int8.onnx'
    >>> golden_name("test_digits[3/4]")
    'test_digits-3-4-8bac4cd66a'
    """
    given = [part for part in parts if part]
    joined = "--".join(given)
    if given and len(joined) <= MAX_CHARACTERS and all(_PLAIN.fullmatch(part) for part in given):
        return joined
    digest = hashlib.sha256("\0".join(given).encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARACTERS]
    readable = "--".join(filter(None, (_ODD.sub("-", part).strip("-.") for part in given)))
    room = MAX_CHARACTERS - _HASH_CHARACTERS - 1
    return f"{readable[:room].rstrip('-.') or 'golden'}-{digest}"


def variant_names(name: str, target: Target) -> tuple[str, ...]:
    """Return the names under which a target's golden may lie, the most specific first and `name` last.

    >>> variant_names("digits", Target("litert", "cpu", "builtin"))
    ('digits@litert-cpu+builtin', 'digits@litert-cpu', 'digits@litert', 'digits')
    """
    specific = [target.runtime] * bool(target.runtime)
    if target.accelerator:
        specific.insert(0, f"{target.runtime}-{target.accelerator}")
    if target.variant:
        specific.insert(0, f"{specific[0]}+{target.variant}")
    return (*(f"{name}@{one}" for one in specific), name)


def check_name(name: str) -> str:
    """Return a name that is safe as a file name; raises UsageError for any other."""
    if _NAME.fullmatch(name) is None or len(name) > 2 * MAX_CHARACTERS:
        raise UsageError(f"{name!r} is not a golden's name.", "Make it with golden_name(test, model, artefact).")
    return name


def payload_file(name: str, sha256: str) -> str:
    """Return the payload's file name: the content is part of it, so a new payload never overwrites an old one."""
    return f"{name}.{sha256[:_PAYLOAD_CHARACTERS]}{PAYLOAD_SUFFIX}"
