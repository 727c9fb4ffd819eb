"""How much of a file lies in the kernel's page cache: whether opening it will read from memory or from storage."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path


def cached_share(artefact: Path) -> float | None:
    """Return the share of an artefact's bytes in the page cache, 0 to 1, by mincore(2).

    The weights beside an OpenVINO ``.xml`` count with it, and every file of a folder.

    Returns:
        None where the kernel does not tell: another system than Linux, or a file that this user neither owns nor may
        write, of which the kernel says since 5.2 that everything is there.
    """
    found = [_resident(path) for path in _files(artefact)]
    known = [one for one in found if one is not None]
    if len(known) < len(found) or not sum(pages for _, pages in known):
        return None
    return sum(resident for resident, _ in known) / sum(pages for _, pages in known)


def _files(artefact: Path) -> list[Path]:
    if artefact.is_dir():
        return [path for path in sorted(artefact.rglob("*")) if path.is_file() and path.stat().st_size]
    weights = artefact.with_suffix(".bin")
    return [artefact, weights] if artefact.suffix.lower() == ".xml" and weights.is_file() else [artefact]


def _resident(path: Path) -> tuple[int, int] | None:
    """Return how many pages of a file are resident, and how many it has."""
    try:
        mincore = ctypes.CDLL(None, use_errno=True).mincore
        owned = path.stat().st_uid == os.geteuid() or os.access(path, os.W_OK)
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
            pages = -(-len(mapped) // mmap.PAGESIZE)
            told = (ctypes.c_ubyte * pages)()
            first = ctypes.c_char.from_buffer(mapped)
            failed = mincore(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(len(mapped)), told)
            del first  # or the map could not be closed
    except (OSError, ValueError, AttributeError):
        return None
    return None if failed or not owned else (sum(page & 1 for page in told), pages)
