"""Raw samples into the run folder: those of a whole measurement, and those that a lost worker left behind."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from pytest_edgert.errors import WorkerError
from pytest_edgert.harness import Finding
from pytest_edgert.records import Verdict
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.measure.parts import KeptParts
    from pytest_edgert.measure.samples import LatencySamples

_files = count(1)


def keep_samples(session: EdgeSession, check: str, samples: LatencySamples) -> tuple[str, str]:
    """Write the samples of a check into the run folder; returns the path and the SHA-256 of the file in hex."""
    from pytest_edgert.measure.samples import write_samples

    path = session.pool.run.folder / f"{check}-{next(_files):04d}.safetensors"
    return str(path), write_samples(path, samples)


def lost(session: EdgeSession, check: str, error: WorkerError, parts: KeptParts) -> tuple[Finding, str, str]:
    """Return the finding for a worker that was lost in the middle, and where the samples so far lie: path and SHA-256.

    Raises:
        WorkerError: The error itself, where nothing had come.
    """
    samples = parts.samples("the worker was lost")
    if samples is None:
        raise error
    path, digest = keep_samples(session, f"{check}-lost", samples)
    n = len(samples.durations_ns)
    told = f"{n:,} samples that came before are kept in {path}"
    found = Finding(Verdict(error.verdict), error.message, error.remedy, notes=(f"{told}; they are no verdict",))
    return found, path, digest
