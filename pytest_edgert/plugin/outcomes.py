"""How a verdict ends a test: passed, failed, error, skipped, and what pytest says of it.

| hook | function |
|---|---|
| ``pytest_runtest_protocol`` (wrapper, tryfirst) | `recorder.start_item` before, `recorder.finish_item` after |
| ``pytest_runtest_setup``, ``pytest_runtest_call`` (wrapper, tryfirst) | `translated(item)` around the yield |
| ``pytest_runtest_makereport`` (wrapper, tryfirst) | `complete_report(item, call, report)` after the yield |
| ``pytest_report_teststatus`` (tryfirst) | `status_of(report)` |
| ``pytest_configure``, not in an xdist worker | register `ledger.Ledger(config)`, whose methods are the other hooks |

Nothing here imports NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgert.errors import (
    EdgertError,
    NotApplicableError,
    TargetMissingError,
    UnreadGridsError,
    UnsupportedModelError,
)
from pytest_edgert.plugin import items, recorder
from pytest_edgert.recording import VerdictError
from pytest_edgert.records import CheckRecord, Verdict, worst
from pytest_edgert.reports import junit, text

if TYPE_CHECKING:
    from pytest_edgert.plugin.settings import Settings
    from pytest_edgert.reports.items import ItemOutcome

#: Attribute of a report that holds the word of its verdict.
ATTRIBUTE = "edgert_verdict"
#: Styles of tracebacks that are asked for by those who want to see our insides.
_FULL_STYLES = ("long", "native")

_SKIPPED_FOR = pytest.StashKey[EdgertError]()


@contextmanager
def translated(item: pytest.Item) -> Iterator[None]:
    """Run a phase of a test; turn errors into skips and xfails where the run's settings say so."""
    __tracebackhide__ = True
    try:
        yield
    except (UnsupportedModelError, TargetMissingError, NotApplicableError) as error:
        if must_be_there(item) and not isinstance(error, NotApplicableError):
            raise
        item.stash[_SKIPPED_FOR] = error
        raise pytest.skip.Exception(str(error)) from error
    except VerdictError as error:
        conclude(error.record, inconclusive_as(item.config))
        raise


def conclude(record: CheckRecord, inconclusive: str) -> None:
    """Skip or xfail an INCONCLUSIVE test where that was asked for; other records are left to their error.

    Args:
        record: What the check found.
        inconclusive: ``fail``, ``skip`` or ``xfail``.
    """
    __tracebackhide__ = True
    if record.verdict is not Verdict.INCONCLUSIVE or inconclusive == "fail":
        return
    kind = pytest.skip.Exception if inconclusive == "skip" else pytest.xfail.Exception
    raise kind(text.headline(record))


def inconclusive_as(config: pytest.Config) -> str:
    """Return what an INCONCLUSIVE verdict becomes; in acceptance mode always a failure."""
    settings = settings_if_any(config)
    return "fail" if settings is None or settings.accept else settings.inconclusive.value


def must_be_there(item: pytest.Item) -> bool:
    """Return whether a missing target fails the test: it was named, or the run is an acceptance."""
    settings = settings_if_any(item.config)
    plan = items.cell_plan_of(item)
    artefact_without_cell = plan is not None and hasattr(item, "cell")
    return artefact_without_cell or (settings is not None and settings.accept) or (plan is not None and plan.named)


def settings_if_any(config: pytest.Config) -> Settings | None:
    """Return the settings of the run, None when no option of ours is in use."""
    from pytest_edgert.plugin.options import any_given
    from pytest_edgert.plugin.state import SETTINGS, settings_of

    return settings_of(config) if SETTINGS in config.stash or any_given(config) else None


def complete_report(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Put records, verdict and readable sentences on the report of one phase; other tests are left alone."""
    error = None if call.excinfo is None else call.excinfo.value
    records = _take_records(item, report, error)
    if items.is_cell_item(item):
        items.attach(report, _described(item, report))
    if records:
        recorder.attach(report, records)
        _add_properties(item, report, records)
    verdict = _verdict(report, records, error)
    if verdict is None:
        return
    setattr(report, ATTRIBUTE, verdict.value)
    if verdict.outcome == "error" and hasattr(report, "wasxfail"):
        # What could not be judged is no expected failure.
        del report.wasxfail
        report.outcome = "failed"
    if report.failed and isinstance(error, (VerdictError, EdgertError)):
        _say(item, call, report, _lines(error, verdict))


def status_of(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str] | None:
    """Return category, letter and word of a report with a verdict of ours, None for any other."""
    word = getattr(report, ATTRIBUTE, None)
    if word is None:
        return _status_of_crash(report)
    verdict = Verdict(word)
    if report.passed:
        return ("passed", ".", "MEASURED") if verdict is Verdict.MEASURED else None
    if not report.failed:
        return None
    if verdict.outcome == "error":
        return ("error", "E", word)
    return ("failed", "F", "FAILED" if verdict is Verdict.FAIL else word)


def crashed(report: pytest.TestReport | pytest.CollectReport) -> bool:
    """Return whether pytest-xdist made this report because the process that ran one of our tests died."""
    return report.when == "???" and items.is_cell_id(report.nodeid)


def _status_of_crash(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str] | None:
    return ("error", "E", Verdict.INFRA.value) if crashed(report) else None


def _take_records(item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> tuple[CheckRecord, ...]:
    kept = recorder.recorder_of(item)
    if isinstance(error, VerdictError):
        kept.keep(error.record)
    elif isinstance(error, EdgertError) and not report.skipped and (about := items.describe(item)).cell is not None:
        kept.record(CheckRecord(about.check, about.cell, Verdict(error.verdict), error.message, error.remedy))
    records = kept.records
    kept.clear()
    return records


def _verdict(
    report: pytest.TestReport, records: tuple[CheckRecord, ...], error: BaseException | None
) -> Verdict | None:
    """Return the verdict of a phase; None where pytest's own outcome says more."""
    if report.skipped and not hasattr(report, "wasxfail"):
        return None
    if isinstance(error, VerdictError):
        return error.record.verdict
    if isinstance(error, EdgertError):
        return Verdict(error.verdict)
    if not records:
        return None
    verdict = worst([record.verdict for record in records])
    return None if verdict.green != report.passed else verdict


def _described(item: pytest.Item, report: pytest.TestReport) -> ItemOutcome:
    """Return the item with the reason and remedy of its skip; a skip of ours points at the test, not at this file."""
    about = items.describe(item)
    if not report.skipped or hasattr(report, "wasxfail"):
        return about
    location = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
    reason = str(location[2]).removeprefix("Skipped: ")
    error = item.stash.get(_SKIPPED_FOR, None)
    if error is None:
        return replace(about, reason=reason)
    path, line, _ = item.reportinfo()
    report.longrepr = (str(path), (line or 0) + 1, f"Skipped: {reason}")
    applies = not isinstance(error, NotApplicableError) or isinstance(error, UnreadGridsError)
    return replace(about, reason=error.message, remedy=error.remedy, applies=applies)


def _add_properties(item: pytest.Item, report: pytest.TestReport, records: tuple[CheckRecord, ...]) -> None:
    """Give properties to this report and, through the item, to the teardown report that JUnit reads."""
    for name_and_value in junit.properties(records):
        item.user_properties.append(name_and_value)
        if report.user_properties is not item.user_properties:
            report.user_properties.append(name_and_value)


def _lines(error: VerdictError | EdgertError, verdict: Verdict) -> list[str]:
    if isinstance(error, VerdictError):
        return list(text.sentences(error.record))
    remedy = [f"  What to do: {error.remedy}"] if error.remedy else []
    return [f"{verdict.value}: {error.message}", *remedy]


def _say(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport, lines: list[str]) -> None:
    """Let the report say sentences; a traceback stays only for those who asked for all of it."""
    config = item.config
    wants_all = config.option.verbose >= 2 or config.option.tbstyle in _FULL_STYLES or config.option.fulltrace
    longrepr: Any = report.longrepr
    if wants_all and hasattr(longrepr, "addsection"):
        longrepr.addsection("verdict", "\n".join(lines))
        if longrepr.reprcrash is not None:
            longrepr.reprcrash.message = lines[0]
        return
    report.longrepr = "\n".join([*lines, *_place(item, call)])


def _place(item: pytest.Item, call: pytest.CallInfo[None]) -> list[str]:
    """Return where in the user's own file the check was asked for."""
    if call.excinfo is None:
        return []
    own = [entry for entry in call.excinfo.traceback if str(entry.path) == str(item.path)]
    return [f"  at {item.location[0]}:{own[0].lineno + 1}: {str(own[0].statement).strip()}"] if own else []
