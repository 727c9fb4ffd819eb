"""The end of a run: exit status, JSON document, and the summary on the terminal."""

from __future__ import annotations

import platform
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_edgert import clock
from pytest_edgert.plugin import exit_status
from pytest_edgert.plugin.outcomes import settings_if_any
from pytest_edgert.plugin.progress import progress_printer
from pytest_edgert.records import Plain, Verdict
from pytest_edgert.reports import json_report, terminal
from pytest_edgert.reports.calibration_text import calibration_lines
from pytest_edgert.reports.json_report import Document

if TYPE_CHECKING:
    from pytest_edgert.contracts import RuntimeInfo
    from pytest_edgert.plugin.ledger import Ledger
    from pytest_edgert.plugin.settings import Settings
    from pytest_edgert.reports.items import ItemOutcome

__all__ = ["check_start", "end_run", "header", "make_document", "missing_items", "print_summary", "progress_printer"]

#: Facts of the device that change figures and have a place in the header.
HEADER_FACTS = ("cpu_model", "cores_usable", "governor", "virtualised")


def header(config: pytest.Config) -> list[str]:
    """Return the header's lines: the device under test, runtimes with versions, threads and seed."""
    from pytest_edgert.plugin import state

    around = state.surroundings_of(config)
    device = state.device_of(config)
    return terminal.header_lines(
        device=device.profile.id,
        facts={name: device.facts.get(name) for name in HEADER_FACTS},
        runtimes={name: _version(around.infos[name]) for name in sorted(around.installed)},
        threads=around.threads,
        seed=around.settings.seed,
    )


def _version(info: RuntimeInfo) -> str:
    """Return the version of the distribution that brings a runtime; the runtime's own is in each record."""
    from importlib.metadata import PackageNotFoundError, version

    for name in info.distributions if info.modules else ():
        with suppress(PackageNotFoundError):
            return version(name)
    return "(built in)"


def check_start(config: pytest.Config) -> None:
    """Raise UsageError where the end of this run could not be written down. For ``pytest_configure``, not in workers."""
    settings = settings_if_any(config)
    if settings is not None and settings.json_path is not None:
        json_report.check_writable(settings.json_path)


def end_run(ledger: Ledger, session: pytest.Session, status: int) -> None:
    """Set the exit status of the session and write the JSON document where one was asked for."""
    settings = settings_if_any(ledger.config)
    missing = missing_items(ledger, status)
    everything = [*ledger.items, *missing]
    asked = bool(settings is not None and settings.models) or any(item.gate for item in everything)
    accept = settings is not None and settings.accept
    required = missing_required(ledger.config, settings) if settings is not None else []
    ending = exit_status.decide(status, everything, gate_asked=asked, accept=accept, missing_required=required)
    ledger.reasons = ending.reasons
    session.exitstatus = ending.status
    if settings is not None and settings.json_path is not None:
        _write(ledger, session, settings.json_path, missing)
    if settings is not None and settings.calibrate is not None:
        _write_margins(ledger, session, settings.calibrate)


def missing_required(config: pytest.Config, settings: Settings) -> list[str]:
    """Return why each target of ``--edge-require`` that is missing is; it fails a run that never met it too."""
    if not settings.required_targets:
        return []
    from pytest_edgert.plugin.cells import missing_target
    from pytest_edgert.plugin.state import surroundings_of

    around = surroundings_of(config)
    errors = (missing_target(target, around) for target in settings.required_targets)
    return [str(error) for error in errors if error is not None]


def missing_items(ledger: Ledger, status: int) -> list[ItemOutcome]:
    """Return the items that were planned and did not run, each with why."""
    interrupted = status == pytest.ExitCode.INTERRUPTED
    return ledger.not_run("the run was interrupted first" if interrupted else "the run ended first")


def _write(ledger: Ledger, session: pytest.Session, path: Path, missing: list[ItemOutcome]) -> None:
    document = make_document(ledger, int(session.exitstatus), missing)
    try:
        json_report.write_document(path, document)
    except OSError as error:
        refuge = Path(tempfile.mkdtemp(prefix="edgert-")) / path.name
        json_report.write_document(refuge, document)
        ledger.reasons += (f"--edge-json={path} cannot be written ({error.strerror}); the document is in {refuge}",)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def _write_margins(ledger: Ledger, session: pytest.Session, path: Path) -> None:
    try:
        path.write_text("".join(f"{line}\n" for line in calibration_lines(ledger.records)), encoding="utf-8")
    except OSError as error:
        ledger.reasons += (f"--edge-calibrate={path} cannot be written ({error.strerror})",)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def make_document(ledger: Ledger, status: int, missing: list[ItemOutcome]) -> Document:
    """Return the run as the JSON document has it."""
    from importlib.metadata import version

    return Document(
        tool_version=version("pytest-edgert"),
        created_utc=clock.utc_now(),
        command=("pytest", *map(str, ledger.config.invocation_params.args)),
        environment=_environment(),
        exit_status=status,
        records=tuple(ledger.records),
        items=tuple(ledger.items),
        not_run=tuple(missing),
    )


def _environment() -> dict[str, Plain]:
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "python": sys.version.split()[0],
        "pytest": pytest.__version__,
    }


def print_summary(ledger: Ledger, reporter: pytest.TerminalReporter, status: int) -> None:
    """Print the summary of the run; nothing when no test of ours and no gate was there."""
    everything = [*ledger.items, *missing_items(ledger, status)]
    if not (everything or ledger.records or ledger.reasons):
        return
    reporter.write_sep("=", "edgert")
    width = reporter._tw.fullwidth  # noqa: SLF001 - the width pytest itself prints to has no public name
    for line in terminal.summary_lines(ledger.records, everything, width):
        reporter.write_line(line.text, **_markup(line.verdict))
    settings = settings_if_any(ledger.config)
    if settings is not None and settings.calibrate is not None:
        reporter.write_line(f"calibration, nothing was judged by it; written to {settings.calibrate}:")
        for told in calibration_lines(ledger.records):
            reporter.write_line(f"  {told}")
    for reason in ledger.reasons:
        reporter.write_line(f"edgert: exit status is not zero: {reason}.", red=True)


def _markup(verdict: Verdict | None) -> dict[str, bool]:
    """Return colours; the reporter leaves them out where the output is no terminal."""
    if verdict is None or verdict is Verdict.MEASURED:
        return {}
    colour = {"passed": "green", "failed": "red", "error": "red"}[verdict.outcome]
    return {"yellow" if verdict is Verdict.INCONCLUSIVE else colour: True}
