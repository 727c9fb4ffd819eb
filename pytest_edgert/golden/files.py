"""Files of a golden: read whole without following links or trusting sizes, written both or none."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

from pytest_edgert.errors import ArtefactError

#: End of the name of a file that is being written.
PART_SUFFIX = ".golden.part"


def read_capped(path: Path, limit_bytes: int) -> bytes:
    """Return the content of a regular file.

    Args:
        path: The file; a link is refused, wherever it points.
        limit_bytes: Most bytes it may have.

    Raises:
        FileNotFoundError: Nothing is there.
        ArtefactError: It is a link, no regular file, larger than the limit, or unreadable.
    """
    try:
        # Non-blocking, so that a FIFO does not hold the test up before it is refused.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ArtefactError(
                f"{path} is a symbolic link; goldens are not read through links.", "Put the file itself there."
            ) from error
        raise _unreadable(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ArtefactError(f"{path} is not a regular file.", "Put the golden's own file there.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(limit_bytes + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if len(content) > limit_bytes:
        raise ArtefactError(
            f"{path} has {max(status.st_size, len(content))} bytes; a golden's file may have {limit_bytes}.",
            "Record a smaller golden: a smaller batch or shape.",
        )
    return content


def _unreadable(path: Path, error: OSError) -> ArtefactError:
    return ArtefactError(
        f"{path} cannot be read: {error.strerror or error}.", "Check its permissions and those of its folder."
    )


def check_folder(folder: Path) -> None:
    """Raise ArtefactError when a folder of goldens is itself a symbolic link."""
    if folder.is_symlink():
        raise ArtefactError(
            f"{folder} is a symbolic link; goldens are not read through links.",
            f"Name the folder it points to: --edge-goldens={folder.resolve()}.",
        )


def write_pair(payload: tuple[Path, bytes], manifest: tuple[Path, bytes]) -> None:
    """Write a payload and then the manifest that names it; after an error neither is changed.

    The rename of the manifest is the moment at which the new golden is there: until then the old manifest names the
    old payload, which lies under another name.

    Args:
        payload: Its path, which its content is part of, and its bytes.
        manifest: Its path in the same folder, and its bytes.

    Raises:
        ArtefactError: The folder or a file cannot be written.
    """
    folder = manifest[0].parent
    was_there = os.path.lexists(payload[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(*payload)
        try:
            _replace(*manifest)
        except BaseException:
            if not was_there:
                payload[0].unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ArtefactError(
            f"The golden {manifest[0]} cannot be written: {error.strerror or error}.",
            "Make the folder writable, or name another one with --edge-goldens=DIR.",
        ) from error


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{secrets.token_hex(8)}{PART_SUFFIX}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
