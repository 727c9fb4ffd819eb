"""What a path on the command line is: one deployable model file or folder, identified without any vendor.

The pytest process does not parse models. It looks at the path, the suffix and the first bytes, and hashes
the content; whether the model is sound is found by the worker that opens it.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_edgert.errors import ArtefactError
from pytest_edgert.runtimes.registry import runtimes

#: Suffixes of the vocabulary, whether or not a runtime here reads them.
KNOWN_SUFFIXES = (
    ".onnx",
    ".ort",
    ".tflite",
    ".xml",
    ".engine",
    ".plan",
    ".mlpackage",
    ".mlmodel",
    ".hef",
    ".fake",
)
#: OpenVINO IR: the graph, and the weights beside it.
_IR_SUFFIX, _WEIGHTS_SUFFIX = ".xml", ".bin"
_FOLDER_SUFFIX = ".mlpackage"
#: Artefacts that are text by nature; any other file of printable text is not a model.
_TEXT_SUFFIXES = (".xml", ".fake")
_HEAD_BYTES = 512
_CHUNK_BYTES = 2**20
_PRINTABLE = frozenset(string.printable.encode())


@dataclass(frozen=True, slots=True)
class Artefact:
    """One artefact and its identity.

    Args:
        path: Where it lies, as given.
        sha256: Hash of the file; of a folder, of the names and contents of its files in order. External data
            that an ``.onnx`` keeps in further files is not part of it, for only the worker parses the model.
        size_bytes: Size of the file, or of all files of the folder.
        suffix: Lower case, with the dot.
    """

    path: Path
    sha256: str
    size_bytes: int
    suffix: str


def identify(path: Path) -> Artefact:
    """Return what lies at a path.

    Raises:
        ArtefactError: It is missing, empty, unreadable, a folder, of an unknown suffix, or no model at first sight.
    """
    suffix = path.suffix.lower()
    try:
        _check_kind(path, suffix)
        _check_suffix(path, suffix)
        if suffix == _FOLDER_SUFFIX and path.is_dir():
            sha256, size_bytes = _hash_folder(path)
        else:
            _check_head(path, suffix)
            sha256, size_bytes = _hash_file(path)
            weights = path.with_suffix(_WEIGHTS_SUFFIX)
            if suffix == _IR_SUFFIX and weights.is_file():
                sha256, size_bytes = _hash_pair((sha256, size_bytes), _hash_file(weights))
    except OSError as error:
        raise ArtefactError(
            f"{path} cannot be read: {error.strerror or error}.", "Check its permissions and those of its folder."
        ) from error
    if size_bytes == 0:
        raise ArtefactError(f"{path} is empty.", "Export or download it again.")
    return Artefact(path, sha256, size_bytes, suffix)


def known_suffixes() -> tuple[str, ...]:
    """Return the suffixes of the vocabulary and those that registered runtimes add."""
    added = (suffix for runtime in runtimes().values() for suffix in runtime.info.suffixes)
    return tuple(dict.fromkeys((*KNOWN_SUFFIXES, *added)))


def _check_kind(path: Path, suffix: str) -> None:
    if not os.path.lexists(path):
        near = _nearest_file(path)
        raise ArtefactError(f"{path} does not exist.", f"Did you mean {near}?" if near else "Check the path.")
    if not path.exists():
        raise ArtefactError(f"{path} is a link to {path.readlink()}, which does not exist.", "Restore its target.")
    if path.is_dir() and suffix != _FOLDER_SUFFIX:
        inside = sorted(child.name for child in path.iterdir() if child.suffix.lower() in KNOWN_SUFFIXES)
        hint = f"Name a file in it: {', '.join(inside[:5])}." if inside else "Name a model file."
        raise ArtefactError(f"{path} is a folder, not a model.", hint)
    if not path.is_dir() and not path.is_file():
        raise ArtefactError(f"{path} is neither a file nor a folder.", "Name a model file.")


def _check_suffix(path: Path, suffix: str) -> None:
    if suffix in KNOWN_SUFFIXES:
        return
    known = known_suffixes()
    if suffix not in known:
        close = difflib.get_close_matches(suffix, known, n=1, cutoff=0.5)
        near = f" Did you mean {close[0]}?" if close else ""
        raise ArtefactError(
            f"{path} has the suffix {suffix!r}, which no runtime reads.", f"Known: {', '.join(known)}.{near}"
        )


def _check_head(path: Path, suffix: str) -> None:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"version https://git-lfs"):
        raise ArtefactError(
            f"{path} is a Git LFS pointer, not the model.", "Fetch the file itself: git lfs pull --include " + path.name
        )
    if suffix in _TEXT_SUFFIXES or not head:
        return
    start = head.lstrip()[:64]
    if start[:1] == b"<":
        raise ArtefactError(
            f"{path} is a web page ({_shown(start)}), not a model.", "Download the file itself, not its page."
        )
    if _is_text(head):
        raise ArtefactError(f"{path} is text ({_shown(start)}), not a model.", "Download or export it again.")


def _is_text(head: bytes) -> bool:
    return _PRINTABLE.issuperset(head)


def _shown(start: bytes) -> str:
    return repr(start[:24].decode("ascii", "replace"))


def _nearest_file(path: Path) -> Path | None:
    if not path.parent.is_dir():
        return None
    names = [child.name for child in path.parent.iterdir() if child.suffix.lower() in KNOWN_SUFFIXES]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return path.parent / close[0] if close else None


def _hash_file(path: Path) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    for chunk in _chunks(path):
        digest.update(chunk)
        size_bytes += len(chunk)
    return digest.hexdigest(), size_bytes


def _hash_pair(graph: tuple[str, int], weights: tuple[str, int]) -> tuple[str, int]:
    """Return hash and size of an OpenVINO IR: graph and weights are one artefact."""
    return hashlib.sha256(f"{graph[0]}\n{weights[0]}\n".encode()).hexdigest(), graph[1] + weights[1]


def _hash_folder(path: Path) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    for child in sorted(found for found in path.rglob("*") if found.is_file()):
        sha256, size = _hash_file(child)
        digest.update(f"{child.relative_to(path).as_posix()}\0{sha256}\n".encode())
        size_bytes += size
    return digest.hexdigest(), size_bytes


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
