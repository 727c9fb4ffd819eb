"""What ``--edge-baseline`` names: an artefact to measure beside the one under test, or the JSON document of a run."""

from __future__ import annotations

from pathlib import Path

from pytest_edgert.baselines import Comparison
from pytest_edgert.errors import ArtefactError, UsageError
from pytest_edgert.reports.json_report import Document, read_document
from pytest_edgert.reports.text import share
from pytest_edgert.runtimes.artefact import identify, known_suffixes
from pytest_edgert.stored_runs import StoredRun
from pytest_edgert.verdicts.margin import Margin

_REMEDY = "Name a model file, or a document that --edge-json wrote."


def read_comparison(path: Path, source: str, margin: Margin) -> Comparison:
    """Return what to compare with: an artefact by its suffix, else a stored run.

    Args:
        path: The value of the option, absolute.
        source: Who gave it.
        margin: How much slower is allowed.

    Raises:
        UsageError: Nothing lies there, or it is neither.
    """
    if path.suffix.lower() in known_suffixes():
        try:
            return Comparison(margin, artefact=identify(path))
        except ArtefactError as error:
            raise UsageError(f"{source}: {error.message}", error.remedy) from error
    document = _read(path, source)
    return Comparison(margin, stored=StoredRun(path, document.records))


def _read(path: Path, source: str) -> Document:
    if path.is_dir():
        raise UsageError(f"{source}: {path} is a folder.", _REMEDY)
    try:
        return read_document(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{source}: {path} does not exist.", _REMEDY) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{source}: {path} cannot be read as a document: {error}.", _REMEDY) from error
    except (UsageError, RecursionError) as error:
        told = error.message if isinstance(error, UsageError) else "it nests too deep."
        raise UsageError(f"{source}: {path}: {told}", _REMEDY) from error


def comparison_text(comparison: Comparison) -> str:
    """Return the header's words for a comparison."""
    how = "by its stored samples" if comparison.stored is not None else "measured in turn with it"
    return f"baseline {comparison.path}, {how}; margin {share(comparison.margin.share)} ({comparison.margin.source})"
