"""A folder of goldens: where each lies, which one serves a target, read and written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_edgert.contracts import Target
from pytest_edgert.errors import ArtefactError, GoldenMissingError, UsageError
from pytest_edgert.golden.files import PART_SUFFIX, check_folder, read_capped, write_pair
from pytest_edgert.golden.format import parse_manifest, parse_payload, render
from pytest_edgert.golden.manifest import Golden, Manifest
from pytest_edgert.golden.names import MANIFEST_SUFFIX, PAYLOAD_SUFFIX, check_name, payload_file, variant_names

#: Name of the folder beside a gate file, a test or a model.
FOLDER = "goldens"

#: Most bytes of a manifest: room for per-channel scales of some hundred thousand channels.
MANIFEST_LIMIT_BYTES = 16 * 2**20
#: Most bytes of a payload; goldens lie in version control.
PAYLOAD_LIMIT_BYTES = 256 * 2**20

_NEW = "Record it, and look at what was recorded: pytest … --edge-update-golden=new."


@dataclass(frozen=True, slots=True)
class FoundGolden:
    """Which golden serves a target.

    Args:
        name: Its name, with the variant it was found under.
        path: Its manifest.
        note: One sentence when a less specific golden stands in for the target's own; empty otherwise.
    """

    name: str
    path: Path
    note: str = ""


@dataclass(frozen=True, slots=True)
class GoldenEntry:
    """One golden of a folder, sound or not.

    Args:
        name: Its name; of a stray payload its file name.
        path: The manifest, or the stray payload.
        manifest: What it tells; None when it cannot be read.
        problem: Why it cannot be used, with the remedy; empty when it is sound.
    """

    name: str
    path: Path
    manifest: Manifest | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class GoldenStore:
    """The goldens of one folder; nothing outside it is read or written.

    Args:
        root: The folder; it need not exist before something is written.
        limit_bytes: Most bytes of one payload.
    """

    root: Path
    limit_bytes: int = PAYLOAD_LIMIT_BYTES

    def path(self, name: str) -> Path:
        """Return where the manifest of a golden lies, there or not; raises UsageError for an unsafe name."""
        return self.root / f"{check_name(name)}{MANIFEST_SUFFIX}"

    def holds(self, name: str) -> bool:
        """Return whether a golden of this name or a variant of it lies here, sound or not; never raises for its state.

        A damaged golden or a link counts: a check of it fails and tells why, where dropping the check would be silent.
        """
        files = (self.path(name), *self.root.glob(f"{name}@*{MANIFEST_SUFFIX}"))
        return any(os.path.lexists(path) for path in files)

    def find(self, name: str, target: Target | None = None) -> FoundGolden:
        """Return the golden that serves a target, the most specific variant first.

        Args:
            name: The golden's name without variant.
            target: Where the model runs; None finds `name` itself only.

        Raises:
            GoldenMissingError: There is none; says how to record it.
            ArtefactError: The folder is a symbolic link.
        """
        check_folder(self.root)
        candidates = variant_names(name, target) if target is not None else (name,)
        found = next((one for one in candidates if os.path.lexists(self.path(one))), None)
        if found is None:
            aim = f" for {target}" if target is not None else ""
            raise GoldenMissingError(
                f"There is no golden {name!r}{aim} in {self.root}; looked for {', '.join(candidates)}.", _NEW
            )
        return FoundGolden(found, self.path(found), self._note(found, candidates))

    def _note(self, found: str, candidates: tuple[str, ...]) -> str:
        """A plain golden that has no variants is shared by all targets on purpose."""
        if found == candidates[0] or (found == candidates[-1] and not any(self.variants(found))):
            return ""
        return f"The golden {found!r} stands in for {candidates[0]!r}, which was not recorded."

    def variants(self, name: str) -> Iterator[str]:
        """Give the names of the platform variants of a golden that are there, sorted."""
        yield from (one for one in self._names() if one.startswith(f"{name}@"))

    def read(self, name: str, target: Target | None = None, *, model_sha256: str | None = None) -> Golden:
        """Return the golden that serves a target, every byte of it verified.

        Args:
            name: The golden's name without variant.
            target: Where the model runs; None reads `name` itself.
            model_sha256: Hash of the artefact that is compared; None does not ask.

        Raises:
            GoldenMissingError: There is none.
            ArtefactError: It is truncated, edited, of an unknown schema version, of another model or name, without
                its payload, too large, or reached through a link.
        """
        found = self.find(name, target)
        manifest = self.read_manifest(found.name)
        if model_sha256 is not None:
            check_model(manifest, model_sha256, str(found.path))
        path = self.root / payload_file(found.name, manifest.payload.sha256)
        if manifest.payload.size_bytes > self.limit_bytes:
            raise ArtefactError(
                f"{path} is told to have {manifest.payload.size_bytes} bytes; a payload may have {self.limit_bytes}.",
                "Record a smaller golden: a smaller batch or shape.",
            )
        try:
            content = read_capped(path, self.limit_bytes)
        except FileNotFoundError as error:
            raise ArtefactError(
                f"{found.path} has no payload: {path.name} is missing.",
                "Restore it from version control (is it ignored there?), or record again: "
                "pytest … --edge-update-golden=all.",
            ) from error
        return parse_payload(content, manifest, str(path))

    def read_manifest(self, name: str) -> Manifest:
        """Return what the golden of exactly this name, variant included, tells; its payload is not read.

        Raises:
            GoldenMissingError, ArtefactError: As `read` says.
        """
        check_folder(self.root)
        path = self.path(name)
        try:
            content = read_capped(path, MANIFEST_LIMIT_BYTES)
        except FileNotFoundError as error:
            raise GoldenMissingError(f"There is no golden {name!r} in {self.root}.", _NEW) from error
        manifest = parse_manifest(content, str(path))
        if manifest.name != name:
            raise ArtefactError(
                f"{path} is the golden {manifest.name!r} under another name.",
                "Rename it back, or record this one: delete the file and run pytest … --edge-update-golden=new.",
            )
        return manifest

    def write(self, golden: Golden) -> Path:
        """Write a golden under its manifest's name and return the manifest's path; both files are written or none.

        Args:
            golden: Its arrays fit its manifest; ``manifest.payload`` is filled in here.

        Raises:
            UsageError: It is too large, an array cannot be held, or arrays and manifest differ.
            ArtefactError: The folder is a link or cannot be written.
        """
        check_folder(self.root)
        path = self.path(golden.manifest.name)
        content, payload, manifest = render(golden)
        self._check_size(manifest.name, len(content), len(payload))
        before = self._payload_of(manifest.name)
        now = self.root / payload_file(manifest.name, manifest.payload.sha256)
        write_pair((now, payload), (path, content))
        if before is not None and before != now:
            before.unlink(missing_ok=True)
        return path

    def _check_size(self, name: str, manifest_bytes: int, payload_bytes: int) -> None:
        if manifest_bytes > MANIFEST_LIMIT_BYTES or payload_bytes > self.limit_bytes:
            raise UsageError(
                f"The golden {name!r} would have {payload_bytes} bytes of tensors and {manifest_bytes} of manifest; "
                f"the limits are {self.limit_bytes} and {MANIFEST_LIMIT_BYTES}.",
                "Use a smaller batch or shape, or do not store the inputs.",
            )

    def _payload_of(self, name: str) -> Path | None:
        """The payload that the present manifest names; a damaged manifest names none."""
        try:
            manifest = self.read_manifest(name)
        except ArtefactError:
            return None
        return self.root / payload_file(name, manifest.payload.sha256)

    def entries(self) -> tuple[GoldenEntry, ...]:
        """Return every golden of the folder, each read in full, then what recordings that were killed left behind."""
        entries = [self._entry(name) for name in self._names()]
        if all(entry.manifest is not None for entry in entries):
            named = {payload_file(e.name, e.manifest.payload.sha256) for e in entries if e.manifest is not None}
            stray = (path for path in self._files(PAYLOAD_SUFFIX) if path.name not in named)
            entries += [
                GoldenEntry(path.name, path, None, "No manifest names this payload. Delete it.") for path in stray
            ]
        left = sorted(self.root.glob(f".*{PART_SUFFIX}"))
        entries += [GoldenEntry(path.name, path, None, "A recording ended before it. Delete it.") for path in left]
        return tuple(entries)

    def _entry(self, name: str) -> GoldenEntry:
        manifest, path = None, self.root / f"{name}{MANIFEST_SUFFIX}"
        try:
            manifest = self.read_manifest(name)
            self.read(name)
        except (ArtefactError, UsageError) as error:
            return GoldenEntry(name, path, manifest, str(error))
        return GoldenEntry(name, path, manifest)

    def _names(self) -> list[str]:
        return [path.name.removesuffix(MANIFEST_SUFFIX) for path in self._files(MANIFEST_SUFFIX)]

    def _files(self, suffix: str) -> list[Path]:
        check_folder(self.root)
        return sorted(path for path in self.root.glob(f"*{suffix}") if not path.name.startswith("."))


def check_model(manifest: Manifest, sha256: str, where: str) -> None:
    """Raise ArtefactError when a golden belongs to another model than the one with this hash."""
    if manifest.model.sha256 != sha256:
        raise ArtefactError(
            f"{where} was recorded from another model: {manifest.model.file} with hash {manifest.model.sha256[:12]}…, "
            f"this one has {sha256[:12]}….",
            "If the model was changed on purpose, record again: pytest … --edge-update-golden=changed.",
        )
